import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { outsideRoot, outsideSign } from '../authority/openssl-ca.ts';
import { makeOld, temporaryFolder } from '../helpers/folder.ts';
import { makeCsr, openssl, opensslStatus } from '../helpers/openssl.ts';
import { readDocument } from '../helpers/revocations.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { killedAt } from '../helpers/killed-at.ts';
import { runCli, runHere } from './run-cli.ts';
import { type RunningService, startService } from './service.ts';

t.setTimeout(120_000);

type Json = any;

const CUT = new Set(['ECONNREFUSED', 'ECONNRESET']);

/** A call by the operator's certificate; asked again where the connection was not taken, or just closed. */
const call = (...args: Parameters<typeof callOnce>): ReturnType<typeof callOnce> =>
  callOnce(...args).then((reply) => (reply.status === 503 ? call(...args) : reply), (error: NodeJS.ErrnoException) => (CUT.has(error.code ?? '') ? call(...args) : Promise.reject(error)));

/** Each over a connection of its own. */
const callOnce = (service: RunningService, method: string, path: string, body?: string | Buffer, type = 'application/json'): Promise<{ readonly status: number; readonly json: Json }> => {
  const [ca, cert, key] = ['root.pem', 'operator/cert.pem', 'operator/key.pem'].map((file) => readFileSync(join(service.data, file)));
  return new Promise((resolve, reject) => {
    const sent = request(`${service.https}${path}`, { method, agent: new Agent({ ca, cert, key }), headers: body === undefined ? {} : { 'content-type': type } }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (part: string) => (text += part)).on('end', () => resolve({ status: reply.statusCode ?? 0, json: text === '' ? undefined : JSON.parse(text) }));
    });
    sent.on('error', reject).end(body);
  });
};

const issue = async (service: RunningService, folder: string, name: string): Promise<Json> =>
  (await call(service, 'POST', '/v1/requests?profile=server', readFileSync(makeCsr(folder, name, { san: `DNS:${name}.example.com` }).csr), 'application/pkcs10')).json;

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = performance.now() + 20_000; ; await wait(50)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`it did not come: ${what}`);
  }
}

const states = async (service: RunningService): Promise<string> => {
  const { items } = (await call(service, 'GET', '/v1/authorities')).json;
  return items.map(({ name, state }: Json) => `${name} ${state}`).join(', ');
};

const issuerOf = (pem: string): string => openssl('x509', '-in', pem, '-noout', '-issuer', '-nameopt', 'RFC2253').trim();

