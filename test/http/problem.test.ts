import t from 'tap';
import { startTestService } from '../helpers/service.ts';

const chancery = await startTestService(t);

t.test('a problem says which occurrence it is, by the id that the log has (RFC 9457 3.1.5)', async (t) => {
  for (const [method, path] of [['GET', '/v1/requests'], ['GET', '/v1/nothing'], ['GET', '/v1/authorities/none'], ['PUT', '/healthz']] as const) {
    const { headers, json } = await chancery.call(method, path);
    t.match(json, { type: /^urn:chancery:error:/, title: String, status: Number, detail: String });
    t.equal(json.instance, `urn:uuid:${String(headers['x-request-id'])}`, path);
  }
});


t.test('a method that is not allowed is told which ones are (RFC 9110 15.5.6)', async (t) => {
  const cases = [['DELETE', '/v1/tokens', 'GET, POST, HEAD'], ['PUT', '/healthz', 'GET, HEAD'], ['PUT', '/v1/renewals', 'POST']] as const;
  for (const [method, path, allow] of cases) {
    const { status, headers } = await chancery.call(method, path);
    t.equal(status, 405, path);
    t.equal(headers.allow, allow, path);
  }
  t.match(await chancery.plain('DELETE', '/crl/issuing.crl'), { status: 405, headers: { allow: 'GET, HEAD' } });
  t.equal((await chancery.call('GET', '/v1/nothing')).headers.allow, undefined);
});

t.test('what belongs to a part that is turned off is told to be, with the setting', async (t) => {
  const cases = [
    ['GET', '/acme/issuing/directory', 'ACME is not served here: acme.enabled turns it on.'], ['GET', '/v1/acme/accounts', /acme\.enabled/], ['POST', '/v1/acme/eab-keys', /acme\.enabled/],
    ['GET', '/v1/swarms?limit=3', /swarm\.enabled/], ['POST', '/api/v1/cfssl/info', /cfssl\.enabled/], ['POST', '/v1/attestations/challenges', /attestation/],
  ] as const;
  for (const [method, path, detail] of cases) t.match(await chancery.call(method, path), { status: 404, json: { type: 'urn:chancery:error:not-found', detail } }, path);
  t.match((await chancery.call('GET', '/v1/nothing')).json, { detail: 'There is nothing at this path.' });
  const on = await startTestService(t, { settings: { CHANCERY_ACME__ENABLED: 'true', CHANCERY_SWARM__ENABLED: 'true', CHANCERY_CFSSL__ENABLED: 'true' } });
  for (const path of ['/acme/nobody/directory', '/v1/acme/nothing', '/v1/swarms/of/nobody', '/api/v1/cfssl/newkey']) {
    const { status, text } = await on.call('GET', path);
    t.equal(status, 404, path);
    t.notMatch(text, 'turns', path);
  }
});
