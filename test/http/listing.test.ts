import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeCsr } from '../helpers/openssl.ts';
import { type Json, startTestService } from '../helpers/service.ts';
import { chainVerifier } from '../../src/audit/verify.ts';

const PKCS10 = { 'content-type': 'application/pkcs10' };

t.test('operators search requests and certificates, page by page', async (t) => {
  const chancery = await startTestService(t);
  const { operator } = chancery;
  const token = await chancery.token({ profile: 'server', names: ['*.example.com'], uses: 9 });
  const serials: string[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const { csr } = makeCsr(chancery.folder, name, { san: `DNS:${name}.example.com` });
    const reply = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: readFileSync(csr) });
    serials.push(reply.json.serial);
  }
  await chancery.call('POST', `/v1/certificates/${serials[1]}/revoke`, { certificate: operator });
  const get = async (path: string): Promise<Json> => (await chancery.call('GET', path, { certificate: operator })).json;
  const found = async (query: string): Promise<string[]> => (await get(`/v1/certificates?${query}`)).items.map(({ serial }: Json) => serial);

  t.strictSame(await found('profile=server'), [...serials].reverse(), 'newest first');
  t.strictSame(await found('name=a.example.com'), [serials[0]]);
  t.strictSame((await found('name=*.example.com&profile=server')).length, 4);
  t.strictSame((await found('name=**.example.com&profile=server')).length, 4, 'the same, as patterns write it');
  t.strictSame((await get('/v1/requests?name=**.example.com&profile=server')).items.length, 4);
  t.strictSame(await found('status=revoked'), [serials[1]]);
  t.notOk((await found('status=valid')).includes(serials[1] ?? ''));
  t.strictSame(await found('status=expired'), []);
  t.strictSame(await found(`expiresBefore=${new Date(Date.now() + 86_400_000).toISOString()}`), []);
  t.equal((await found(`expiresBefore=${new Date(Date.now() + 31 * 86_400_000).toISOString()}&profile=server`)).length, 4);
  t.strictSame(await found('name=__proto__'), []);
  t.strictSame(await found('name=*'), []);
  const { requester } = (await get(`/v1/certificates?name=a.example.com`)).items[0];
  t.equal(requester.kind, 'enrolment-token');
  t.equal((await found(`requester=${requester.name}`)).length, 4);

  const pages: string[] = [];
  let cursor = '';
  do {
    const page = await get(`/v1/requests?profile=server&limit=3${cursor}`);
    t.ok(page.items.length <= 3);
    pages.push(...page.items.map(({ id }: Json) => id));
    cursor = page.next === undefined ? '' : `&cursor=${encodeURIComponent(page.next)}`;
  } while (cursor !== '');
  t.strictSame(pages, [...serials].reverse(), 'no item twice, none left out');
  t.equal((await chancery.call('GET', '/v1/certificates?cursor=nonsense', { certificate: operator })).json.detail, 'The cursor is refused: not a cursor of this listing.');
  for (const bad of ['limit=0', 'limit=1000', 'limit=x', 'cursor=nonsense', 'cursor=', 'status=odd', 'since=yesterday', 'nothing=1']) {
    t.equal((await chancery.call('GET', `/v1/${bad.startsWith('since') ? 'requests' : 'certificates'}?${bad}`, { certificate: operator })).status, 400, bad);
  }
});

t.test('the audit log tells each act once, in a chain that verifies', async (t) => {
  const chancery = await startTestService(t);
  const { operator } = chancery;
  const token = await chancery.token({ profile: 'server', names: ['*.example.com'] });
  const secret = token.split('-').at(-1) ?? '';
  const good = readFileSync(makeCsr(chancery.folder, 'good', { san: 'DNS:good.example.com' }).csr);
  const bad = readFileSync(makeCsr(chancery.folder, 'bad', { san: 'DNS:bad.example.org' }).csr);
  const issued = await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: good });
  await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: good });
  await chancery.call('POST', '/v1/requests', { bearer: token, headers: PKCS10, body: bad });
  await chancery.call('POST', `/v1/certificates/${issued.json.serial}/revoke`, { certificate: operator, body: { reason: 'superseded' } });
  const published = async (): Promise<boolean> => (await chancery.call('GET', '/v1/audit?limit=500', { certificate: operator })).json.items
    .some(({ event, subject, details }: Json) => event === 'crl.published' && subject === 'issuing' && details.number === '2');
  for (let looks = 0; looks < 200 && !await published(); looks += 1) await new Promise((resolve) => setTimeout(resolve, 50));

  const entries: Json[] = [];
  let cursor = '';
  let head: Json;
  do {
    const page = (await chancery.call('GET', `/v1/audit?limit=3${cursor}`, { certificate: operator })).json;
    entries.push(...page.items);
    head = page.head;
    cursor = page.next === undefined ? '' : `&cursor=${page.next}`;
  } while (cursor !== '');
  t.strictSame(entries.map(({ sequence }) => sequence), entries.map((_, index) => index + 1));
  t.equal(entries.at(-1)?.hash, head.hash);
  const of = (event: string, subject = issued.json.serial): Json[] => entries.filter((entry) => entry.event === event && entry.subject === subject);
  t.equal(of('certificate.issued').length, 1, 'once, though it was asked twice');
  t.match(of('certificate.revoked'), [{ actor: /^client-certificate:/, details: { reason: 'superseded' } }]);
  t.match(entries.filter(({ event }) => event === 'request.denied'), [{ details: { reason: /bad\.example\.org/ } }]);
  t.equal(entries.filter(({ event }) => event === 'token.created').length, 1);
  t.ok(entries.some(({ event, subject }) => event === 'crl.published' && subject === 'issuing'));
  t.notMatch(JSON.stringify(entries), secret, 'no secret');
  const faultsOf = (log: readonly Json[]): readonly string[] => {
    const { check, finish } = chainVerifier();
    return [...log.flatMap(check), ...finish(head)].map(({ kind }) => kind);
  };
  t.strictSame(faultsOf(entries), []);
  t.strictSame(faultsOf(entries.filter((_, index) => index !== 2)), ['missing'], 'a line taken out shows');
  t.strictSame(faultsOf(entries.map((entry, index) => (index === 1 ? { ...entry, actor: 'system:nobody' } : entry))), ['changed'], 'a line changed shows');
});
