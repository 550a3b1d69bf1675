import { copyFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sha256 } from '../../../src/digest.ts';
import { messageOf } from '../../../src/identity/attestation/attestor.ts';
import type { Trust } from '../../../src/identity/attestation/certification-path.ts';
import { revocationLists } from '../../../src/identity/attestation/revocation-lists.ts';
import { x509Attestor } from '../../../src/identity/attestation/x509.ts';
import { x509popAttestor } from '../../../src/identity/attestation/x509pop.ts';
import { OID } from '../../../src/x509/oids.ts';
import { outsideIntermediate, outsideRoot } from '../../authority/openssl-ca.ts';
import { temporaryFolder } from '../../helpers/folder.ts';
import { openssl } from '../../helpers/openssl.ts';
import { accepted, evidence, newChallenge, refused, seconds, values } from './assert.ts';
import { ders, LEAF, outsideCrl, outsideNode, read } from './outside.ts';

const folder = temporaryFolder('x509');
/** For CAs with the names of ours: OpenSSL's files are called like them. */
const elsewhere = (): string => temporaryFolder('x509-elsewhere');
const root = outsideRoot(folder, 'root');
const issuing = outsideIntermediate(folder, root, 'issuing');
const node = outsideNode(folder, issuing);
const DAY = 86_400;

const trust = (more: Partial<Trust> = {}): Trust => ({ anchors: read(root.pem), intermediates: [], purpose: OID.clientAuth, ...more });
const shown = (...pems: readonly string[]) => evidence({}, { presented: ders(...pems) });

