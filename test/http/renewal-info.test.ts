import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { buildCertificationRequest, sortNames } from '../../src/agent/csr.ts';
import { encodePem } from '../../src/x509/pem.ts';
import { type Json, startTestService } from '../helpers/service.ts';

const HOUR = 3_600_000;

const csrFor = (name: string): string => encodePem('CERTIFICATE REQUEST', buildCertificationRequest(generateKeyPairSync('ec', { namedCurve: 'P-256' }), sortNames([name])));

t.test('renewal information and campaigns', async (t) => {
  let ahead = 0;
  const service = await startTestService(t, { clock: () => Date.now() + ahead });
  const { operator } = service;
  const issue = async (name: string): Promise<Json> =>
    (await service.call('POST', '/v1/requests', { certificate: operator, body: { csr: csrFor(name), profile: 'node' } })).json;
  const infoOf = async (serial: string) => service.call('GET', `/v1/certificates/${serial}/renewal-info`);
  const begin = (body: object, headers: Record<string, string> = {}) => service.call('POST', '/v1/renewal-campaigns', { certificate: operator, body, headers });
  const first = await issue('one.example.com');

  await t.test('anyone may ask when a certificate is best renewed', async (t) => {
    const { status, json, headers } = await infoOf(first.serial);
    t.equal(status, 200);
    const [start, end] = [Date.parse(json.suggestedWindow.start), Date.parse(json.suggestedWindow.end)];
    const life = Date.parse(first.notAfter) + 1000 - Date.parse(first.notBefore);
    t.ok(Math.abs(start - Date.parse(first.notBefore) - life * 2 / 3) < 2000, 'from two thirds of its life');
    t.ok(Math.abs(end - Date.parse(first.notBefore) - life * 3 / 4) < 2000, 'to three quarters');
    t.equal(json.explanation, undefined);
    t.equal(headers['retry-after'], '21600');
    t.equal(headers['cache-control'], 'public, max-age=60');
    t.equal((await infoOf('00:FF')).status, 404);
    t.match(await infoOf('zz'), { status: 404, json: { type: 'urn:chancery:error:not-found' } });
  });

  await t.test('an operator has certificates renewed early; those of later are left alone', async (t) => {
    const { status, json } = await begin({ profile: 'node', within: '4h', reason: 'keys in an image' }, { 'idempotency-key': 'k1' });
    t.equal(status, 201);
    t.match(json, { id: /^[0-9a-f]{32}$/, profile: 'node', reason: 'keys in an image', createdBy: /^client-certificate:/ });
    t.equal(Date.parse(json.endsAt) - Date.parse(json.startedAt), 4 * HOUR);
    t.equal((await begin({ profile: 'node', within: '4h', reason: 'keys in an image' }, { 'idempotency-key': 'k1' })).json.id, json.id, 'asked again, it is the first one');
    t.match(await begin({ profile: 'node', within: '5h', reason: 'keys in an image' }, { 'idempotency-key': 'k1' }), { status: 422, json: { type: 'urn:chancery:error:idempotency-key-reused' } });

    const info = (await infoOf(first.serial)).json;
    t.equal(info.explanation, 'keys in an image');
    t.ok(Date.parse(info.suggestedWindow.start) >= Date.parse(json.startedAt) - 1000 && Date.parse(info.suggestedWindow.end) <= Date.parse(json.endsAt) + 1000);
    t.equal((await infoOf((await issue('two.example.com')).serial)).json.explanation, undefined);

    const listed = (await service.call('GET', '/v1/renewal-campaigns', { certificate: operator })).json;
    t.same(listed.items, [json]);
    t.equal((await service.call('DELETE', `/v1/renewal-campaigns/${json.id}`, { certificate: operator })).status, 200);
    t.equal((await infoOf(first.serial)).json.explanation, undefined, 'ended, it is as if it had not been');
    t.match(await service.call('DELETE', `/v1/renewal-campaigns/${json.id}`, { certificate: operator }), { status: 404 });
    const events = (await service.call('GET', '/v1/audit?limit=999', { certificate: operator })).json.items.filter(({ subject }: Json) => subject === json.id);
    t.match(events, [{ event: 'renewal-campaign.started', details: { profile: 'node', reason: 'keys in an image' } }, { event: 'renewal-campaign.ended' }]);
    t.equal(events.length, 2);
  });

  await t.test('a campaign may begin later, and then means what was issued until then', async (t) => {
    t.teardown(() => { ahead = 0; });
    const from = new Date(Math.floor(Date.now() / 1000) * 1000 + 48 * HOUR).toISOString();
    const asked = { all: true, within: '24h', from, reason: 'issuing-2 signs from then on' };
    const { status, json } = await begin(asked, { 'idempotency-key': 'k2' });
    t.equal(status, 201);
    t.equal(json.startedAt, from);
    t.equal((await begin(asked, { 'idempotency-key': 'k2' })).json.id, json.id);
    t.match(await begin({ ...asked, from: new Date(Date.parse(from) + HOUR).toISOString() }, { 'idempotency-key': 'k2' }), { status: 422 });
    const between = await issue('between.example.com');
    const info = (await infoOf(between.serial)).json;
    t.equal(info.explanation, 'issuing-2 signs from then on');
    t.ok(Date.parse(info.suggestedWindow.start) >= Date.parse(from));
    ahead = 49 * HOUR;
    t.equal((await infoOf((await issue('later.example.com')).serial)).json.explanation, undefined);
    t.equal((await service.call('DELETE', `/v1/renewal-campaigns/${json.id}`, { certificate: operator })).status, 200);
  });

  await t.test('a campaign stands a while after its end, and then leaves', async (t) => {
    const { json } = await begin({ requester: first.requester.name, within: '1h', reason: 'rehearsal' });
    t.teardown(() => { ahead = 0; });
    ahead = 30 * 24 * HOUR;
    const info = (await infoOf(first.serial)).json;
    t.equal(info.explanation, 'rehearsal');
    t.ok(Date.parse(info.suggestedWindow.end) < Date.now() + ahead, 'who was away renews at once');
    ahead = 31 * 24 * HOUR;
    t.same((await service.call('GET', '/v1/renewal-campaigns', { certificate: operator })).json.items, []);
    await service.service.core.store.sweep(Date.now() + ahead, { retainEnded: 0, most: 1000 });
    t.equal(await service.service.core.store.objects.get('renewal-campaign', json.id), undefined);
  });

  await t.test('what is no campaign is refused with every fault', async (t) => {
    for (const [body, at] of [
      [{ within: '1h', reason: 'x' }, '/'], [{ all: true, profile: 'node', within: '1h', reason: 'x' }, '/'], [{ all: true, within: '1s', reason: 'x' }, '/within'], [{ all: true, within: '91d', reason: 'x' }, '/within'],
      [{ authority: 'nobody', within: '1h', reason: 'x' }, '/authority'], [{ profile: 'nothing', within: '1h', reason: 'x' }, '/profile'], [{ all: true, within: 'soon', reason: 'x' }, '/within'],
      [{ all: true, within: '1h', reason: 'x', from: '2020-01-01T00:00:00Z' }, '/from'], [{ all: true, within: '1h', reason: 'x', from: 'next friday' }, '/from'], [{ all: true, within: '1h', reason: 'x', from: '2999-01-01T00:00:00Z' }, '/from'],
      [{ all: true, within: '1h', reason: 'a\nb' }, '/reason'], [{ all: true, within: '1h', reason: '' }, '/reason'],
    ] as const) t.match(await begin(body), { status: 400, json: { type: 'urn:chancery:error:body-invalid', errors: [{ at }] } }, JSON.stringify(body));
    t.match(await begin({ all: true, within: '1h' }), { status: 400 });
    t.match(await begin({ all: true, within: '1h', reason: 'x', extra: 1 }), { status: 400 });
    const { json: key } = await service.call('POST', '/v1/api-keys', { certificate: operator, body: { name: 'reader', scopes: ['read', 'revoke', 'token', 'approve'] } });
    t.match(await service.call('POST', '/v1/renewal-campaigns', { bearer: key.key, body: { all: true, within: '1h', reason: 'x' } }), { status: 403 });
    t.equal((await service.call('GET', '/v1/renewal-campaigns', { bearer: key.key })).status, 200);
    t.match(await service.call('GET', '/v1/renewal-campaigns'), { status: 401 });
    t.match(await service.call('DELETE', '/v1/renewal-campaigns/x', { bearer: key.key }), { status: 403 });
  });

  await t.test('there is a bound', async (t) => {
    for (let index = 0; index < 50; index++) if ((await begin({ all: true, within: '1h', reason: `${index}` })).status !== 201) t.fail(`${index}`);
    t.match(await begin({ all: true, within: '1h', reason: 'x' }), { status: 409, json: { type: 'urn:chancery:error:too-many-campaigns' } });
  });
});
