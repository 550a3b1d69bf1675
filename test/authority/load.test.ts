import t from 'tap';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { appendFileSync, chmodSync, copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initAuthorities } from '../../src/authority/ceremony.ts';
import { writeKeyFile } from '../../src/authority/keys/key-file.ts';
import { loadAuthorities } from '../../src/authority/load.ts';
import { initOptions, makeTestAuthorities, type TestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { faultsOf, refusalOf } from './assert.ts';
import { outsideRoot } from './openssl-ca.ts';

const inside = ({ data }: TestAuthorities, ...path: readonly string[]): string => join(data, 'authorities', ...path);

t.test('an authority carries all that signing with it needs', async (t) => {
  const { authorities: { root, issuing } } = await makeTestAuthorities();
  t.same(issuing.chain, [], 'from its issuer up, the root left out');
  t.same(issuing.leafChain, [issuing.der]);
  t.same(root.leafChain, [], 'beside a certificate that the root signs, nothing is needed');
  t.same([issuing.root, root.root], [root.der, root.der]);
  t.equal(issuing.rootDigest, new X509Certificate(root.der).fingerprint256.replaceAll(':', '').toLowerCase());
  t.equal(issuing.signatureAlgorithm.id, 'ecdsa-with-SHA256');
  t.equal(issuing.subjectKeyId.length, 20);
  t.ok(issuing.signingKey?.publicKey.equals(new X509Certificate(issuing.der).publicKey));
});

t.test('where nothing was made, that is said', async (t) => {
  t.same(await faultsOf(() => loadAuthorities(temporaryFolder())), ['not-initialised']);
  t.same(await faultsOf(() => loadAuthorities('/nowhere')), ['not-initialised']);
});

t.test('before an import it says what it waits for', async (t) => {
  const data = join(temporaryFolder(), 'data');
  await initAuthorities(initOptions(data, { mode: 'external' }));
  const refusal = await refusalOf(() => loadAuthorities(data));
  t.equal(refusal?.code, 'authority-awaits-import');
  t.match(refusal?.detail, `${join(data, 'authorities', 'issuing', 'request.csr')} signed as a CA certificate, then run chancery init --import`);
});

t.test('a root whose key is offline is loaded, and said to be', async (t) => {
  const made = await makeTestAuthorities();
  rmSync(inside(made, 'root', 'key.pem'));
  const { root, issuing, rootOffline } = await loadAuthorities(made.data);
  t.match({ rootOffline, root: root.canSign, issuing: issuing.canSign, key: root.signingKey }, { rootOffline: true, root: false, issuing: true, key: undefined });
  t.equal(root.signatureAlgorithm.id, 'ecdsa-with-SHA256');
});

t.test('root.pem is a copy, made again where it is missing or wrong', async (t) => {
  const { data, authorities } = await makeTestAuthorities();
  const file = join(data, 'root.pem');
  const right = readFileSync(file);
  for (const harm of [() => rmSync(file), () => writeFileSync(file, 'nonsense'), () => writeFileSync(file, outsideRoot(temporaryFolder(), 'other').pem)]) {
    harm();
    await loadAuthorities(data);
    t.same(readFileSync(file), right);
  }
  t.same(new X509Certificate(right).raw, Buffer.from(authorities.root.der));
});

t.test('the passphrase is needed, and must be right', async (t) => {
  const { data } = await makeTestAuthorities({ passphrase: 'secret' });
  t.same(await faultsOf(() => loadAuthorities(data)), ['passphrase-missing', 'passphrase-missing']);
  t.same(await faultsOf(() => loadAuthorities(data, 'wrong')), ['passphrase-wrong', 'passphrase-wrong']);
});

/** What is done to good files, and which faults that makes. */
const HARM: Readonly<Record<string, readonly [(made: TestAuthorities) => void, readonly string[]]>> = {
  'a key that others may read': [(made) => chmodSync(inside(made, 'issuing', 'key.pem'), 0o644), ['key-exposed']],
  'an issuing key that is missing': [(made) => rmSync(inside(made, 'issuing', 'key.pem')), ['key-missing']],
  'a key that is nonsense': [(made) => writeFileSync(inside(made, 'root', 'key.pem'), 'nonsense'), ['key-unreadable']],
  "another authority's key": [(made) => copyFileSync(inside(made, 'root', 'key.pem'), inside(made, 'issuing', 'key.pem')), ['key-mismatch']],
  'a private key beside the public one of the certificate': [tear, ['key-mismatch']],
  'a key of a kind that cannot sign here': [
    (made) => writeKeyFile(inside(made, 'issuing', 'key.pem'), generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), ['key-unsupported'],
  ],
  'a certificate that is missing': [(made) => rmSync(inside(made, 'issuing', 'cert.pem')), ['certificate-missing']],
  'a certificate that is nonsense': [(made) => writeFileSync(inside(made, 'issuing', 'cert.pem'), 'nonsense'), ['certificate-unreadable']],
  'two certificates where one belongs': [(made) => appendFileSync(inside(made, 'issuing', 'cert.pem'), readFileSync(inside(made, 'root', 'cert.pem'))), ['certificate-unreadable']],
  'a chain that is nonsense': [(made) => writeFileSync(inside(made, 'issuing', 'chain.pem'), 'nonsense'), ['certificate-unreadable']],
  'a root that did not sign': [(made) => replaceRoot(made), ['chain-broken', 'chain-broken', 'chain-broken']],
  'a root that is gone': [(made) => renameSync(inside(made, 'root'), inside(made, 'elsewhere')), ['certificate-missing']],
  'a root certificate that is gone': [(made) => rmSync(inside(made, 'root', 'cert.pem')), ['certificate-missing']],
  'several at once': [
    (made) => {
      chmodSync(inside(made, 'root', 'key.pem'), 0o660);
      rmSync(inside(made, 'issuing', 'key.pem'));
      writeFileSync(inside(made, 'issuing', 'cert.pem'), '');
    },
    ['certificate-unreadable', 'key-missing', 'key-exposed'],
  ],
};

for (const [harm, [work, faults]] of Object.entries(HARM)) {
  t.test(`refused: ${harm}`, async (t) => {
    const made = await makeTestAuthorities();
    work(made);
    t.same(await faultsOf(() => loadAuthorities(made.data)), faults);
  });
}

t.test('a self-signed authority with another signature is refused', async (t) => {
  const made = await makeTestAuthorities({ mode: 'self-signed' });
  const der = Buffer.from(made.authorities.root.der);
  der[der.length - 1]! ^= 1;
  writeFileSync(inside(made, 'issuing', 'cert.pem'), new X509Certificate(der).toString());
  t.same(await faultsOf(() => loadAuthorities(made.data)), ['chain-broken']);
});

/** The private number of another key, beside the public point that the certificate has. */
function tear(made: TestAuthorities): void {
  const path = inside(made, 'issuing', 'key.pem');
  const der = createPrivateKey(readFileSync(path)).export({ type: 'pkcs8', format: 'der' });
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'der' });
  der.copy(other, der.length - 65, der.length - 65);
  writeKeyFile(path, createPrivateKey({ key: other, format: 'der', type: 'pkcs8' }));
}

function replaceRoot(made: TestAuthorities): void {
  const { key, certificate } = outsideRoot(made.data, 'other');
  copyFileSync(key, inside(made, 'root', 'key.pem'));
  copyFileSync(certificate, inside(made, 'root', 'cert.pem'));
}
