import { readFileSync } from 'node:fs';
import t from 'tap';
import { certId, ocspRequest } from '../helpers/ocsp.ts';
import { makeCsr } from '../helpers/openssl.ts';
import { type Call, type Reply, startTestService } from '../helpers/service.ts';

const REQUEST = { 'content-type': 'application/ocsp-request' };

t.test('what is answered early has the status, the headers and the body that the routes give, and what is not is left to them', async (t) => {
  // Here a call that is logged is never answered early.
  const chancery = await startTestService(t, { settings: { CHANCERY_LOG__REQUESTS: 'true' } });
  const { csr } = makeCsr(chancery.folder, 'a', { san: 'DNS:a.example.com' });
  const { serial } = (await chancery.call('POST', '/v1/requests?profile=server', { certificate: chancery.operator, headers: { 'content-type': 'application/pkcs10' }, body: readFileSync(csr) })).json;
  const about = ocspRequest([certId(chancery.service.core.authorities.issuing, serial)]);
  const base64 = Buffer.from(about).toString('base64');
  const calls: readonly (readonly [string, string, Call?])[] = [
    ['GET', `/ocsp/issuing/${encodeURIComponent(base64)}`],
    ['GET', `/ocsp/issuing//${base64}?a=b`],
    ['GET', `/ocsp/issuing/${encodeURIComponent(base64)}`, { headers: { 'if-none-match': '*' } }],
    ['HEAD', `/ocsp/issuing/${encodeURIComponent(base64)}`],
    ['GET', '/ocsp/issuing/%zz'],
    ['GET', '/ocsp/issuing/AAAA'],
    ['GET', `/ocsp/issuing/${'A'.repeat(5000)}`],
    ['GET', `/ocsp/nobody/${base64}`],
    ['POST', '/ocsp/issuing', { headers: REQUEST, body: about }],
    ['POST', '/ocsp/issuing', { headers: REQUEST, body: 'no request' }],
    ['POST', '/ocsp/issuing', { headers: REQUEST, body: Buffer.alloc(20_000) }],
    ['POST', '/ocsp/issuing', { headers: { 'content-type': 'text/plain' }, body: about }],
    ['POST', '/ocsp/issuing', { headers: REQUEST }],
    ['PUT', '/ocsp/issuing', { headers: REQUEST, body: about }],
    ['GET', '/crl/issuing.crl'],
    ['GET', '/crl/issuing.crl', { headers: { 'if-none-match': '*' } }],
    ['GET', '/crl/issuing.crl', { headers: { 'if-modified-since': new Date(Date.now() + 60_000).toUTCString() } }],
    ['GET', '/crl/issuing.crl', { headers: { 'if-match': '*' } }],
    ['GET', '/crl/issuing.crl', { headers: { 'if-match': '"other"' } }],
    ['GET', '/crl/issuing.pem'],
    ['GET', '/crl/issuing/full.crl'],
    ['GET', '/crl/issuing/delta.crl'],
    ['GET', '/crl/nobody.crl'],
    ['HEAD', '/crl/issuing.crl'],
  ];
  const all = async (): Promise<unknown[]> => {
    const seen = [];
    for (const [method, path, call] of calls) seen.push(shown(`${method} ${path.slice(0, 60)}`, await chancery.plain(method, path, call)));
    return seen;
  };
  const late = await all();
  t.ok(chancery.logged.some((line) => line.includes('/crl/issuing.crl')), 'the routes answered');
  await chancery.restart({ CHANCERY_LOG__REQUESTS: 'false' });
  t.same(await all(), late);

  t.equal((await chancery.call('GET', '/crl/issuing.crl')).status, 200, 'over TLS too');
  // And under the same limit for each address.
  await chancery.restart({ CHANCERY_LOG__REQUESTS: 'false', CHANCERY_LIMITS__PER_ADDRESS: '5' });
  const replies = [];
  for (let n = 0; n < 7; n += 1) replies.push(await chancery.plain('GET', '/crl/issuing.crl'));
  t.same(replies.map(({ status }) => status), [200, 200, 200, 200, 200, 429, 429]);
  t.match(replies[6]?.headers['retry-after'], /^\d+$/);
  t.equal(replies[6]?.json.type, 'urn:chancery:error:rate-limited');
});

/** What does not change from one signature, number or second to the next. */
function shown(call: string, { status, headers, bytes, json }: Reply): unknown {
  const same = Object.entries(headers).filter(([name]) => !['date', 'x-request-id', 'last-modified', 'expires', 'etag', 'content-length', 'cache-control'].includes(name));
  const names = Object.keys(headers).sort();
  return { call, status, names, same: Object.fromEntries(same), caching: String(headers['cache-control']).replace(/\d+/, 'N'), problem: json?.type, empty: bytes.length === 0, id: /^[0-9a-f-]{36}$/.test(String(headers['x-request-id'])) };
}
