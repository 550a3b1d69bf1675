import t from 'tap';
import { noRedis, startRedis } from '../helpers/redis.ts';
import { type Reply, startReplica, startTestService } from '../helpers/service.ts';
import { type AcmeClient, acmeClient, authorize, csrFor, ip, jws, newAddress, newPair, responder, type Signer } from './client.ts';

const PROBLEM = 'urn:ietf:params:acme:error:';

if (noRedis !== false) t.plan(0, noRedis);
else {
  const redis = await startRedis(t);
  const http = await responder(t);
  const PUBLIC = 'https://ca.example.com';
  const settings = {
    CHANCERY_STORE__URL: `redis://127.0.0.1:${redis.port}`, CHANCERY_PUBLIC_URL__HTTP: 'http://ca.example.com', CHANCERY_PUBLIC_URL__HTTPS: PUBLIC, CHANCERY_HOST_NAMES: 'localhost,127.0.0.1',
    CHANCERY_ACME__LIMITS__ORDERS_PER_NAME: '3', CHANCERY_ACME__ENABLED: 'true', CHANCERY_ACME__HTTP01_PORT: String(http.port), CHANCERY_ACME__PERMIT_NETWORKS: '["127.0.0.0/8"]',
  };
  const one = await startTestService(t, { settings });
  const two = await startReplica(t, one, settings);
  const [left, right] = [one, two].map((service) => acmeClient(service, 'issuing', PUBLIC)) as [AcmeClient, AcmeClient];

  t.test('limits hold for all of them together', async (t) => {
    const signer = await left.account();
    const address = newAddress();
    const statuses = [];
    for (const client of [left, right, left, right]) statuses.push((await client.order(signer, [ip(address)])).status);
    t.same(statuses, [201, 201, 201, 429]);
  });

  t.test('an order made at one is validated once and finalized at the other, and at both at once: one certificate', async (t) => {
    const signer = await left.account();
    const address = newAddress();
    const made = await left.order(signer, [ip(address)]);
    t.equal(made.status, 201, made.text);
    const before = http.asked.length;
    await authorize(right, http, signer, made.json);
    t.equal(http.asked.length, before + 1, 'looked at once');
    const csr = csrFor([{ kind: 'ip', value: address }]);
    const replies = await Promise.all([left, right, left, right].map((client) => client.post(made.json.finalize, signer, { csr })));
    t.equal(new Set(replies.map(({ json }) => json.certificate)).size, 1);
    const other = newAddress();
    const second = await right.order(signer, [ip(other)]);
    await authorize(left, http, signer, second.json);
    const different = await Promise.all([left, right, left, right].map((client) => client.post(second.json.finalize, signer, { csr: csrFor([{ kind: 'ip', value: other }]) })));
    t.equal(different.filter(({ status }) => status === 200).length, 1);
    t.ok(different.filter(({ status }) => status !== 200).every(({ json }) => json.type === `${PROBLEM}orderNotReady`));
    for (const name of [address, other]) t.equal((await one.service.core.store.certificates.list({ name }, { limit: 10 }, 0)).items.length, 1);
    const [reply] = replies;
    t.match((await right.post(reply?.json.certificate, signer, '')).text, /BEGIN CERTIFICATE/);
  });

  t.test('a nonce of one is good at the other, once for both', async (t) => {
    const signer = await left.account();
    const url = signer.kid;
    const body = jws(signer.pair, { nonce: await left.nonce(), url, kid: signer.kid }, '');
    const replies = await Promise.all([right, left, right, left].map((client) => client.raw(url, body)));
    t.same(replies.map(({ status }) => status).sort((a, b) => a - b), [200, 400, 400, 400]);
  });

  t.test('Redis goes and comes back in the middle: whoever tries again ends with a certificate', async (t) => {
    /** Tries again as clients do: after a 503, and with a new nonce. */
    const stubborn = async (call: () => Promise<Reply>): Promise<Reply> => {
      for (let n = 0; ; n += 1) {
        const reply = await call().catch(() => undefined);
        if (reply !== undefined && reply.status < 500 && reply.json?.type !== `${PROBLEM}badNonce`) return reply;
        if (n > 100) throw new Error(`no answer: ${reply?.text ?? ''}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const wrap = (client: AcmeClient): AcmeClient => ({ ...client, post: (...args) => stubborn(() => client.post(...args)) });
    const [a, b] = [wrap(left), wrap(right)];
    const signer: Signer = await left.account();
    const outcomes = await Promise.all(Array.from({ length: 6 }, async (_, n) => {
      const client = n % 2 === 0 ? a : b;
      const address = newAddress();
      const made = await client.post(`${client.base}/new-order`, signer, { identifiers: [ip(address)] });
      if (n === 0) {
        await redis.kill();
        setTimeout(() => void redis.start(), 700);
      }
      await authorize(client, http, signer, made.json);
      const csr = csrFor([{ kind: 'ip', value: address }]);
      const done = await client.post(made.json.finalize, signer, { csr });
      return done.json.status === 'valid' ? done : client.poll(String(made.headers.location), signer, ({ status }) => status === 'valid');
    }));
    t.same(outcomes.map(({ json }) => json.status), Array(6).fill('valid'));
  });
}

t.test('clients that try again do not mind that some good nonces are refused', async (t) => {
  const http = await responder(t);
  const service = await startTestService(t, { settings: { CHANCERY_ACME__ENABLED: 'true', CHANCERY_ACME__HTTP01_PORT: String(http.port), CHANCERY_ACME__PERMIT_NETWORKS: '["127.0.0.0/8"]', CHANCERY_ACME__REFUSE_NONCES: '30' } });
  const client = acmeClient(service);
  let refused = 0;
  const again: AcmeClient['post'] = async (...args) => {
    for (;;) {
      const reply = await client.post(...args);
      if (reply.json?.type !== `${PROBLEM}badNonce`) return reply;
      refused += 1;
    }
  };
  const patient = { ...client, post: again };
  const pair = newPair();
  const account = await again(`${client.base}/new-account`, { pair }, {});
  const signer = { pair, kid: String(account.headers.location) };
  for (let n = 0; n < 5; n += 1) {
    const address = newAddress();
    const made = await again(`${client.base}/new-order`, signer, { identifiers: [ip(address)] });
    await authorize(patient, http, signer, made.json);
    t.equal((await again(made.json.finalize, signer, { csr: csrFor([{ kind: 'ip', value: address }]) })).json.status, 'valid');
  }
  t.ok(refused > 0, `${refused} refused`);
});
