import t from 'tap';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAuthorities } from '../../src/authority/load.ts';
import { makeCsr, openssl } from '../helpers/openssl.ts';
import { outsideIntermediate, outsideRoot, outsideSign, pkcs7 } from './openssl-ca.ts';
import { bringIn, type Waiting, waiting } from './waiting.ts';

const raw = (pem: string): Uint8Array => Uint8Array.from(new X509Certificate(pem).raw);

/** A leaf signed with the key that was waiting, verified by OpenSSL with nothing but what was installed. */
function leafVerifies({ data, folder, key }: Waiting): string {
  const issuing = join(data, 'authorities', 'issuing');
  const chain = join(issuing, 'chain.pem');
  const { csr } = makeCsr(folder, 'leaf', { subject: '/CN=leaf' });
  const leaf = join(folder, 'leaf.pem');
  openssl('x509', '-req', '-in', csr, '-CA', join(issuing, 'cert.pem'), '-CAkey', key, '-days', '1', '-set_serial', '77', '-out', leaf);
  return openssl('verify', '-CAfile', join(data, 'root.pem'), '-untrusted', join(issuing, 'cert.pem'), ...(existsSync(chain) ? ['-untrusted', chain] : []), leaf).replace(leaf, 'leaf').trim();
}

for (const algorithm of ['EC', 'RSA', 'ED25519'] as const) {
  t.test(`signed by a root of OpenSSL (${algorithm})`, async (t) => {
    const here = await waiting({ issuingSubject: 'CN=Ours,O=Example' });
    const root = outsideRoot(here.folder, 'root', { algorithm });
    const signed = outsideSign(here.folder, root, here.request);
    const result = await bringIn(here.data, signed + root.pem);
    t.match(result, { endsInRoot: true, notes: [], rootDigest: createHash('sha256').update(raw(root.pem)).digest('hex') });
    t.same(result.chain, []);

    const { mode, issuing, root: top, all, rootOffline } = await loadAuthorities(here.data);
    t.match({ mode, rootOffline, names: all.map(({ name }) => name) }, { mode: 'external', rootOffline: true, names: ['root', 'issuing'] });
    t.same([issuing.der, issuing.leafChain, issuing.root], [raw(signed), [raw(signed)], raw(root.pem)]);
    t.match({ issuing: issuing.canSign, root: top.canSign }, { issuing: true, root: false });
    t.equal(readFileSync(join(here.data, 'root.pem'), 'latin1'), root.pem);
    t.equal(leafVerifies(here), 'leaf: OK');
    t.same(readdirSync(join(here.data, 'authorities', 'issuing')).sort(), ['cert.pem', 'key.pem', 'request.csr']);
  });
}

