import { X509Certificate, createPrivateKey } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { enroll } from '../../src/agent/enroll.ts';
import { type RenewOptions, commandDone, commandOwed, renew } from '../../src/agent/renew.ts';
import { type FakeService, requestReply, startFakeService } from './fake-service.ts';
import { makeOld, temporaryFolder } from '../helpers/folder.ts';
import { killedAt } from '../helpers/killed-at.ts';

const DAY = 86_400_000;
const at = (now: number) => ({ now: () => now, onProgress: () => {} });

interface Enrolled {
  readonly service: FakeService;
  readonly folder: string;
  readonly file: (name: string) => string;
  readonly read: (name: string) => string;
  readonly options: RenewOptions;
}

/** A folder with a certificate of thirty days in it. */
const withEnrolled = (work: (enrolled: Enrolled) => Promise<void>) => async (): Promise<void> => {
  const service = await startFakeService();
  const folder = temporaryFolder('renew');
  try {
    await enroll({
      url: service.url, token: service.token, names: ['node1.example.com'], folder, layout: 'plain', keyType: 'P-256', validity: '30d', wait: 0, force: false, reuseKey: false,
    }, at(Date.now()));
    service.behaviour.answer = (asked) => service.issue(asked, { days: 60 });
    await work({
      service, folder, file: (name) => join(folder, name), read: (name) => readFileSync(join(folder, name), 'latin1'),
      options: { folder, url: undefined, force: false, reuseKey: false, wait: 0, commandFollows: false },
    });
  } finally {
    await service.close();
  }
};

const matches = (certificate: string, key: string): boolean => new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));

t.test('before two thirds of its life are over, nothing is asked', (t) => withEnrolled(async ({ service, options, read }) => {
  const before = read('cert.pem');
  const [renewal] = await renew(options, at(Date.now() + 19 * DAY));
  t.equal(renewal?.renewed, false);
  t.ok(Math.abs((renewal?.due ?? 0) - (Date.now() + 20 * DAY)) < DAY / 24, 'says when it will be due');
  t.equal(service.asked.length, 1, 'only the enrolment');
  t.equal(read('cert.pem'), before);
})());

