import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Attestor, messageOf } from '../../../src/identity/attestation/attestor.ts';
import { sshAttestor } from '../../../src/identity/attestation/ssh.ts';
import { parseKnownHosts } from '../../../src/identity/attestation/ssh/known-hosts.ts';
import { SshError } from '../../../src/identity/attestation/ssh/wire.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { accepted, evidence, newChallenge, refused, seconds, values } from './assert.ts';

const folder = temporaryFolder('ssh');
const at = (name: string): string => join(folder, name);
const keygen = (...args: readonly string[]): string => execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

let made = 0;
/** A key pair's file. */
function newKey(...type: readonly string[]): string {
  const file = at(`key${made++}`);
  keygen('-q', '-N', '', '-C', 'host', '-f', file, '-t', ...type);
  return file;
}
/** Type and key, without the comment. */
const publicOf = (file: string): string => readFileSync(`${file}.pub`, 'latin1').split(' ').slice(0, 2).join(' ');

function sign(file: string, message: string, { namespace = 'attestation@chancery', more = [] as readonly string[] } = {}): string {
  writeFileSync(at('message'), message);
  rmSync(at('message.sig'), { force: true });
  keygen('-Y', 'sign', '-q', '-f', file, '-n', namespace, ...more, at('message'));
  return readFileSync(at('message.sig'), 'latin1');
}
function certify(ca: string, file: string, principals: string, ...more: readonly string[]): string {
  keygen('-q', '-s', ca, '-I', 'node one', '-h', ...(principals === '' ? [] : ['-n', principals]), '-V', '-1h:+1h', ...more, `${file}.pub`);
  return readFileSync(`${file}-cert.pub`, 'latin1');
}
const ssh = (...lines: readonly string[]): Attestor => {
  const known = parseKnownHosts(lines.join('\n'));
  return sshAttestor(() => known);
};

const ED25519 = ['ed25519'];
const challenge = newChallenge();
const message = messageOf('ssh', challenge);
const key = newKey(...ED25519);
const ca = newKey(...ED25519);