t.test('an authority is rolled while the service serves: both publish, and each certificate is checked by its own issuer', async (t) => {
  const service = await startService(['--issuing-subject', 'CN=Example Issuing,O=Example', '--permit', 'example.com', '--permit', '127.0.0.0/8'], { CHANCERY_ACME__ENABLED: 'true', CHANCERY_HOST_NAMES: '127.0.0.1', CHANCERY_LIMITS__PER_ADDRESS: '0' });
  t.teardown(() => service.stop());
  const folder = temporaryFolder('roll');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const before = await issue(service, folder, 'before');
  t.equal(await states(service), 'root root, issuing issuing');
  // Somebody who never stops asking sees what a client sees: a refused connection is asked again, and no other fault comes.
  let asks = true;
  t.teardown(() => void (asks = false));
  const seen = new Map<string | number, number>();
  const asking = (async () => {
    for (; asks; await wait(10)) {
      const outcome = await callOnce(service, 'GET', '/v1/authorities').then(({ status }) => status, (error: NodeJS.ErrnoException) => error.code ?? error.message);
      seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    }
  })();

  t.match(await service.cli(['authority', 'roll', 'root']), { status: 1, stderr: 'chancery: root is not the authority that issues; that is issuing\n' });
  t.match(await service.cli(['authority', 'roll', 'issuing', '--lifetime', '50y']), { status: 2, stderr: /^chancery: --lifetime is longer than what is left of the root's, 36\d\d days\n$/ });
  const rolled = await service.cli(['authority', 'roll', 'issuing', '--at', '4s', '--json']);
  t.equal(rolled.status, 0, rolled.stderr);
  t.match(JSON.parse(rolled.stdout), { name: 'issuing-2', follows: 'issuing', folder: join(service.data, 'authorities', 'issuing-2') });
  t.match(await service.cli(['authority', 'roll', 'issuing']), { status: 1, stderr: /is followed by issuing-2 already/ }, 'one after the other');

  // 1. Before the moment: it publishes, and signs nothing yet.
  await until('the next one', async () => (await states(service)) === 'root root, issuing issuing, issuing-2 next');
  await until('its CRL', async () => (await fetch(`${service.http}/crl/issuing-2.crl`)).ok);
  t.match((await service.cli(['authority', 'list'])).stdout, /issuing-2 +issues from/);
  const meanwhile = await issue(service, folder, 'meanwhile');
  // 2. From then on.
  await until('the moment', async () => (await states(service)) === 'root root, issuing-2 issuing, issuing former');
  const after = await issue(service, folder, 'after');
  asks = false;
  await asking;
  t.ok((seen.get(200) ?? 0) > 50, 'it was asked all the time');
  t.same([...seen.keys()].filter((outcome) => outcome !== 200 && outcome !== 503 && !CUT.has(String(outcome))), [], 'nothing went wrong but at most a connection');
  t.ok([...seen].filter(([outcome]) => outcome !== 200).reduce((sum, [, count]) => sum + count, 0) <= 10, JSON.stringify([...seen]));

  // 3. The chains, CRLs and OCSP of both, by OpenSSL.
  const root = join(service.data, 'root.pem');
  const certificates = { before, meanwhile, after };
  const leaf: Record<string, string> = {};
  const issuers: Record<string, string> = {};
  for (const [name, { certificate, chain }] of Object.entries(certificates)) {
    writeFileSync(leaf[name] = join(folder, `${name}.pem`), certificate);
    writeFileSync(issuers[name] = join(folder, `${name}-chain.pem`), chain.join(''));
    t.match(opensslStatus('verify', '-x509_strict', '-CAfile', root, '-untrusted', issuers[name], leaf[name]).text, 'OK', name);
  }
  t.equal(issuerOf(leaf['meanwhile'] as string), 'issuer=CN=Example Issuing,O=Example');
  t.equal(issuerOf(leaf['after'] as string), 'issuer=CN=Example Issuing G2,O=Example');
  t.notMatch(await (await fetch(`${service.http}/readyz`)).text(), 'differ', 'its own self of before is no other replica');
  t.match(openssl('x509', '-in', issuers['after'] as string, '-noout', '-text'), /pathlen:0[^]*Permitted:\s+DNS:example\.com/, 'the rights are the same');
  for (const [name, authority] of [['before', 'issuing'], ['after', 'issuing-2']] as const) {
    t.equal((await call(service, 'POST', `/v1/certificates/${certificates[name].serial}/revoke`, '{"reason":"superseded"}')).status, 200);
    const crl = join(folder, `${authority}.crl`);
    writeFileSync(crl, await until(`the CRL of ${authority}`, async () => {
      const bytes = Buffer.from(await (await fetch(`${service.http}/crl/${authority}.crl`)).arrayBuffer());
      return readDocument(bytes).entries.has(certificates[name].serial) ? bytes : undefined;
    }));
    t.match(opensslStatus('crl', '-inform', 'DER', '-in', crl, '-noout', '-CAfile', issuers[name] as string).text, 'verify OK');
    t.match(opensslStatus('verify', '-crl_check', '-CAfile', root, '-untrusted', issuers[name] as string, '-CRLfile', crl, leaf[name] as string).text, /certificate revoked/);
    const ocsp = openssl('ocsp', '-issuer', issuers[name] as string, '-cert', leaf[name] as string, '-CAfile', root, '-url', `${service.http}/ocsp/${authority}`);
    t.match(ocsp, /: revoked/, `OCSP of ${authority}`);
  }

  // 4. Who has a certificate of the former one renews it; ACME clients keep their directory.
  const { json: { suggestedWindow } } = await call(service, 'GET', `/v1/certificates/${meanwhile.serial}/renewal-info`);
  t.ok(Date.parse(suggestedWindow.end) < Date.now(), 'at once');
  for (const authority of ['issuing', 'issuing-2']) t.equal((await call(service, 'GET', `/acme/${authority}/directory`)).status, 200, authority);
  const audited = (await call(service, 'GET', '/v1/audit')).json.items.filter(({ event }: Json) => event === 'authority.rolled');
  t.match(audited, [{ subject: 'issuing-2', details: { follows: 'issuing' } }]);
  t.equal((await fetch(`${service.http}/readyz`)).status, 200);
  const both = join(folder, 'both.pem');
  writeFileSync(both, `a word before\n${readFileSync(issuers['before'] as string, 'utf8')}${readFileSync(issuers['after'] as string, 'utf8')}`);
  const shown = (...args: string[]) => service.cli(['crl', 'show', ...args], { env: { CHANCERY_LISTEN__HTTP: new URL(service.http).host } });
  for (const [name, subject] of [['issuing', 'CN=Example Issuing, O=Example'], ['issuing-2', 'CN=Example Issuing G2, O=Example']] as const) {
    t.match(await shown(`${service.http}/crl/${name}.crl`, '--issuer', both), { status: 0, stdout: new RegExp(`^issuer +${subject}\\n[^]*signature +good\\n`) }, 'by whose certificate of the file it is');
  }
  t.match(await shown('--issuer', issuers['after'] as string), { status: 0, stdout: /^issuer +CN=Example Issuing G2, O=Example\n/ }, 'that of the one that issues now');
  t.match(await shown('--authority', 'issuing', '--issuer', issuers['after'] as string), { status: 1, stdout: '', stderr: /^chancery: the CRL was signed by CN=Example Issuing, O=Example, whose certificate is not in .*after-chain\.pem; it holds: CN=Example Issuing G2, O=Example\n$/ });
  t.match((await service.cli(['crl', 'publish'])).stdout, /^authority +issuing-2\n/);
  t.match((await service.cli(['doctor'])).stdout, /^ok +CRL +issuing-2: [01] entr\w+, \d+ seconds? old, valid for 6 days; .*\bissuing: [01] entr/m);

  // 5. And again; the names go on.
  const again = await service.cli(['authority', 'roll', 'issuing-2', '--at', '0s', '--algorithm', 'P-384', '--json']);
  t.match(JSON.parse(again.stdout), { name: 'issuing-3', follows: 'issuing-2' }, again.stderr);
  await until('the third', async () => (await states(service)) === 'root root, issuing-3 issuing, issuing former, issuing-2 former');
  const last = await issue(service, folder, 'last');
  writeFileSync(join(folder, 'last.pem'), last.certificate);
  t.equal(issuerOf(join(folder, 'last.pem')), 'issuer=CN=Example Issuing G3,O=Example');
});

t.test('where the root is elsewhere, a CSR goes out and its certificate comes in; what was cut short leaves nothing behind', async (t) => {
  const folder = temporaryFolder('roll');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  const cli = (...args: string[]): ReturnType<typeof runCli> => runCli(args, { env: { CHANCERY_DATA: data } });
  const ca = outsideRoot(folder, 'Outside Root');
  t.equal((await cli('init', '--mode', 'external', '--issuing-subject', 'CN=Ours')).status, 0);
  const signed = (name: string, by = ca): string => {
    const path = join(folder, `${name}-signed.pem`);
    writeFileSync(path, outsideSign(folder, by, join(data, 'authorities', name, 'request.csr'), { extensions: ['keyUsage=critical,digitalSignature,keyCertSign,cRLSign', 'basicConstraints=critical,CA:TRUE,pathlen:0'] }) + by.pem);
    return path;
  };
  const first = await cli('init', '--import', signed('issuing'));
  t.equal(first.status, 0, first.stderr);

  t.match(await cli('authority', 'roll', 'issuing'), { status: 1, stderr: /^chancery: issuing is certified by a key that is not here; --request/ });
  t.match(await cli('authority', 'roll', 'issuing', '--request', '--at', '1d'), { status: 2, stderr: /^chancery: --request and --at do not go together; give --at to authority import/ });
  const left = join(data, 'authorities', '.chancery-0123456789abcdef.tmp');
  mkdirSync(left, { mode: 0o700 });
  makeOld(left);
  const asked = await cli('authority', 'roll', 'issuing', '--request', '--json');
  t.equal(asked.status, 0, asked.stderr);
  t.equal(JSON.parse(asked.stdout).request, join(data, 'authorities', 'issuing-2', 'request.csr'));
  t.same(readdirSync(join(data, 'authorities')).sort(), ['issuing', 'issuing-2', 'root'], 'nothing is left of the one that was cut short');
  t.match(await cli('authority', 'roll', 'issuing', '--request'), { status: 1, stderr: /^chancery: issuing is to be followed by issuing-2, which waits for its certificate: take that with 'chancery authority import issuing-2 FILE', or remove / });
  t.match(await cli('authority', 'import', 'issuing-9', signed('issuing-2')), { status: 1, stderr: /^chancery: no authority issuing-9 waits for another CA's signature: there is no / });
  t.match(await cli('authority', 'import', 'issuing-2', signed('issuing-2', outsideRoot(folder, 'Another Root'))), { status: 1, stderr: /does not lead to the root that is trusted here/ });
  t.notOk(existsSync(join(data, 'authorities', 'issuing-2', 'cert.pem')), 'nothing was taken');
  t.match(await cli('authority', 'import', 'issuing', signed('issuing-2')), { status: 1, stderr: /holds the key that request.csr was made for/ });
  const file = signed('issuing-2');
  for (let [step, killed] = [1, true]; killed; step += 1) {
    const copy = join(folder, 'copies', String(step));
    cpSync(data, copy, { recursive: true });
    const take = () => runHere(['authority', 'import', 'issuing-2', file, '--data', copy]);
    killed = await killedAt(step, take);
    const store = await openEmbeddedStore({ path: join(copy, 'store') });
    const lines = (await store.audit.list({ after: 0, limit: 100 })).filter(({ event, details }) => event === 'authority.rolled' && 'serial' in (details ?? {}));
    await store.close();
    if (existsSync(join(copy, 'authorities', 'issuing-2', 'cert.pem'))) t.ok(lines.length > 0, `killed at step ${step}: what is in force is in the audit log`);
    t.equal((await take()).status, 0, `step ${step}: again`);
    if (!killed) t.ok(step > 2, `${step - 1} steps`);
  }
  const taken = await cli('authority', 'import', 'issuing-2', signed('issuing-2'), '--at', '0s', '--json');
  t.match(JSON.parse(taken.stdout), { name: 'issuing-2', follows: 'issuing' }, taken.stderr);
});

t.test('after an authority that signed itself was rolled, operators get in as before, and nodes by new tokens', async (t) => {
  const service = await startService(['--mode', 'self-signed']);
  t.teardown(() => service.stop());
  const folder = temporaryFolder('roll');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  t.equal((await service.cli(['authority', 'roll', 'issuing', '--force', '--at', '1s'])).status, 0);
  await until('the new one', async () => (await states(service)) === 'issuing-2 issuing, issuing former');
  t.equal(readFileSync(join(service.data, 'root.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)?.length, 2, 'both are trusted here');
  const token = JSON.parse((await service.cli(['token', 'create', '--name', 'node.example.com', '--json'])).stdout) as Json;
  const enrolled = await service.cli(['enroll', '--token', token.token, '--name', 'node.example.com', '--out', folder]);
  t.equal(enrolled.status, 0, enrolled.stderr);
  t.match(opensslStatus('verify', '-CAfile', join(service.data, 'authorities', 'issuing-2', 'cert.pem'), join(folder, 'cert.pem')).text, 'OK');
});

t.test('an authority that signed itself is rolled only by whoever means it', async (t) => {
  const folder = temporaryFolder('roll');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const cli = (...args: string[]): ReturnType<typeof runCli> => runCli(args, { env: { CHANCERY_DATA: join(folder, 'data') } });
  t.equal((await cli('init', '--mode', 'self-signed')).status, 0);
  t.match(await cli('authority', 'roll', 'issuing'), { status: 1, stderr: /^chancery: issuing is self-signed: a new one is another trust anchor/ });
  const { stdout } = await cli('authority', 'roll', 'issuing', '--force', '--subject', 'CN=Second');
  t.match(stdout, /^authority +issuing-2\nsubject +CN=Second\nfollows +issuing\nissues from +.+ UTC \(in (?:59 minutes|1 hour)\)\nends +.+ UTC \(in 9 years\)\nfolder +\S+\n\nIt is self-signed: everyone who checks certificates must trust \S+issuing-2\/cert\.pem too, before it issues\./);
  t.match(stdout, /\n {2}chancery certificates renew-soon --authority issuing --from \S+Z --within 7d --reason 'rolled to issuing-2'\n$/);
  t.match(await cli('authority', 'roll', 'issuing', '--at', '2001-01-01'), { status: 2, stderr: /a future time/ });
});

t.test('one that has ended is followed at once, and nothing is said of renewing what ended with it', async (t) => {
  const folder = temporaryFolder('roll');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const env = { CHANCERY_DATA: join(folder, 'data') };
  t.equal((await runHere(['init', '--issuing-lifetime', '60s'], { env })).status, 0);
  const later = Math.floor(Date.now() / 1000) * 1000 + 120_000;
  const { status, stdout, stderr } = await runHere(['authority', 'roll', 'issuing', '--lifetime', '1y'], { env, now: () => later });
  t.equal(status, 0, stderr);
  t.match(stdout, /\nissues from +.+ UTC \(in 0 seconds\)\n/);
  t.match(stdout, /\nissuing has expired, and with it what it signed: holders of such certificates must enrol again\.\n$/);
  const roll = JSON.parse(readFileSync(join(env.CHANCERY_DATA, 'authorities', 'issuing-2', 'roll.json'), 'utf8')) as Json;
  t.equal(roll.from, later / 1000);
  const { status: refused, stderr: why } = await runHere(['authority', 'roll', 'issuing-2'], { env, now: () => later + 11 * 365 * 86_400_000 });
  t.equal(refused, 1);
  t.match(why, /^chancery: root has ended, and nothing that it signs is good: make a new root/);
});

t.test('so is one that another CA certified', async (t) => {
  const folder = temporaryFolder('roll');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const env = { CHANCERY_DATA: join(folder, 'data') };
  const ca = outsideRoot(folder, 'Outside Root');
  const sign = (name: string, days: number): string => {
    const path = join(folder, `${name}.pem`);
    const extensions = ['keyUsage=critical,digitalSignature,keyCertSign,cRLSign', 'basicConstraints=critical,CA:TRUE,pathlen:0'];
    writeFileSync(path, outsideSign(folder, ca, join(env.CHANCERY_DATA, 'authorities', name, 'request.csr'), { extensions, days }) + ca.pem);
    return path;
  };
  t.equal((await runHere(['init', '--mode', 'external', '--issuing-subject', 'CN=Ours'], { env })).status, 0);
  t.equal((await runHere(['init', '--import', sign('issuing', 1)], { env })).status, 0);
  const options = { env, now: ((later) => () => later)(Math.floor(Date.now() / 1000) * 1000 + 2 * 86_400_000) };
  t.equal((await runHere(['authority', 'roll', 'issuing', '--request'], options)).status, 0);
  const { status, stdout, stderr } = await runHere(['authority', 'import', 'issuing-2', sign('issuing-2', 20), '--json'], options);
  t.equal(status, 0, stderr);
  t.match(JSON.parse(stdout), { follows: 'issuing', hasEnded: true, from: new Date(options.now()).toISOString() });
});