t.test('after that, a new key and certificate take the place of the old', (t) => withEnrolled(async ({ service, options, folder, read }) => {
  const [key, certificate] = [read('key.pem'), read('cert.pem')];
  const [renewal] = await renew(options, at(Date.now() + 21 * DAY));
  t.equal(renewal?.renewed, true);
  t.not(read('key.pem'), key);
  t.not(read('cert.pem'), certificate);
  t.ok(matches(read('cert.pem'), read('key.pem')));
  t.same(readdirSync(folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']);
  const asked = service.asked[1];
  t.equal(asked?.path, '/v1/renewals');
  t.equal(asked?.client, new X509Certificate(certificate).serialNumber.toLowerCase(), 'the old certificate proves who asks');
  t.equal(asked?.authorization, undefined);
  t.strictSame({ ...asked?.body, csr: '' }, { csr: '', validity: '30d' });
})());

t.test('with force it does not wait, and with reuseKey the key stays', (t) => withEnrolled(async ({ options, read }) => {
  const [key, certificate] = [read('key.pem'), read('cert.pem')];
  await renew({ ...options, force: true, reuseKey: true }, at(Date.now()));
  t.equal(read('key.pem'), key);
  t.not(read('cert.pem'), certificate);
})());

t.test('mode, owner and links of the files stay', (t) => withEnrolled(async ({ options, folder, file, read }) => {
  const elsewhere = temporaryFolder('elsewhere');
  renameSync(file('key.pem'), join(elsewhere, 'secret.pem'));
  symlinkSync(join(elsewhere, 'secret.pem'), file('key.pem'));
  chmodSync(join(elsewhere, 'secret.pem'), 0o640);
  chmodSync(file('cert.pem'), 0o664);
  await renew({ ...options, force: true }, at(Date.now()));
  t.equal(statSync(join(elsewhere, 'secret.pem')).mode & 0o7777, 0o640);
  t.equal(statSync(file('cert.pem')).mode & 0o7777, 0o664);
  t.ok(matches(read('cert.pem'), readFileSync(join(elsewhere, 'secret.pem'), 'latin1')), 'what the link leads to was replaced');
  t.same(readdirSync(elsewhere), ['secret.pem']);
  t.ok(existsSync(join(folder, 'key.pem')));
})());

t.test('a certificate that has ended cannot renew itself', (t) => withEnrolled(async ({ service, options }) => {
  await t.rejects(renew(options, at(Date.now() + 31 * DAY)), { code: 'refused', message: /expired/, advice: /enroll again/ });
  t.equal(service.asked.length, 1);
})());

t.test('a renewal whose answer was lost is asked for again with the same CSR', (t) => withEnrolled(async ({ service, options, read }) => {
  service.behaviour.answer = () => ({ status: 500, body: { title: 'lost', status: 500 } });
  await t.rejects(renew({ ...options, force: true }, at(Date.now())), { code: 'refused' });
  service.behaviour.answer = (asked) => service.issue(asked);
  // No force: what was begun is ended.
  const [renewal] = await renew(options, at(Date.now()));
  t.equal(renewal?.renewed, true);
  t.equal(service.asked[1]?.csr, service.asked[2]?.csr);
  t.ok(matches(read('cert.pem'), read('key.pem')));
})());

t.test('killed at any step, it leaves no key behind that the next runs do not remove, nor anything that is not its own', { timeout: 60_000 }, async (t) => {
  for (let [step, killed] = [1, true]; killed; step += 1) {
    await withEnrolled(async ({ options, folder, file, read }) => {
      killed = await killedAt(step, () => renew({ ...options, force: true }, at(Date.now())));
      writeFileSync(file('.mine.tmp'), '');
      const left = readdirSync(folder).filter((name) => name.startsWith('.')).sort();
      await renew({ ...options, force: !existsSync(file('chancery-cert.pending.json')) }, at(Date.now()));
      t.ok(matches(read('cert.pem'), read('key.pem')), `step ${step}`);
      t.same(readdirSync(folder).filter((name) => name.startsWith('.')).sort(), left, `step ${step}: what is young may be another's`);
      for (const name of left) makeOld(file(name));
      const [renewal] = await renew(options, at(Date.now()));
      t.equal(renewal?.renewed, false);
      t.same(readdirSync(folder).sort(), ['.mine.tmp', 'ca.pem', 'cert.pem', 'chancery.json', 'key.pem'], `step ${step}: it was removed`);
    })();
    if (!killed) t.ok(step > 5, `${step - 1} steps`);
  }
});

t.test('a renewal killed between key and certificate is ended without asking', (t) => withEnrolled(async ({ service, options, file, read }) => {
  const certificate = read('cert.pem');
  // As it stands when the answer was kept and the key replaced, but not the certificate: whatever cannot be opened for writing fails.
  service.behaviour.answer = (asked) => {
    const { body } = service.issue(asked);
    writeFileSync(file('answer.json'), JSON.stringify(body));
    return { status: 500, body: {} };
  };
  await t.rejects(renew({ ...options, force: true }, at(Date.now())));
  const pending = JSON.parse(read('chancery-cert.pending.json')) as { key: string };
  writeFileSync(file('chancery-cert.pending.json'), JSON.stringify({ ...pending, answer: JSON.parse(read('answer.json')) as object }));
  writeFileSync(file('key.pem'), pending.key);
  t.notOk(matches(certificate, read('key.pem')), 'the old certificate is of no use now');
  const [renewal] = await renew(options, at(Date.now()));
  t.equal(renewal?.renewed, true);
  t.equal(service.asked.length, 2, 'nothing more was asked');
  t.ok(matches(read('cert.pem'), read('key.pem')));
  t.notOk(existsSync(file('chancery-cert.pending.json')));
})());

t.test('the answer to a renewal that was cut short does not take the place of what was enrolled since', (t) => withEnrolled(async ({ service, options, folder, read }) => {
  service.behaviour.answer = (asked) => {
    const { body } = service.issue(asked);
    writeFileSync(join(folder, 'answer.json'), JSON.stringify(body));
    return { status: 500, body: {} };
  };
  await t.rejects(renew({ ...options, force: true }, at(Date.now())));
  const pending = JSON.parse(read('chancery-cert.pending.json')) as object;
  // As it stands where the answer was kept, and the disk had no room for the files.
  writeFileSync(join(folder, 'chancery-cert.pending.json'), JSON.stringify({ ...pending, answer: JSON.parse(read('answer.json')) as object }));
  service.behaviour.answer = (asked) => service.issue(asked);
  await enroll({
    url: service.url, token: service.token, names: ['node2.example.com'], folder, layout: 'plain', keyType: 'P-256', validity: '30d', wait: 0, force: true, reuseKey: false,
  }, at(Date.now()));
  const [key, certificate] = [read('key.pem'), read('cert.pem')];
  const [renewal] = await renew(options, at(Date.now()));
  t.equal(renewal?.renewed, false);
  t.same([read('key.pem'), read('cert.pem')], [key, certificate]);
  t.notOk(existsSync(join(folder, 'chancery-cert.pending.json')), 'its key is gone, too');
})());

t.test('two renewals at once end with a key and a certificate that belong together', (t) => withEnrolled(async ({ service, options, folder, read }) => {
  await Promise.all([renew({ ...options, force: true }, at(Date.now())), renew({ ...options, force: true }, at(Date.now()))]);
  t.equal(service.asked[1]?.csr, service.asked[2]?.csr, 'both asked the same');
  t.ok(matches(read('cert.pem'), read('key.pem')));
  t.same(readdirSync(folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']);
})());

t.test('a refused renewal leaves everything as it was', (t) => withEnrolled(async ({ service, options, folder, read }) => {
  const [key, certificate] = [read('key.pem'), read('cert.pem')];
  service.behaviour.answer = () => ({
    status: 403,
    body: { type: 'urn:chancery:error:renewal-refused', title: 'The renewal is refused', status: 403, detail: 'The certificate is revoked.', errors: [] },
  });
  await t.rejects(renew({ ...options, force: true }, at(Date.now())), { problemCode: 'renewal-refused', message: 'The certificate is revoked.' });
  t.equal(read('key.pem'), key);
  t.equal(read('cert.pem'), certificate);
  t.same(readdirSync(folder).sort(), ['ca.pem', 'cert.pem', 'chancery.json', 'key.pem']);
})());

t.test('a renewal that waits for approval is left, and ended later', (t) => withEnrolled(async ({ service, options }) => {
  service.behaviour.answer = () => ({ status: 202, body: requestReply('0b1', { state: 'pending' }) });
  await t.rejects(renew({ ...options, force: true }, at(Date.now())), { code: 'waiting' });
  service.behaviour.answer = (asked) => service.issue(asked);
  t.equal((await renew(options, at(Date.now())))[0]?.renewed, true);
})());

t.test('the command that follows is owed until it ended well', (t) => withEnrolled(async ({ options, folder }) => {
  t.equal(commandOwed(folder), false);
  await renew({ ...options, force: true, commandFollows: true }, at(Date.now()));
  t.equal(commandOwed(folder), true);
  await renew({ ...options, commandFollows: true }, at(Date.now()));
  t.equal(commandOwed(folder), true, 'also where the next renew finds nothing to do');
  commandDone(folder);
  t.equal(commandOwed(folder), false);
})());

t.test('a folder without an enrolment, or with a state that leads elsewhere, is refused', async (t) => {
  const folder = temporaryFolder('none');
  const options = { folder, url: undefined, force: false, reuseKey: false, wait: 0, commandFollows: false };
  await t.rejects(renew(options, at(Date.now())), { code: 'file', message: `nothing was enrolled in ${folder}` });
  const enrolled = { url: 'https://127.0.0.1:1', profile: 'server', names: [], keyType: 'P-256', key: ['../key.pem'], certificate: ['cert.pem'], ca: 'ca.pem' };
  for (const certificates of [[enrolled], [{ ...enrolled, key: ['/etc/passwd'] }], [{ ...enrolled, key: [] }], 'x']) {
    writeFileSync(join(folder, 'chancery.json'), JSON.stringify({ version: 1, certificates }));
    await t.rejects(renew(options, at(Date.now())), { code: 'file', message: /is not what 'chancery enroll' wrote/ });
  }
});
