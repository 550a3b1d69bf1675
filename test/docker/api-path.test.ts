import t from 'tap';
import { apiPath } from '../../src/docker/rules/api-path.ts';
import { endpointsOf } from '../../src/docker/rules/endpoints.ts';

/** What a real Engine made of each: the same, in `good`, or a redirection, a refusal, nothing at all. */
const GOOD: readonly (readonly [uri: string, path: string])[] = [
  ['/_ping', '/_ping'],
  ['/v1.41/containers/json?all=1&filters=%7B%7D', '/containers/json'],
  ['/v1.41/%63ontainers/abc/%65xec', '/containers/abc/exec'],
  ['/v1.41%2Fcontainers%2Fabc%2Fexec', '/containers/abc/exec'],
  ['/v1.41/images/registry.example.com:5000/a/b@sha256:00ff/json', '/images/registry.example.com:5000/a/b@sha256:00ff/json'],
  ['/v1.41.1.1/volumes', '/volumes'],
  ['/volumes?a=b#c', '/volumes'],
];
const BAD = [
  '', 'containers/json', 'http://docker/v1.41/containers/json', '*', '/', '/v1.41', '/v1.41/', '//containers/json', '/v1.41//containers/json', '/v1.41/containers/json/',
  '/v1.41/containers/../images/json', '/v1.41/./containers/json', '/v1.41/containers/%2e%2e/images/json', '/v1.41/containers/%2E%2E%2Fimages/json', '/v1.41/containers/%2Fjson',
  '/v1.41/containers/%2565xec', '/v1.41/containers/a%00/exec', '/v1.41/containers/a%0a/exec', '/v1.41/containers/a\\exec', '/v1.41/containers/a;exec', '/v1.41/containers/a%3Fb', '/v1.41/containers/a#b',
  '/v1.41/containers/%', '/v1.41/containers/%zz', '/v1.41/containers/%e4', '/v1.41/containers/ä', '/v1.41/containers/a b', `/${'a'.repeat(9000)}`,
];

t.test('a path is read as the Engine\'s router reads it', async (t) => {
  for (const [uri, path] of GOOD) t.equal(apiPath(uri), path, uri);
});

t.test('what the Engine would send elsewhere, or what cannot be part of a call, is not understood', async (t) => {
  for (const uri of BAD) t.equal(apiPath(uri), undefined, JSON.stringify(uri.slice(0, 60)));
});

t.test('calls are of the kind that they are', async (t) => {
  for (const [call, ...kinds] of [
    ['HEAD /_ping', 'hello'], ['GET /version', 'hello'], ['OPTIONS /containers/json', 'hello'],
    ['GET /containers/json', 'read'], ['GET /containers/abc/json', 'read'], ['GET /images/a/b/c/json', 'read'], ['GET /swarm', 'swarm'], ['GET /configs/x', 'configs'],
    ['GET /containers/abc/logs', 'logs'], ['POST /containers/abc/exec', 'exec'], ['POST /exec/abc/start', 'exec'], ['GET /containers/abc/attach/ws', 'exec'], ['POST /containers/abc/attach', 'exec'],
    ['GET /containers/abc/archive', 'files'], ['GET /containers/abc/export', 'files'], ['POST /containers/create', 'create'], ['DELETE /containers/abc', 'create'], ['POST /build', 'build'],
    ['POST /images/registry:5000/a/push', 'images'], ['DELETE /images/a/b', 'images'], ['POST /plugins/a/b/enable', 'plugins'], ['GET /plugins/privileges', 'plugins'], ['POST /auth', 'login'],
  ] as const) {
    const [method = '', path = ''] = call.split(' ');
    t.same(endpointsOf(method, path), kinds, call);
  }
});

t.test('what is not known is of no kind', async (t) => {
  for (const call of ['get /containers/json', 'HEAD /containers/json', 'GET /containers/a/b/json', 'POST /containers/a/b/exec', 'GET /containers/json/x', 'PATCH /containers/abc', 'GET /Containers/json', 'GET /new/thing', 'POST /_ping', 'GET /__proto__', 'GET /constructor']) {
    const [method = '', path = ''] = call.split(' ');
    t.same(endpointsOf(method, path), [], call);
  }
});
