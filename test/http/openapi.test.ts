import { readFileSync } from 'node:fs';
import { AggregatorRegistry } from 'prom-client';
import t from 'tap';
import { type Json, startTestService } from '../helpers/service.ts';
import { repositoryFile } from '../repository.ts';

/** The calls of the REST contract: what is served must have them, and what is documented is what is served. */
const CONTRACT = [
  'POST /v1/requests', 'GET /v1/requests/{id}', 'GET /v1/requests', 'POST /v1/requests/{id}/approve', 'POST /v1/requests/{id}/deny', 'POST /v1/renewals',
  'GET /v1/certificates', 'GET /v1/certificates/{serial}', 'POST /v1/certificates/{serial}/revoke', 'POST /v1/tokens', 'GET /v1/tokens', 'DELETE /v1/tokens/{id}',
  'GET /v1/acme/accounts', 'GET /v1/acme/orders', 'POST /v1/acme/eab-keys',
  'GET /v1/authorities', 'GET /v1/authorities/{name}', 'GET /v1/audit', 'GET /crl/{authority}.crl', 'GET /crl/{authority}.pem', 'GET /healthz', 'GET /readyz',
];

t.test('OpenAPI is served, committed, and the same', async (t) => {
  const everyPart = JSON.parse(readFileSync(repositoryFile('scripts/every-part.json'), 'utf8')) as Record<string, string>;
  const chancery = await startTestService(t, { settings: everyPart });
  const served = (await chancery.call('GET', '/openapi.json')).json;
  t.same(served, JSON.parse(readFileSync(repositoryFile('openapi/chancery.v1.json'), 'utf8')), 'npm run schemas writes it anew');
  t.match(served.openapi, /^3\.1\./);
  const calls = Object.entries(served.paths as Json).flatMap(([path, methods]) => Object.keys(methods as Json).map((method) => `${method.toUpperCase()} ${path}`));
  for (const call of CONTRACT) t.ok(calls.includes(call), call);

  const references = JSON.stringify(served).match(/"#\/components\/schemas\/[^"]+"/g) ?? [];
  for (const reference of new Set(references)) {
    const name = reference.slice('"#/components/schemas/'.length, -1);
    t.ok(served.components.schemas[name], `${name} is there`);
  }
  const operations = Object.values(served.paths as Json).flatMap((methods) => Object.values(methods as Json)) as Json[];
  for (const operation of operations) {
    t.ok(operation.summary, 'every call says what it is');
    t.ok(Object.keys(operation.responses).length > 0);
  }
});

t.test('the pages at /docs are there, under a strict policy', async (t) => {
  const chancery = await startTestService(t);
  const page = await chancery.call('GET', '/docs/');
  t.match(page.text, '<title>Chancery</title>');
  const { status, headers } = await chancery.call('GET', '/');
  t.match({ status, location: headers['location'] }, { status: 302, location: '/docs' }, 'the address that the service prints leads there');
  t.equal(page.status, 200);
  t.match(page.text, /swagger/i);
  t.match(page.headers['content-security-policy'], /default-src 'self'/);
  t.notMatch(page.headers['content-security-policy'], /unsafe|https:|validator/);
  t.notMatch(page.text, /<style|<script(?! src="\.\/)|\son\w+=|https?:/, 'nothing inline, nothing from elsewhere');
  for (const [, file = ''] of page.text.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) t.equal((await chancery.call('GET', `/docs/${file}`)).status, 200, file);
});

t.test('metrics', async (t) => {
  const chancery = await startTestService(t);
  const { metrics } = chancery.service.addresses;
  const text = await (await fetch(`${metrics}/metrics`)).text();
  for (const line of [
    /^chancery_requests_total\{state="issued",profile="service"\} 1$/m, /^chancery_crl_number\{authority="issuing",document="full"\} 1$/m, /^chancery_crl_left_seconds\{authority="root",document="full"\} \d/m,
    /^chancery_authority_days_left\{authority="issuing"\} \d/m, /^chancery_issuance_seconds_count\{part="store"\} \d/m, /^process_resident_memory_bytes \d/m,
  ]) t.match(text, line);
});

t.test('workers read the same from the store, which is not added up', async (t) => {
  const chancery = await startTestService(t);
  const page = await chancery.service.core.metrics.registry.getMetricsAsJSON();
  const all = await AggregatorRegistry.aggregate([page, page]).metrics();
  t.match(all, /^chancery_crl_number\{authority="issuing",document="full"\} 1$/m);
  t.match(all, /^chancery_requests_total\{state="issued",profile="service"\} 2$/m, 'counters are');
});

t.test('replies have an id and are counted', async (t) => {
  const chancery = await startTestService(t);
  const reply = await chancery.call('GET', '/v1/certificates');
  t.equal(reply.status, 401);
  t.match(reply.headers['x-request-id'], /^[0-9a-f-]{36}$/);
  await chancery.plain('GET', '/healthz');
  const text = await (await fetch(`${chancery.service.addresses.metrics}/metrics`)).text();
  t.match(text, /^chancery_http_replies_total\{status="2xx"\} 1$/m);
  t.match(text, /^chancery_http_replies_total\{status="4xx"\} 1$/m);
  t.match(text, /^chancery_http_replies_total\{status="503"\} 0$/m);
});