t.test('every kind of host key proves the names that known_hosts has', async (t) => {
  for (const type of [ED25519, ['ecdsa', '-b', '256'], ['ecdsa', '-b', '384'], ['ecdsa', '-b', '521'], ['rsa', '-b', '2048']]) {
    const file = newKey(...type);
    const attestor = ssh('# hosts', '', `node1.example.com,10.0.0.7,[Node2.example.com]:2222 ${publicOf(file)} comment`, `other.example.com ${publicOf(key)}`);
    const found = await accepted(attestor, evidence({ signature: sign(file, message) }, { challenge }));
    t.same(values(found, 'hosts'), ['node1.example.com', '10.0.0.7', 'node2.example.com'], type.join(' '));
    t.equal(values(found, 'fingerprint')[0], keygen('-l', '-f', `${file}.pub`).split(' ')[1]);
    t.match(found.name, /^node1\.example\.com#/);
  }
  await accepted(ssh(`a.example.com ${publicOf(key)}`), evidence({ signature: sign(key, message, { more: ['-O', 'hashalg=sha256'] }).replaceAll('\n', '\r\n') }, { challenge }));
});

t.test('what is no proof by a known key', async (t) => {
  const attestor = ssh(`node1.example.com ${publicOf(key)}`);
  const good = sign(key, message);
  const flipped = (index: number): string => {
    const [, base64 = ''] = /SIGNATURE-----\n([^-]+)\n-----END/.exec(good) ?? [];
    const blob = Buffer.from(base64, 'base64');
    blob[index < 0 ? blob.length + index : index]! ^= 1;
    return `-----BEGIN SSH SIGNATURE-----\n${blob.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
  };
  for (const [name, proof, why] of [
    ['nothing', {}, /lacks "signature"/],
    ['another key', { signature: sign(newKey(...ED25519), message) }, /is not a known host's/],
    ['another challenge', { signature: sign(key, messageOf('ssh', newChallenge())) }, /not over the message/],
    ['another kind of proof', { signature: sign(key, messageOf('x509pop', challenge)) }, /not over the message/],
    ['a line feed behind the message', { signature: sign(key, `${message}\n`) }, /not over the message/],
    ['another namespace', { signature: sign(key, message, { namespace: 'file' }) }, /for namespace "file"/],
    ['an altered signature', { signature: flipped(-3) }, /not over the message/],
    ['an altered key', { signature: flipped(40) }, /not over the message|cannot be used|no known host/],
    ['another version', { signature: flipped(9) }, /another version/],
    ['octets behind it', { signature: good.replace(/\n-----END/, 'AAAA\n-----END').replace(/=+AAAA/, 'AAAA') }, /follow the end|not base64/],
    ['no armor', { signature: good.split('\n').slice(1).join('\n') }, /not an SSH SIGNATURE/],
    ['two signatures', { signature: good + good }, /not an SSH SIGNATURE/],
    ['a huge one', { signature: `${good}${' '.repeat(9000)}` }, /at most 8192/],
    ['an empty one', { signature: '' }, /not an SSH SIGNATURE/],
  ] as const) await refused(t, attestor, evidence(proof, { challenge }), why, name);
  const revoked = ssh(`node1.example.com ${publicOf(key)}`, `@revoked * ${publicOf(key)}`);
  await refused(t, revoked, evidence({ signature: good }, { challenge }), /is revoked/, 'a revoked key');
});

t.test('host certificates give the names for which their authority is trusted', async (t) => {
  const attestor = ssh(`@cert-authority *.example.com,!secret.example.com ${publicOf(ca)}`);
  const signature = sign(key, message);
  const proof = (certificate: string) => evidence({ signature, certificate }, { challenge });
  const certificate = certify(ca, key, 'Node1.example.com,node1.example.org,secret.example.com');
  const found = await accepted(attestor, proof(certificate));
  t.same(values(found, 'hosts'), ['node1.example.com']);
  t.same(values(found, 'keyId'), ['node one']);
  t.match(found.proof, /certified as "node one" by SHA256:/);
  for (const type of [['ecdsa', '-b', '384'], ['rsa', '-b', '2048']]) {
    const [other, authority] = [newKey(...type), newKey(...type)];
    await accepted(ssh(`@cert-authority * ${publicOf(authority)}`), evidence({ signature: sign(other, message), certificate: certify(authority, other, 'a.example.com') }, { challenge }));
  }
  const user = newKey(...ED25519);
  keygen('-q', '-s', ca, '-I', 'user', '-n', 'node1.example.com', `${user}.pub`);
  const stranger = newKey(...ED25519);
  const cut = certificate.split(' ');
  for (const [name, given, why] of [
    ['a certificate of another key', { ...proof(certify(ca, newKey(...ED25519), 'node1.example.com')) }, /for another key/],
    ['another authority', proof(certify(stranger, key, 'node1.example.com')), /not trusted for node1/],
    ['names of others', proof(certify(ca, key, 'node1.example.org')), /not trusted for node1\.example\.org/],
    ['no names', proof(certify(ca, key, '')), /names no host/],
    ['a user\'s certificate', evidence({ signature: sign(user, message), certificate: readFileSync(`${user}-cert.pub`, 'latin1') }, { challenge }), /not a host certificate/],
    ['a critical option', proof(certify(ca, key, 'node1.example.com', '-O', 'critical:source@example.com=1')), /critical option/],
    ['the plain key in its place', proof(publicOf(key)), /not a certificate of OpenSSH/],
    ['half of one', proof(`${cut[0]} ${(cut[1] ?? '').slice(0, 200)}`), /too early|base64/],
    ['a huge one', proof(`${cut[0]} ${'A'.repeat(20_000)}`), /at most 16384/],
    ['an altered one', proof(`${cut[0]} ${Buffer.from(Buffer.from(cut[1] ?? '', 'base64').toString('latin1').replace('node1.example.org', 'node9.example.com'), 'latin1').toString('base64')}`), /not by the authority/],
    ['one that has ended', { ...proof(certificate), now: seconds() + 7200 }, /has expired/],
    ['one that is to come', { ...proof(certificate), now: seconds() - 7200 }, /not valid yet/],
  ] as const) await refused(t, attestor, given, why, name);
  await refused(t, ssh(`@cert-authority * ${publicOf(ca)}`, `@revoked * ${publicOf(ca)}`), proof(certificate), /authority .* is revoked/, 'a revoked authority');
  await refused(t, ssh(`node1.example.com ${publicOf(ca)}`), proof(certificate), /not trusted/, 'a host\'s key is no authority');
  await refused(t, ssh(`@cert-authority *.example.com ${publicOf(ca)}`), evidence({ signature: sign(ca, message) }, { challenge }), /not a known host/, 'an authority is no host');
});

t.test('no octet of a signature or certificate can be altered or cut without being refused', async (t) => {
  const attestor = ssh(`@cert-authority *.example.com ${publicOf(ca)}`);
  const armor = (blob: Buffer): string => `-----BEGIN SSH SIGNATURE-----\n${blob.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
  const [, base64 = ''] = /SIGNATURE-----\n([^-]+)\n-----END/.exec(sign(key, message)) ?? [];
  const signature = Buffer.from(base64, 'base64');
  const [type = '', body = ''] = certify(ca, key, 'node1.example.com').split(' ');
  const certificate = Buffer.from(body, 'base64');
  const attempt = async (one: Buffer, other: Buffer): Promise<void> => {
    const work = async () => attestor.attest(evidence({ signature: armor(one), certificate: `${type} ${other.toString('base64')}` }, { challenge }));
    t.match(await work().then(() => 'taken', (error: unknown) => error), { code: 'unauthenticated' });
  };
  await accepted(attestor, evidence({ signature: armor(signature), certificate: `${type} ${body}` }, { challenge }));
  const altered = (bytes: Buffer, index: number): Buffer => Buffer.from(bytes.map((octet, at) => (at === index ? octet ^ 0x21 : octet)));
  for (let index = 0; index < signature.length; index += 1) {
    await attempt(altered(signature, index), certificate);
    await attempt(signature.subarray(0, index), certificate);
  }
  for (let index = 0; index < certificate.length; index += 1) {
    await attempt(signature, altered(certificate, index));
    await attempt(signature, certificate.subarray(0, index));
  }
});

t.test('a known_hosts file that says too little or too much is refused at start', async (t) => {
  const good = publicOf(key);
  for (const [line, why] of [
    [`|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ${good}`, /line 1: the hosts are hashed/],
    [`*.example.com ${good}`, /by patterns/], [`!a.example.com ${good}`, /by patterns/], [`@cert-autority * ${good}`, /marker @cert-autority/],
    ['a.example.com ssh-ed25519 AAAA', /too early|ends/], [`a.example.com ssh-rsa ${good.split(' ')[1]}`, /is of type ssh-ed25519/], ['a.example.com', /expected hosts/],
    [`a.example.com ssh-dss ${'A'.repeat(80)}`, /.*/],
  ] as const) {
    t.throws(() => parseKnownHosts(line), SshError, String(why));
    t.throws(() => parseKnownHosts(line), why);
  }
  const small = Buffer.concat([Buffer.from('000000077373682d727361000000030100010000008100', 'hex'), Buffer.alloc(128, 0xc1)]);
  t.throws(() => parseKnownHosts(`a.example.com ssh-rsa ${small.toString('base64')}`), /2048 to 8192/);
});