t.test('a certificate under a configured root tells who the node is', async (t) => {
  const found = await accepted(x509Attestor(trust()), shown(node.pem, issuing.pem));
  t.match(found.name, /^node1\.example\.com#[0-9a-f]{32}$/);
  t.same(values(found, 'dns'), ['node1.example.com']);
  t.same(values(found, 'ip'), ['10.0.0.7']);
  t.same(values(found, 'commonName'), ['node']);
  t.same(values(found, 'email'), []);
  await accepted(x509Attestor(trust({ intermediates: read(issuing.pem) })), shown(node.pem));
  await accepted(x509Attestor(trust()), evidence({ chain: issuing.pem }, { presented: ders(node.pem) }));
  await accepted(x509Attestor(trust()), shown(node.pem, root.pem, issuing.pem, node.pem));
  const twin = outsideNode(folder, issuing);
  t.not((await accepted(x509Attestor(trust()), shown(twin.pem, issuing.pem))).name, found.name, 'two with the same names are two');
});

t.test('what is not trusted', async (t) => {
  const x509 = x509Attestor(trust());
  const stranger = outsideRoot(elsewhere(), 'root');
  const below = (extensions: readonly string[]) => outsideIntermediate(folder, root, `ca${extensions.join()}`.replace(/[^a-z0-9]/gi, '').slice(0, 40), { extensions });
  const leafOf = (extensions: readonly string[]) => outsideNode(folder, issuing, { extensions });
  const under = (extensions: readonly string[], leaf?: readonly string[]) => {
    const ca = below(extensions);
    return shown(outsideNode(folder, ca, leaf === undefined ? {} : { extensions: leaf }).pem, ca.pem);
  };
  const forged = outsideIntermediate(elsewhere(), stranger, 'issuing');
  for (const [name, given, why] of [
    ['no certificate', evidence({}), /carries no client certificate/],
    ['no intermediate', shown(node.pem), /no path leads/],
    ['a root of the same name with another key', shown(outsideNode(folder, stranger).pem, stranger.pem), /another identifier|no way leads|signature/],
    ['an intermediate of the same name with another key', shown(outsideNode(folder, forged).pem, forged.pem), /identifier|signature/],
    ['an issuer that is no CA', shown(outsideNode(folder, { ...node, certificate: node.certificate }).pem, node.pem, issuing.pem), /is not a CA certificate|keyCertSign/],
    ['an issuer with CA:FALSE', under(['basicConstraints=critical,CA:FALSE']), /is not a CA certificate/],
    ['an issuer that may not sign certificates', under(['keyUsage=critical,cRLSign']), /keyCertSign/],
    ['an issuer for other purposes', under(['extendedKeyUsage=serverAuth']), /does not allow clientAuth/],
    ['a critical extension of the issuer that nobody knows', under(['1.2.3.4=critical,DER:0500']), /not understood/],
    ['names outside the permitted', under(['nameConstraints=critical,permitted;DNS:example.org'], [...LEAF, 'subjectAltName=DNS:node1.example.com']), /none of the permitted subtrees/],
    ['names within the excluded', under(['nameConstraints=critical,excluded;DNS:example.com'], [...LEAF, 'subjectAltName=DNS:node1.example.com']), /excluded subtree/],
    ['no extended key usage', shown(leafOf(['basicConstraints=', 'keyUsage=', 'subjectAltName=DNS:a.example.com']).pem, issuing.pem), /lacks the extended key usage clientAuth/],
    ['a server\'s certificate', shown(leafOf([...LEAF.slice(0, 2), 'extendedKeyUsage=serverAuth']).pem, issuing.pem), /lacks the extended key usage clientAuth/],
    ['a key that may not sign', shown(leafOf(['basicConstraints=', 'keyUsage=critical,keyEncipherment', 'extendedKeyUsage=clientAuth']).pem, issuing.pem), /digitalSignature/],
    ['a critical extension that nobody knows', shown(leafOf([...LEAF, '1.2.3.4=critical,DER:0500']).pem, issuing.pem), /not understood/],
    ['a CA certificate in a node\'s place', shown(issuing.pem), /is a CA certificate/],
    ['an expired one', evidence({}, { presented: ders(node.pem, issuing.pem), now: seconds() + 21 * DAY }), /expired at/],
    ['one that is to come', evidence({}, { presented: ders(node.pem, issuing.pem), now: seconds() - 10 * DAY }), /is valid only from/],
    ['trailing octets', evidence({}, { presented: [Buffer.concat([ders(node.pem)[0] as Uint8Array, Buffer.of(0)]), ...ders(issuing.pem)] }), /certificate 1 of the chain is refused/],
    ['too many', evidence({}, { presented: Array.from({ length: 9 }, () => ders(node.pem)[0] as Uint8Array) }), /at most 8/],
    ['a chain that is no PEM', evidence({ chain: 'x' }, { presented: ders(node.pem) }), /BEGIN CERTIFICATE/],
  ] as const) await refused(t, x509, given, why, name);
  const tall = below(['basicConstraints=critical,CA:TRUE,pathlen:0']);
  const taller = outsideIntermediate(folder, tall, 'taller');
  await refused(t, x509, shown(outsideNode(folder, taller).pem, taller.pem, tall.pem), /allows 0 CA certificates/, 'a longer path than is allowed');
});

t.test('what our own authorities have issued proves nothing, also under somebody else\'s root', async (t) => {
  const own = new Set(read(issuing.pem).map(({ publicKey }) => sha256(publicKey.der)));
  await refused(t, x509Attestor(trust({ own })), shown(node.pem, issuing.pem), /is an authority of this service/, 'by way of our issuing authority');
  await accepted(x509Attestor(trust({ own: new Set(['ab'.repeat(32)]) })), shown(node.pem, issuing.pem));
});

t.test('a common name does not slip past name constraints', async (t) => {
  const bound = outsideIntermediate(folder, root, 'bound', { extensions: ['nameConstraints=critical,permitted;DNS:example.com'] });
  const under = (subject: string) => shown(outsideNode(folder, bound, { subject, extensions: [...LEAF, 'subjectAltName=DNS:a.example.com'] }).pem, bound.pem);
  await accepted(x509Attestor(trust()), under('/CN=A node'));
  await refused(t, x509Attestor(trust()), under('/CN=www.example.org'), /www\.example\.org is in none of the permitted/, 'a host name');
});

t.test('of several issuers with the same name the right one is found', async (t) => {
  const other = outsideIntermediate(elsewhere(), root, 'issuing');
  const strange = outsideIntermediate(elsewhere(), outsideRoot(elsewhere(), 'root'), 'issuing');
  await accepted(x509Attestor(trust({ intermediates: read(other.pem) })), shown(node.pem, strange.pem, issuing.pem));
  await accepted(x509Attestor(trust({ anchors: read(outsideRoot(elsewhere(), 'root').pem + root.pem) })), shown(node.pem, issuing.pem));
});

t.test('a signature over the challenge proves the key, by every kind of key', async (t) => {
  const pop = x509popAttestor(trust());
  const sign = (key: string, message: string, ...options: readonly string[]): string => {
    writeFileSync(join(folder, 'message'), message);
    const args = options.length > 0 ? ['pkeyutl', '-sign', '-inkey', key, '-in', join(folder, 'message'), ...options] : ['dgst', '-sha256', '-sign', key];
    openssl(...args, '-out', join(folder, 'signature'), ...(options.length > 0 ? [] : [join(folder, 'message')]));
    return readFileSync(join(folder, 'signature')).toString('base64');
  };
  for (const [key, options] of [
    [['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], []], [['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], []], [['rsa:2048'], []], [['ed25519'], ['-rawin']],
  ] as const) {
    const one = outsideNode(folder, issuing, { key });
    const challenge = newChallenge();
    const given = evidence({ chain: one.pem + issuing.pem, signature: sign(one.key, messageOf('x509pop', challenge), ...options) }, { challenge });
    t.match(await accepted(pop, given), { proof: /its key has signed the challenge/ }, key.join(' '));
    await refused(t, pop, { ...given, challenge: newChallenge() }, /not over the message of this challenge/, 'another challenge');
  }
  const challenge = newChallenge();
  const chain = node.pem + issuing.pem;
  const good = sign(node.key, messageOf('x509pop', challenge));
  const other = outsideNode(folder, issuing);
  for (const [name, proof, why] of [
    ['no signature', { chain }, /lacks "signature"/], ['no chain', { signature: good }, /lacks "chain"/],
    ['another key', { chain, signature: sign(other.key, messageOf('x509pop', challenge)) }, /not over the message/],
    ['the message of another kind of proof', { chain, signature: sign(node.key, messageOf('ssh', challenge)) }, /not over the message/],
    ['the bare challenge', { chain, signature: sign(node.key, challenge.text) }, /not over the message/],
    ['an altered signature', { chain, signature: Buffer.from(Buffer.from(good, 'base64').map((octet, index) => (index === 20 ? octet ^ 1 : octet))).toString('base64') }, /not over the message/],
    ['no base64', { chain, signature: '%' }, /base64/], ['an empty signature', { chain, signature: '' }, /base64/],
    ['the issuer first', { chain: issuing.pem + node.pem, signature: good }, /is a CA certificate/],
    ['somebody\'s chain without a way', { chain: outsideNode(folder, outsideRoot(elsewhere(), 'root')).pem, signature: good }, /whose identifier is not/],
  ] as const) await refused(t, pop, evidence(proof, { challenge }), why, name);
});

t.test('CRLs: every certificate on the way needs one that stands, and must not be on it', async (t) => {
  const crl = join(folder, 'watched.pem');
  const gone = outsideNode(folder, issuing);
  copyFileSync(outsideCrl(folder, issuing, [gone]), crl);
  const ofRoot = outsideCrl(folder, root, []);
  const x509 = x509Attestor(trust({ revoked: revocationLists([crl, ofRoot]) }));
  await accepted(x509, shown(node.pem, issuing.pem));
  await refused(t, x509, shown(gone.pem, issuing.pem), /is revoked/, 'a revoked one');
  await refused(t, x509, evidence({}, { presented: ders(node.pem, issuing.pem), now: seconds() + 6 * DAY }), /no current CRL of .*, so /, 'a CRL that has ended');
  await refused(t, x509Attestor(trust({ revoked: revocationLists([crl]) })), shown(node.pem, issuing.pem), /no current CRL of .*root/, 'no CRL of the root');
  const forged = outsideIntermediate(elsewhere(), outsideRoot(elsewhere(), 'root'), 'issuing');
  await refused(t, x509Attestor(trust({ revoked: revocationLists([outsideCrl(folder, forged, []), ofRoot]) })), shown(node.pem, issuing.pem), /no current CRL/, 'a CRL of the same name by another key');
  await refused(t, x509Attestor(trust({ revoked: revocationLists([crl, outsideCrl(folder, root, [{ ...issuing }])]) })), shown(node.pem, issuing.pem), /issuing.* is revoked/, 'a revoked intermediate');
  copyFileSync(outsideCrl(folder, issuing, [node]), crl);
  utimesSync(crl, new Date(), new Date(Date.now() + 5000));
  await refused(t, x509, shown(node.pem, issuing.pem), /is revoked/, 'a file that has changed is read again');
  writeFileSync(crl, 'broken');
  t.throws(() => x509.attest(shown(node.pem, issuing.pem)), { code: 'unavailable' }, 'a file that breaks is not passed over');
  t.throws(() => revocationLists([crl]), /watched\.pem cannot be used/);
  t.throws(() => revocationLists([outsideCrl(folder, issuing, [], { extra: 'issuingDistributionPoint=critical,@idp\n[idp]\nonlyuser=TRUE' })]), /cannot be used/, 'a part of the revocations');
});
