import t from 'tap';
import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { importChain } from '../../src/authority/import.ts';
import { loadAuthorities } from '../../src/authority/load.ts';
import { makeTestAuthorities, systemClock } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { faultsOf, refusalOf } from './assert.ts';
import { outsideIntermediate, outsideRoot, outsideSign, type SignOptions } from './openssl-ca.ts';
import { bringIn, waiting } from './waiting.ts';

const DAY = 86_400;

t.test('an import that nobody waits for', async (t) => {
  const { data, authorities } = await makeTestAuthorities();
  t.same(await faultsOf(() => bringIn(temporaryFolder(), '')), ['not-initialised']);
  t.same(await faultsOf(() => bringIn(data, authorities.root.der)), ['import-unexpected']);
});

/** What another CA may do wrong with our CSR, and which faults that makes. The root is in the file. */
const WRONG: Readonly<Record<string, readonly [SignOptions, readonly string[]]>> = {
  'no CA certificate': [{ extensions: ['basicConstraints=critical,CA:FALSE'] }, ['not-a-ca']],
  'no basicConstraints at all': [{ extensions: ['basicConstraints='] }, ['not-a-ca']],
  'a key usage without keyCertSign': [{ extensions: ['keyUsage=critical,cRLSign'] }, ['key-usage-lacks', 'key-usage-lacks']],
  'a key usage without cRLSign': [{ extensions: ['keyUsage=critical,keyCertSign'] }, ['key-usage-lacks']],
  'no key usage': [{ extensions: ['keyUsage='] }, ['key-usage-lacks', 'key-usage-lacks']],
  'no subject key identifier': [{ extensions: ['subjectKeyIdentifier=none'] }, ['subject-key-identifier-lacks']],
  'an empty subject': [{ more: ['-subj', '/'] }, ['subject-empty']],
  'a critical extension that nobody knows': [{ extensions: ['1.2.3.4=critical,ASN1:UTF8String:x'] }, ['extension-unknown']],
  'an extension that cannot be read': [{ extensions: ['2.5.29.15=critical,DER:0500', 'keyUsage='] }, ['certificate-unreadable', 'key-usage-lacks', 'key-usage-lacks']],
  'SHA-1': [{ more: ['-sha1'] }, ['chain-algorithm-unsupported']],
  'a certificate of a key identifier that is not its own': [{ extensions: ['authorityKeyIdentifier=', '2.5.29.35=DER:30068004deadbeef'] }, ['chain-broken']],
  'nearly all of it': [
    { extensions: ['basicConstraints=', 'keyUsage=', 'subjectKeyIdentifier=none', '1.2.3.4=critical,ASN1:UTF8String:x'] },
    ['extension-unknown', 'not-a-ca', 'key-usage-lacks', 'key-usage-lacks', 'subject-key-identifier-lacks'],
  ],
};

for (const [what, [options, faults]] of Object.entries(WRONG)) {
  t.test(`refused: ${what}`, async (t) => {
    const { data, folder, request } = await waiting();
    const root = outsideRoot(folder, 'root');
    t.same(await faultsOf(() => bringIn(data, outsideSign(folder, root, request, options) + root.pem)), faults);
    t.same(readdirSync(join(data, 'authorities')), ['issuing']);
    t.same(readdirSync(join(data, 'authorities', 'issuing')).sort(), ['key.pem', 'request.csr'], 'nothing was installed');
    t.notOk(existsSync(join(data, 'root.pem')));
  });
}

/** What may be wrong above ours. */
const ABOVE: Readonly<Record<string, readonly [root: readonly string[], policy: readonly string[], ours: readonly string[], faults: readonly string[]]>> = {
  'a path length that is used up': [['basicConstraints=critical,CA:TRUE,pathlen:1'], ['basicConstraints=critical,CA:TRUE,pathlen:0'], [], ['path-length-exceeded', 'path-length-exceeded']],
  'a path length of the root alone': [['basicConstraints=critical,CA:TRUE,pathlen:1'], [], [], ['path-length-exceeded']],
  'an issuer that is no CA': [[], ['basicConstraints=critical,CA:FALSE'], [], ['not-a-ca']],
  'an issuer that may not sign certificates': [[], ['keyUsage=critical,digitalSignature'], [], ['key-usage-lacks']],
  'a name that the root does not permit': [['nameConstraints=critical,permitted;DNS:example.com'], ['subjectAltName=DNS:ca.example.com'], ['subjectAltName=DNS:ca.example.org'], ['name-constraints-violated']],
  'a name that the issuer excludes': [[], ['nameConstraints=critical,excluded;DNS:example.com'], ['subjectAltName=DNS:ca.example.com'], ['name-constraints-violated']],
  // SEQUENCE { [0] { SEQUENCE { [4] an empty Name } } }
  'a constraint on directory names, which is not honoured here': [['2.5.29.30=critical,DER:3008a0063004a4023000'], [], [], ['certificate-unreadable']],
};

