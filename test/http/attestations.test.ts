import { execFile, execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { attested } from '../../src/agent/attest/earn-token.ts';
import { enroll } from '../../src/agent/enroll.ts';
import { outsideIntermediate, outsideRoot } from '../authority/openssl-ca.ts';
import { runHere } from '../cli/run-cli.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { makeCsr, openssl } from '../helpers/openssl.ts';
import { type Json, startTestService, type TestService } from '../helpers/service.ts';
import { repositoryFile } from '../repository.ts';
import { loadConfig } from '../../src/config/load.ts';
import { LEAF, outsideNode } from '../identity/attestation/outside.ts';

const folder = temporaryFolder('attestations');
const at = (name: string): string => join(folder, name);
const text = (file: string): string => readFileSync(file, 'utf8');

const root = outsideRoot(folder, 'old-root');
const issuing = outsideIntermediate(folder, root, 'old-issuing');
const node = outsideNode(folder, issuing, { extensions: [...LEAF, 'subjectAltName=DNS:node1.example.com'] });
writeFileSync(at('node-chain.pem'), node.pem + issuing.pem);
execFileSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', at('host')]);
writeFileSync(at('known_hosts'), `node2.example.com ${text(at('host.pub'))}`);
openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('aws.key'), '-out', at('aws.pem'), '-subj', '/O=Amazon Web Services LLC', '-days', '1');

const SETTINGS = {
  CHANCERY_ATTESTATION__X509__ROOTS: JSON.stringify([root.certificate]),
  CHANCERY_ATTESTATION__X509__RULES: JSON.stringify([{ when: { organization: 'Outside' }, profile: 'node', names: ['{{dns}}'], maxValidity: '1d' }]),
  CHANCERY_ATTESTATION__SSH__KNOWN_HOSTS: at('known_hosts'),
  CHANCERY_ATTESTATION__SSH__RULES: JSON.stringify([{ when: {}, profile: 'server', names: ['{{hosts}}'] }]),
  CHANCERY_ATTESTATION__AWS__CERTIFICATES__EU_WEST_1: at('aws.pem'),
  CHANCERY_ATTESTATION__AWS__RULES: JSON.stringify([{ when: { accountId: '123456789012' }, profile: 'node', names: ['{{instanceId}}.nodes.example.com'] }]),
};

const start = (t: Test, more: Readonly<Record<string, string>> = {}): Promise<TestService> => startTestService(t, { settings: { ...SETTINGS, ...more } });

/** One service for all tests that do not stop it. */
const service = await start(t);

