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