for (const [what, [rootHas, policyHas, oursHas, faults]] of Object.entries(ABOVE)) {
  t.test(`refused: ${what}`, async (t) => {
    const { data, folder, request } = await waiting();
    const root = outsideRoot(folder, 'root', { extensions: rootHas });
    const policy = outsideIntermediate(folder, root, 'policy', { extensions: policyHas });
    t.same(await faultsOf(() => bringIn(data, outsideSign(folder, policy, request, { extensions: oursHas }) + policy.pem + root.pem)), faults);
  });
}

t.test('refused: what is not ours, or not clear', async (t) => {
  const { data, folder, request } = await waiting();
  const other = await waiting();
  const root = outsideRoot(folder, 'root');
  const ours = outsideSign(folder, root, request);
  t.same(await faultsOf(() => bringIn(data, outsideSign(folder, root, other.request) + root.pem)), ['import-key-absent']);
  t.same(await faultsOf(() => bringIn(data, root.pem)), ['import-key-absent']);
  t.same(await faultsOf(() => bringIn(data, ours + outsideSign(folder, root, request) + root.pem)), ['import-ambiguous']);
  t.same(await faultsOf(() => bringIn(data, 'nonsense')), ['import-unreadable']);
  t.same(await faultsOf(() => bringIn(data, ours, { root: Buffer.from(ours) })), ['import-unreadable'], 'what is given as root has not signed itself');
});

t.test('refused: signatures that do not hold', async (t) => {
  const { data, folder, request } = await waiting();
  const [root, impostor] = [outsideRoot(folder, 'root'), outsideRoot(temporaryFolder(), 'root')];
  const ours = outsideSign(folder, root, request);
  t.same(await faultsOf(() => bringIn(data, ours + impostor.pem)), ['chain-broken'], 'another key under the same name');
  const damaged = Buffer.from(new X509Certificate(ours).raw);
  damaged[damaged.length - 1]! ^= 1;
  t.same(await faultsOf(() => bringIn(data, new X509Certificate(damaged).toString() + root.pem)), ['chain-broken'], 'a signature that was changed');
  t.same(await faultsOf(() => bringIn(data, ours, { root: Buffer.from(outsideRoot(folder, 'stranger').pem) })), ['chain-broken'], 'a root that this does not lead to');
  t.same(await faultsOf(() => bringIn(data, ours + root.pem, { root: Buffer.from(outsideRoot(folder, 'stranger').pem) })), ['chain-broken'], 'another root than the one given');
});

t.test('refused: certificates that are not valid now, each of them named', async (t) => {
  const { data, folder, request } = await waiting();
  const root = outsideRoot(folder, 'root');
  const ours = outsideSign(folder, root, request);
  const at = (shift: number) => refusalOf(() => bringIn(data, ours + root.pem, { clock: () => systemClock() + shift }));
  t.same((await at(-DAY))?.faults.map(({ code }) => code), ['not-yet-valid', 'not-yet-valid']);
  t.same((await at(25 * DAY))?.faults.map(({ code }) => code), ['expired']);
  const both = await at(35 * DAY);
  t.same(both?.faults.map(({ code }) => code), ['expired', 'expired']);
  t.match(both?.detail, /"CN=Chancery Issuing CA .*" \(serial [0-9a-f]+\): expired at 2.*; "CN=root, O=Outside" \(serial [0-9a-f]+\): expired at 2/);
});

t.test('refused: a renewal that would orphan what was signed, and the old one stays', async (t) => {
  const { data, folder, request } = await waiting();
  const root = outsideRoot(folder, 'root');
  const first = outsideSign(folder, root, request);
  await bringIn(data, first + root.pem);
  t.same(await faultsOf(() => bringIn(data, outsideSign(folder, root, request, { more: ['-subj', '/CN=Renamed'] }))), ['subject-changed']);
  t.same(await faultsOf(() => bringIn(data, outsideSign(folder, root, request, { extensions: ['subjectKeyIdentifier=DEADBEEF'] }))), ['subject-changed']);
  t.same((await loadAuthorities(data)).issuing.der, Uint8Array.from(new X509Certificate(first).raw));
});

t.test('refused: a key file that cannot be used, before anything else', async (t) => {
  const { data, folder, request } = await waiting({ passphrase: 'secret' });
  const root = outsideRoot(folder, 'root');
  const chain = Buffer.from(outsideSign(folder, root, request) + root.pem);
  t.same(await faultsOf(() => importChain({ data, chain, clock: systemClock })), ['passphrase-missing']);
  t.same(await faultsOf(() => importChain({ data, chain, clock: systemClock, passphrase: 'wrong' })), ['passphrase-wrong']);
});