/** A CSR and a challenge for its key. */
async function begin(service: TestService, name: string, dns: string): Promise<{ readonly csr: string; readonly challenge: string; readonly proofs: Json }> {
  const csr = text(makeCsr(folder, name, { san: `DNS:${dns}` }).csr);
  const { status, json } = await service.call('POST', '/v1/attestations/challenges', { body: { csr } });
  if (status !== 201) throw new Error(JSON.stringify(json));
  return { csr, challenge: json.challenge, proofs: json.proofs };
}
const sshSign = ({ message, namespace }: { message: string; namespace: string }): string =>
  execFileSync('ssh-keygen', ['-Y', 'sign', '-q', '-f', at('host'), '-n', namespace], { input: message, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
function awsProof(instance: string): { readonly document: string; readonly signature: string } {
  const document = JSON.stringify({ accountId: '123456789012', region: 'eu-west-1', instanceId: instance, pendingTime: new Date().toISOString() });
  writeFileSync(at('document'), document);
  openssl('dgst', '-sha256', '-sign', at('aws.key'), '-out', at('document.sig'), at('document'));
  return { document, signature: readFileSync(at('document.sig')).toString('base64') };
}

t.test('a proof earns a token, and the token a certificate for its key, with the names of the rule', async (t) => {
  const { csr, challenge, proofs } = await begin(service, 'one', 'node2.example.com');
  t.same(Object.keys(proofs).sort(), ['aws', 'ssh', 'x509', 'x509pop']);
  const earned = await service.call('POST', '/v1/attestations', { body: { challenge, ssh: { signature: sshSign(proofs.ssh) } } });
  t.match(earned, { status: 201, headers: { 'cache-control': 'no-store' }, json: { profile: 'server', names: ['node2.example.com'], identity: /^ssh\/node2\.example\.com#/ } });
  const other = text(makeCsr(folder, 'other', { san: 'DNS:node2.example.com' }).csr);
  t.match(await service.call('POST', '/v1/requests', { bearer: earned.json.token, body: { csr: other } }), { status: 403, json: { errors: [{ code: 'step-bound-key' }] } }, 'a token that was stolen is good for nobody else\'s key');
  const elsewhere = text(makeCsr(folder, 'elsewhere', { san: 'DNS:node3.example.com' }).csr);
  t.match(await service.call('POST', '/v1/requests', { bearer: earned.json.token, body: { csr: elsewhere } }), { status: 403 });
  const issued = await service.call('POST', '/v1/requests', { bearer: earned.json.token, body: { csr } });
  t.match(issued, { status: 201, json: { state: 'issued', requester: { kind: 'attestation', name: earned.json.identity }, steps: [{ name: 'identity', reason: /SSH host key SHA256:/ }] } });
  t.match(new X509Certificate(issued.json.certificate).subjectAltName, /DNS:node2\.example\.com/);
  const again = await begin(service, 'two', 'node2.example.com');
  const replay = { challenge: again.challenge, ssh: { signature: sshSign(again.proofs.ssh) } };
  t.same((await Promise.all(Array.from({ length: 4 }, () => service.call('POST', '/v1/attestations', { body: replay })))).map(({ status }) => status).sort((a, b) => a - b), [201, 401, 401, 401]);
  const audit = await service.call('GET', '/v1/audit?limit=50', { certificate: service.operator });
  t.ok(audit.json.items.some((entry: Json) => entry.event === 'certificate.issued' && entry.actor === `attestation:${earned.json.identity}`));
  t.notOk(service.logged.some((line) => line.includes(earned.json.token)));
});

t.test('the same node with the same CSR finds its first request, by whichever proof', async (t) => {
  const csr = text(makeCsr(folder, 'same', { san: 'DNS:node2.example.com' }).csr);
  const serials = [];
  for (let round = 0; round < 2; round += 1) {
    const { challenge, proofs } = (await service.call('POST', '/v1/attestations/challenges', { body: { csr } })).json;
    const { token } = (await service.call('POST', '/v1/attestations', { body: { challenge, ssh: { signature: sshSign(proofs.ssh) } } })).json;
    serials.push((await service.call('POST', '/v1/requests', { bearer: token, body: { csr } })).json.serial);
  }
  t.match(serials[0], /^[0-9a-f]+$/);
  t.equal(serials[0], serials[1]);
});

t.test('a client certificate of another CA is the proof, with its intermediates in TLS', async (t) => {
  const { challenge } = await begin(service, 'mtls', 'node1.example.com');
  const certificate = { cert: text(at('node-chain.pem')), key: text(node.key) };
  t.match(await service.call('POST', '/v1/attestations', { body: { challenge, x509: {} } }), { status: 401, json: { detail: /carries no client certificate/ } });
  t.match(await service.call('POST', '/v1/attestations', { certificate: service.operator, body: { challenge, x509: {} } }), { status: 401, json: { detail: /no path leads/ } }, 'our own certificates are none of those');
  t.match(await service.call('POST', '/v1/attestations', { certificate, body: { challenge, x509: {} } }), { status: 201, json: { names: ['node1.example.com'], maxValidity: 86_400 } });
  t.match(await service.call('GET', '/v1/audit', { certificate }), { status: 401 }, 'elsewhere it is no credential');
});

t.test('a cloud instance is claimed once; an operator sees it, and releases it', async (t) => {
  const service = await start(t);
  const proof = awsProof('i-0123456789abcdef0');
  const prove = async (name: string) => {
    const { csr, challenge } = await begin(service, name, 'i-0123456789abcdef0.nodes.example.com');
    return { csr, reply: await service.call('POST', '/v1/attestations', { body: { challenge, aws: proof } }) };
  };
  const first = await prove('aws1');
  t.equal(first.reply.status, 201);
  t.equal((await service.call('POST', '/v1/requests', { bearer: first.reply.json.token, body: { csr: first.csr } })).status, 201);
  t.match((await prove('aws2')).reply, { status: 403, json: { type: 'urn:chancery:error:forbidden', errors: [{ code: 'attestation-refused', detail: /claimed at .* by another key/ }] } });
  t.equal((await service.call('GET', '/v1/attestations')).status, 401);
  await service.restart({ CHANCERY_ATTESTATION__X509__ROOTS: JSON.stringify([join(service.config.data, 'root.pem')]) });
  const ours = await begin(service, 'ours', 'node1.example.com');
  const chain = (await service.call('GET', '/ca/chain.pem')).text;
  t.match(await service.call('POST', '/v1/attestations', { certificate: service.operator, body: { challenge: ours.challenge, x509: { chain } } }), { status: 401, json: { detail: /is an authority of this service/ } }, 'our own root as an anchor lets no revoked certificate come back');
  t.equal((await prove('aws3')).reply.status, 403, 'also after a restart');
  const cli = (...args: readonly string[]) => runHere(['attestations', ...args, '--url', service.service.addresses.https ?? '', '--data', service.config.data]);
  const listed = await cli('list', '--json');
  const [{ id, name }] = JSON.parse(listed.stdout).items;
  t.equal(name, '123456789012/i-0123456789abcdef0');
  t.match((await cli('list')).stdout, /aws +123456789012\/i-0123456789abcdef0/);
  t.match(await cli('release', id), { status: 0, stdout: /i-0123456789abcdef0/ });
  t.match(await cli('release', id), { status: 1, stderr: /no attested node/ });
  t.equal((await prove('aws4')).reply.status, 201);
  const events = (await service.call('GET', '/v1/audit?limit=100', { certificate: service.operator })).json.items.map((entry: Json) => entry.event);
  for (const event of ['attestation.accepted', 'attestation.refused', 'attestation.released']) t.ok(events.includes(event), event);
});

t.test('files that cannot be used are told at start, all of them', async (t) => {
  writeFileSync(at('broken'), 'broken');
  const service = await start(t);
  await t.rejects(service.restart({
    CHANCERY_ATTESTATION__X509__ROOTS: JSON.stringify([at('missing.pem'), at('broken')]), CHANCERY_ATTESTATION__X509__CRLS: JSON.stringify([at('broken')]),
    CHANCERY_ATTESTATION__SSH__KNOWN_HOSTS: at('broken'),
    CHANCERY_ATTESTATION__AWS__CERTIFICATES__EU_WEST_1: at('broken'),
  }), { message: /x509\.crls: .*broken cannot be used[^]*x509\.roots: ENOENT[^]*x509\.roots: bad-pem[^]*aws\.certificates\.eu-west-1: .*holds no certificate[^]*ssh\.knownHosts: .*line 1: expected hosts/ });
});

t.test('wrong calls, and who tries too often', async (t) => {
  const service = await start(t, { CHANCERY_LIMITS__FAILURES_PER_ADDRESS: '20' });
  const { challenge } = await begin(service, 'wrong', 'a.example.com');
  const ssh = { signature: 'x' };
  for (const [body, status] of [
    [{}, 400], [{ challenge }, 400], [{ ssh }, 400], [{ challenge, ssh, x509: {} }, 400], [{ challenge, tpm: {} }, 400], [{ challenge, ssh: { ...ssh, key: 'x' } }, 400], [{ challenge, ssh: { signature: 7 } }, 400],
    [{ challenge, gcp: { token: 'a.b.c' } }, 401], [{ challenge: 'x', ssh }, 401], [{ challenge, ssh }, 401], [{ challenge, aws: { document: 'x'.repeat(20_000) } }, 400], [{ challenge, ssh: { signature: 'x'.repeat(70_000) } }, 413],
  ] as const) t.match(await service.call('POST', '/v1/attestations', { body }), { status, headers: { 'content-type': /problem\+json/ } }, JSON.stringify(body).slice(0, 80));
  for (const csr of ['x', 'MAA=']) t.match(await service.call('POST', '/v1/attestations/challenges', { body: { csr } }), { status: 400, json: { type: 'urn:chancery:error:csr-malformed' } });
  t.equal((await service.plain('POST', '/v1/attestations', { body: { challenge, ssh } })).status, 403, 'not without TLS');
  const statuses = [];
  for (let round = 0; round < 25; round += 1) statuses.push((await service.call('POST', '/v1/attestations', { body: { challenge, ssh } })).status);
  t.ok(statuses.includes(429));
});

t.test('enroll --attest: the node proves itself, and has its certificate', async (t) => {
  const url = service.service.addresses.https ?? '';
  writeFileSync(at('root.pem'), service.root);
  const out = (name: string): string => at(`out-${name}`);
  const run = (name: string, ...args: readonly string[]) => runHere(['enroll', '--url', url, '--ca', at('root.pem'), '--out', out(name), ...args]);
  t.match(await run('ssh', '--attest', 'ssh', '--attest-key', at('host'), '--name', 'node2.example.com'), { status: 0, stderr: '' });
  t.match(new X509Certificate(text(join(out('ssh'), 'cert.pem'))).subjectAltName, /node2\.example\.com/);
  const files = ['--attest-cert', at('node-chain.pem'), '--attest-key', node.key, '--name', 'node1.example.com'];
  t.match(await run('x509', '--attest', 'x509', ...files), { status: 0, stderr: '' });
  t.match(await run('x509pop', '--attest', 'x509pop', ...files), { status: 0, stderr: '' });
  writeFileSync(at('proof.json'), JSON.stringify(awsProof('i-00000000000000001')));
  const aws = ['--attest', 'aws', '--attest-document', at('proof.json'), '--name'];
  t.match(await run('aws', ...aws, 'wrong.example.com'), { status: 1, stderr: /wrong\.example\.com/ });
  t.match(await run('aws', ...aws, 'i-00000000000000001.nodes.example.com'), { status: 0 }, 'a wrong name does not cost the claim');
  t.match(await run('none', '--attest', 'gcp', '--name', 'a.example.com'), { status: 1, stderr: /accepts no proof of kind gcp/ });
  t.match(await run('none', '--attest', 'ssh', '--attest-key', at('missing'), '--name', 'a.example.com'), { status: 1, stderr: /ssh-keygen cannot sign/ });
  t.match(await runHere(['enroll', '--url', url, '--attest', 'ssh', '--name', 'a']), { status: 2, stderr: /--ca is missing/ });
  t.match(await runHere(['enroll', '--url', url, '--ca', 'x', '--token', 'x', '--name', 'a']), { status: 2, stderr: /--ca goes with --attest/ });
});

t.test('documents come from the metadata service, by the session that it demands', async (t) => {
  writeFileSync(at('root.pem'), service.root);
  const { document } = awsProof('i-00000000000000002');
  openssl('cms', '-sign', '-binary', '-nodetach', '-in', at('document'), '-signer', at('aws.pem'), '-inkey', at('aws.key'), '-outform', 'DER', '-out', at('document.cms'));
  const asked: string[] = [];
  const metadata = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const answers: Readonly<Record<string, string>> = { '/latest/api/token': 'session', '/latest/dynamic/instance-identity/document': document, '/latest/dynamic/instance-identity/rsa2048': readFileSync(at('document.cms')).toString('base64') };
    const allowed = request.method === 'PUT' ? request.headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined : request.headers['x-aws-ec2-metadata-token'] === 'session';
    response.statusCode = allowed ? 200 : 401;
    response.end(allowed ? answers[request.url ?? ''] : '');
  }).listen(0, '127.0.0.1');
  t.teardown(() => metadata.close());
  await new Promise((resolve) => metadata.once('listening', resolve));
  const url = new URL(service.service.addresses.https ?? '');
  const token = attested({
    url, kind: 'aws', ca: at('root.pem'), certificate: undefined, key: undefined, document: undefined,
    metadata: new URL(`http://127.0.0.1:${(metadata.address() as AddressInfo).port}`),
  });
  const [enrolment] = await enroll({ url, token, names: ['i-00000000000000002.nodes.example.com'], folder: at('out-metadata'), layout: 'plain', keyType: 'P-256', wait: 0, force: false, reuseKey: false }, { now: Date.now, onProgress: () => undefined });
  t.equal(enrolment?.profile, 'node');
  t.same(asked, ['PUT /latest/api/token', 'GET /latest/dynamic/instance-identity/document', 'GET /latest/dynamic/instance-identity/rsa2048']);
});

/** The lines of the guide want jq, which not every machine has; where everything is tested it must be there. */
const noJq = process.env['CI'] === undefined && (process.env['PATH'] ?? '').split(':').every((path) => !existsSync(join(path, 'jq'))) ? 'no jq: apt-get install jq' : false;

t.test('what the guide says works: its configuration, its lines of shell', { skip: noJq }, async (t) => {
  const guide = text(repositoryFile('docs/attestation.md'));
  const [, yaml = ''] = /```yaml\n([^]+?)```/.exec(guide) ?? [];
  writeFileSync(at('guide.yaml'), yaml);
  t.same(Object.keys(loadConfig({ file: at('guide.yaml'), env: {}, folder }).attestation).sort(), ['aws', 'azure', 'challengeLifetime', 'claimLifetime', 'gcp', 'ssh', 'tokenLifetime', 'x509']);
  const [, , lines = ''] = guide.split('```sh\n');
  writeFileSync(at('root.pem'), service.root);
  writeFileSync(at('node.csr'), text(makeCsr(folder, 'shell', { san: 'DNS:node2.example.com' }).csr));
  const env = { ...process.env, URL: service.service.addresses.https, HOST_KEY: at('host') };
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', lines.split('```')[0] ?? ''], { cwd: folder, env, timeout: 30_000 });
  t.match(new X509Certificate(stdout).subjectAltName, /node2\.example\.com/);
});