t.test('two tiers above: PEM in any order, PKCS#7 as DER and PEM, the root inside or beside', async (t) => {
  const { folder, request, ...here } = await waiting();
  const root = outsideRoot(folder, 'root');
  const policy = outsideIntermediate(folder, root, 'policy', { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:1'] });
  const signed = outsideSign(folder, policy, request, { extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0'] });
  const stranger = outsideRoot(folder, 'stranger');
  const forms: Readonly<Record<string, readonly [string | Uint8Array, string?]>> = {
    'from the leaf up': [signed + policy.pem + root.pem],
    'from the root down, with a stranger': [root.pem + stranger.pem + policy.pem + signed],
    'with text between': [`The chain you asked for\n\n${policy.pem}\n${root.pem}\nYours:\n${signed}`],
    'PKCS#7, DER': [pkcs7(folder, [root.pem, signed, policy.pem], 'DER')],
    'PKCS#7, PEM': [pkcs7(folder, [policy.pem, root.pem, signed], 'PEM')],
    'the root beside': [policy.pem + signed, root.pem],
    'the root beside, among others': [signed + policy.pem, stranger.pem + root.pem],
  };
  for (const [form, [chain, beside]] of Object.entries(forms)) {
    const result = await bringIn(here.data, chain, beside === undefined ? {} : { root: Buffer.from(beside) });
    t.match(result, { endsInRoot: true, notes: [] }, form);
    t.same([result.chain, result.root], [[raw(policy.pem)], raw(root.pem)]);
    const { issuing } = await loadAuthorities(here.data);
    t.same([issuing.chain, issuing.leafChain], [[raw(policy.pem)], [raw(signed), raw(policy.pem)]]);
    t.equal(leafVerifies({ folder, request, ...here }), 'leaf: OK', form);
  }
});

t.test('without a root the top of the chain is trusted, and that is said', async (t) => {
  const here = await waiting();
  const root = outsideRoot(here.folder, 'root');
  const policy = outsideIntermediate(here.folder, root, 'policy');
  const signed = outsideSign(here.folder, policy, here.request);

  const alone = await bringIn(here.data, signed);
  t.match(alone, { endsInRoot: false, notes: [/^No root is known: "CN=Chancery Issuing CA .* is trusted in its place/] });
  t.match(await loadAuthorities(here.data), { mode: 'external', all: [{ name: 'issuing', leafChain: [], canSign: true }] });

  const middle = await bringIn(here.data, signed + policy.pem);
  t.match(middle, { endsInRoot: false, notes: [/^No root is known: "CN=policy, O=Outside"/, /^The root has changed/] });
  t.same((await loadAuthorities(here.data)).issuing.root, raw(policy.pem));

  const whole = await bringIn(here.data, signed, { root: Buffer.from(root.pem) });
  t.match(whole, { endsInRoot: true, notes: [/^The root has changed/] });
  t.same(whole.chain, [raw(policy.pem)], 'what was installed before is at hand');

  await bringIn(here.data, signed, { root: Buffer.from(root.pem) });
  const again = await loadAuthorities(here.data);
  t.same([again.issuing.root, again.issuing.chain], [raw(root.pem), [raw(policy.pem)]]);
});

t.test('a renewal with the same key takes the place of the old certificate', async (t) => {
  const here = await waiting({ passphrase: 'secret' });
  const root = outsideRoot(here.folder, 'root');
  const first = outsideSign(here.folder, root, here.request, { days: 5 });
  await bringIn(here.data, first + root.pem, { passphrase: 'secret' });
  const second = outsideSign(here.folder, root, here.request, { days: 25 });
  t.match(await bringIn(here.data, second, { passphrase: 'secret' }), { endsInRoot: true, notes: [] });
  const { issuing, root: top } = await loadAuthorities(here.data, 'secret');
  t.same([issuing.der, top.der], [raw(second), raw(root.pem)]);
});

t.test('of two ways up the shorter is taken, and where a root is given the one that leads there', async (t) => {
  const here = await waiting();
  const [old, young] = [outsideRoot(here.folder, 'old'), outsideRoot(here.folder, 'young')];
  const csr = join(here.folder, 'cross.csr');
  openssl('x509', '-x509toreq', '-in', young.certificate, '-signkey', young.key, '-out', csr);
  const cross = outsideSign(here.folder, old, csr);
  const signed = outsideSign(here.folder, young, here.request);
  const short = await bringIn(here.data, cross + old.pem + signed + young.pem);
  t.same([short.chain, short.root], [[], raw(young.pem)]);
  const long = await bringIn(here.data, cross + signed + young.pem, { root: Buffer.from(old.pem) });
  t.same([long.chain, long.root], [[raw(cross)], raw(old.pem)], 'where only the other root is trusted');
});

t.test('what binds the certificates below is said', async (t) => {
  const here = await waiting();
  const root = outsideRoot(here.folder, 'root');
  const signed = outsideSign(here.folder, root, here.request, { extensions: ['extendedKeyUsage=serverAuth'], days: 90 });
  const { notes } = await bringIn(here.data, signed + root.pem);
  t.match(notes, [/only these extended key usages: serverAuth/, /^"CN=root, O=Outside" .* expires before the issuing certificate/]);
});

t.test('an import cut short at any point is finished when the authorities are loaded', async (t) => {
  const here = await waiting();
  const [first, second] = ['first', 'second'].map((name) => outsideRoot(here.folder, name));
  if (first === undefined || second === undefined) throw new Error('two roots');
  const policy = outsideIntermediate(here.folder, second, 'policy');
  const [before, after] = [outsideSign(here.folder, first, here.request), outsideSign(here.folder, policy, here.request)];
  await bringIn(here.data, before + first.pem);
  const at = (...path: readonly string[]): string => join(here.data, 'authorities', ...path);
  // The files in the order in which they are written, after the one that decides.
  const steps = [
    [at('issuing', 'incoming.pem'), after + policy.pem + second.pem],
    [at('root', 'cert.pem'), second.pem],
    [at('issuing', 'chain.pem'), policy.pem],
    [at('issuing', 'cert.pem'), after],
    [join(here.data, 'root.pem'), second.pem],
  ] as const;
  for (let cut = 1; cut <= steps.length; cut += 1) {
    await bringIn(here.data, before + first.pem);
    for (const [file, content] of steps.slice(0, cut)) writeFileSync(file, content);
    const { issuing, root } = await loadAuthorities(here.data);
    t.same([issuing.der, issuing.chain, root.der], [raw(after), [raw(policy.pem)], raw(second.pem)], `after ${cut} files`);
    t.notOk(existsSync(at('issuing', 'incoming.pem')));
    t.equal(readFileSync(join(here.data, 'root.pem'), 'latin1'), second.pem);
  }
});
