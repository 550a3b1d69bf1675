import { join } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Authority } from '../../src/authority/authority.ts';
import type { RequestRecord } from '../../src/issuance/request.ts';
import { type OcspOutcome, type OcspResponder, type OcspResponderOptions, ocspResponder } from '../../src/revocation/ocsp-responder.ts';
import { tellRevocations } from '../../src/revocation/tell-revocations.ts';
import { openEmbeddedStore } from '../../src/store/embedded/store.ts';
import { type Store, StoreUnavailable } from '../../src/store/store.ts';
import { parseCertificate } from '../../src/x509/certificate.ts';
import { encodeRevokedEntry } from '../../src/x509/crl.ts';
import { parseOcspResponse } from '../../src/x509/ocsp-response-reader.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { otherProcess } from '../chaos/other-process.ts';
import { newSerial, record } from '../contracts/store/samples.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';
import { temporaryFolder } from '../helpers/folder.ts';
import { ocspFaults, ocspStandings } from '../chaos/ocsp-standings.ts';
import { certId, FORMS, ocspRequest } from '../helpers/ocsp.ts';
import { certificateBy, delegatedSigner } from '../helpers/ocsp-responder.ts';

interface World {
  readonly path: string;
  readonly store: Store;
  readonly issuing: Authority;
  readonly responder: OcspResponder;
  readonly answered: (readonly [OcspOutcome, boolean])[];
  readonly failures: unknown[];
  /** Puts an issued certificate into the store. @returns its serial */
  readonly issued: (over?: Partial<RequestRecord>) => Promise<string>;
  readonly revoke: (serial: string, reason?: 'superseded' | 'certificateHold', at?: Store) => Promise<unknown>;
  readonly says: (serial: string, form?: (typeof FORMS)[number]) => Promise<string>;
}

/** A responder over a real store, without a service around it. */
async function world(t: Test, over: (store: Store) => Partial<OcspResponderOptions> = () => ({})): Promise<World> {
  const { data, authorities: { issuing, all } } = await makeTestAuthorities();
  const path = join(temporaryFolder(), 'store');
  const opened = await openEmbeddedStore({ path });
  t.teardown(() => opened.close());
  const [answered, failures] = [[] as (readonly [OcspOutcome, boolean])[], [] as unknown[]];
  const changed: ((serial: string) => void)[] = [];
  const store = tellRevocations(opened, (serial) => changed.forEach((tell) => tell(serial)));
  const signer = delegatedSigner(data, issuing);
  const responder = ocspResponder({
    authority: issuing, authorities: all.map(({ certificate }) => certificate), sources: store, signer: () => signer, lifetime: 3600, retainEnded: 90 * 86_400, kept: 100, clock: Date.now,
    answered: (...one) => void answered.push(one), failed: (error) => void failures.push(error), ...over(store),
  });
  changed.push(responder.changed);
  const issued = async (more: Partial<RequestRecord> = {}): Promise<string> => {
    const id = more.id ?? newSerial();
    const { der } = certificateBy(issuing, issuing.certificate.publicKey.der, { serial: id });
    const one = record({ id, certificate: der, notAfter: issuing.certificate.notAfter, ...more });
    t.equal((await store.requests.accept({ record: one, claims: [], audit: [], now: Date.now() })).outcome, 'stored');
    return id;
  };
  const seconds = (): number => Math.floor(Date.now() / 1000);
  return {
    path, store, issuing, responder, answered, failures, issued,
    revoke: (serial, reason = 'superseded', at = store) => at.certificates.revoke(serial, { at: seconds(), reason }, (first) => encodeRevokedEntry({ serial, at: first, reason }), { blockKey: false }, []),
    says: async (serial, form) => {
      const { status, basic } = parseOcspResponse((await responder.answer(ocspRequest([certId(issuing, serial, form)]))).der);
      const one = basic?.responses[0]?.certStatus;
      return one === undefined ? status : one.status === 'revoked' ? `revoked ${one.reason}` : one.status;
    },
  };
}

t.test('an answer is made once and then kept, in each of the four forms of a question', async (t) => {
  const { responder, issuing, issued, answered, says } = await world(t);
  const serial = await issued();
  for (const form of FORMS) {
    const request = ocspRequest([certId(issuing, serial, form)]);
    const first = await responder.answer(request);
    const second = responder.answer(request);
    t.notOk(second instanceof Promise, 'at once');
    t.equal(second, first);
    t.equal(first.validity?.etag, (await second).validity?.etag);
  }
  t.same(answered.map(([, kept]) => kept), FORMS.flatMap(() => [false, true]));
  t.equal(await says(newSerial()), 'unknown');
  t.equal(await says(newSerial()), 'unknown');
  t.same(answered.slice(-2), [['unknown', false], ['unknown', false]]);
});

t.test('the signature is by the delegate, whose certificate the answer has', async (t) => {
  const { responder, issuing, issued } = await world(t);
  const { basic } = parseOcspResponse((await responder.answer(ocspRequest([certId(issuing, await issued())], new Uint8Array(32)))).der);
  const delegate = parseCertificate(basic?.certificates[0] as Uint8Array);
  t.doesNotThrow(() => verifySignature(basic as NonNullable<typeof basic>, delegate.publicKey));
  t.doesNotThrow(() => verifySignature(delegate, issuing.certificate.publicKey));
});

t.test('a hold is a revocation with that reason, and its release is good again, at once', async (t) => {
  const { store, issued, revoke, says } = await world(t);
  const serial = await issued();
  t.equal(await says(serial), 'good');
  await revoke(serial, 'certificateHold');
  t.equal(await says(serial), 'revoked certificateHold');
  const at = Math.floor(Date.now() / 1000);
  await store.certificates.release(serial, at, (when) => encodeRevokedEntry({ serial, at: when, reason: 'removeFromCRL' }), []);
  t.equal(await says(serial), 'good');
  await revoke(serial);
  t.equal(await says(serial), 'revoked superseded');
});

t.test('what another process revokes is seen within a second, also in many at once', async (t) => {
  const { path, responder, issued, says } = await world(t);
  const other = await otherProcess(`embedded:${path}`);
  t.teardown(() => other.end());
  const looking = setInterval(() => void responder.look().catch(() => undefined), 400);
  t.teardown(() => clearInterval(looking));
  const serials = await Promise.all(Array.from({ length: 40 }, () => issued()));
  const late: number[] = [];
  for (const [index, serial] of serials.entries()) {
    if (index < 5) {
      t.equal(await says(serial), 'good');
      await other.revoke(serial, { at: Math.floor(Date.now() / 1000), reason: 'superseded' });
      const started = performance.now();
      while (await says(serial) === 'good') await new Promise((resolve) => setTimeout(resolve, 5));
      late.push(performance.now() - started);
    } else {
      await says(serial);
    }
  }
  t.ok(Math.max(...late) < 1000, `seen after at most ${Math.max(...late).toFixed(0)} ms`);
  await Promise.all(serials.slice(5).map((serial) => other.revoke(serial, { at: Math.floor(Date.now() / 1000), reason: 'superseded' })));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  t.same(await Promise.all(serials.map((serial) => says(serial))), serials.map(() => 'revoked superseded'));
});

t.test('without a look at the store nothing that was kept is given out', async (t) => {
  const { path, issued, says } = await world(t);
  const other = await otherProcess(`embedded:${path}`);
  t.teardown(() => other.end());
  const serial = await issued();
  t.equal(await says(serial), 'good');
  await other.revoke(serial, { at: Math.floor(Date.now() / 1000), reason: 'superseded' });
  await new Promise((resolve) => setTimeout(resolve, 900));
  t.equal(await says(serial), 'revoked superseded', 'nobody looked, so the question itself did');
});

t.test('a store that does not answer: tryLater, and nothing that was kept once the last look is old', async (t) => {
  let broken = false;
  const { issued, says, failures } = await world(t, (store) => ({
    sources: {
      certificates: store.certificates,
      crls: {
        change: (...all) => store.crls.change(...all),
        changes: (...all) => store.crls.changes(...all),
        standing: (authority) => (broken ? Promise.reject(new StoreUnavailable('planted')) : store.crls.standing(authority)),
      },
    },
  }));
  const serial = await issued();
  t.equal(await says(serial), 'good');
  broken = true;
  t.equal(await says(serial), 'good', 'for a moment');
  await new Promise((resolve) => setTimeout(resolve, 900));
  t.equal(await says(serial), 'tryLater');
  t.same(failures, [], 'the store tells of itself');
  broken = false;
  t.equal(await says(serial), 'good', 'it heals by itself');
});

t.test('no signer: tryLater; a fault inside: internalError, told to the log and not to the caller', async (t) => {
  const { says, issued } = await world(t, () => ({ signer: () => undefined }));
  t.equal(await says(await issued()), 'tryLater');
  const broken = await world(t, () => ({ signer: () => { throw new Error('planted'); } }));
  t.equal(await broken.says(await broken.issued()), 'internalError');
  t.match(broken.failures, [{ message: 'planted' }]);
  const damaged = await world(t);
  t.equal(await damaged.says(await damaged.issued({ certificate: new Uint8Array(300) })), 'internalError', 'a record whose certificate cannot be read is never good');
});

t.test('never good: a certificate of another key, another serial or another authority', async (t) => {
  const { issuing, issued, says } = await world(t);
  const { authorities: { issuing: namesake } } = await makeTestAuthorities();
  const by = (authority: Authority, serial: string): Uint8Array => certificateBy(authority, issuing.certificate.publicKey.der, { serial, issuer: issuing.certificate.subject }).der;
  const [a, b] = [newSerial(), newSerial()];
  t.equal(await says(await issued({ id: a, certificate: by(namesake, a) })), 'unknown', 'an earlier key of the same name');
  t.equal(await says(await issued({ id: b, certificate: by(issuing, a) })), 'unknown', 'another serial');
  t.equal(await says(await issued({ authority: 'root' })), 'unknown', 'a record of another authority');
});

t.test('certificates of authorities have no record: good, unless their revocation is in the feed', async (t) => {
  const { data, authorities: { issuing, root, all } } = await makeTestAuthorities();
  const store = await openEmbeddedStore({ path: join(temporaryFolder(), 'store') });
  t.teardown(() => store.close());
  const signer = delegatedSigner(data, root);
  let now = Date.now();
  const responder = ocspResponder({
    authority: root, authorities: all.map(({ certificate }) => certificate), sources: store, signer: () => signer, lifetime: 3600, retainEnded: 86_400, kept: 100, clock: () => now,
    answered: () => undefined, failed: (error) => t.fail(String(error)),
  });
  const says = async (serial: string): Promise<unknown> => parseOcspResponse((await responder.answer(ocspRequest([certId(root, serial)]))).der).basic?.responses[0]?.certStatus;
  const { serial, notAfter } = issuing.certificate;
  t.match(await says(serial), { status: 'good' });
  t.match(await says(root.certificate.serial), { status: 'good' });
  t.match(await says('01'), { status: 'unknown' });
  const at = Math.floor(now / 1000);
  await tellRevocations(store, responder.changed).crls.add('root', { serial, notAfter }, { at, reason: 'cACompromise' }, (first) => encodeRevokedEntry({ serial, at: first, reason: 'cACompromise' }), []);
  t.match(await says(serial), { status: 'revoked', at, reason: 'cACompromise' });
  now = (notAfter + 10) * 1000;
  t.match(await says(serial), { status: 'revoked' }, 'for as long as the feed has it');
  t.match(await says(root.certificate.serial), { status: root.certificate.notAfter < now / 1000 ? 'unknown' : 'good' });
});

t.test('the number that is kept is bounded, and strangers\' questions push out nothing', async (t) => {
  const { answered, issued, says } = await world(t, () => ({ kept: 4 }));
  const serial = await issued();
  await says(serial);
  for (let i = 0; i < 20; i++) await says(newSerial());
  await says(serial);
  t.same(answered.at(-1), ['good', true]);
  for (let i = 0; i < 4; i++) await says(await issued());
  await says(serial);
  t.same(answered.at(-1), ['good', false]);
});

t.test('a look that is under way does not count for a call that comes after it began', async (t) => {
  const { path, issued, responder, says } = await world(t);
  const other = await otherProcess(`embedded:${path}`);
  t.teardown(() => other.end());
  for (let i = 0; i < 10; i++) {
    const serial = await issued();
    t.equal(await says(serial), 'good');
    const looks = [responder.look(), responder.look()];
    await other.revoke(serial, { at: Math.floor(Date.now() / 1000), reason: 'superseded' });
    await responder.look();
    t.equal(await says(serial), 'revoked superseded');
    await Promise.all(looks);
  }
});

t.test('whatever the bytes, there is an answer, and it is an OCSPResponse', async (t) => {
  const { responder, issuing, issued, failures } = await world(t);
  const good = ocspRequest([certId(issuing, await issued()), certId(issuing, newSerial())], new Uint8Array(16));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.array(fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 3 }).map((flips) => {
      const changed = Uint8Array.from(good);
      for (const { at, to } of flips) changed[at] = to;
      return changed;
    }),
  );
  await fc.assert(fc.asyncProperty(bytes, async (request) => {
    const { status, basic } = parseOcspResponse((await responder.answer(request)).der);
    // A changed serial or issuer is a certificate that was not issued: never good, unless it is still the one that was.
    return status !== 'internalError' && (basic?.responses.every(({ certStatus }, index) => index === 0 || certStatus.status === 'unknown') ?? true);
  }), { numRuns: 3000 });
  t.same(failures, []);
});

t.test('the checker of rule 7 finds what OCSP says wrongly', async (t) => {
  const { store, issued, revoke } = await world(t);
  const serials = await Promise.all(Array.from({ length: 45 }, () => issued()));
  const revoked = new Map<string, { at: number; reason: string }>();
  for (const serial of serials.slice(0, 10)) {
    await revoke(serial);
    revoked.set(serial, (await store.certificates.get(serial))?.revocation as { at: number; reason: string });
  }
  t.same(await ocspFaults(store, serials, revoked), []);
  const [first, ...others] = revoked;
  t.match(await ocspFaults(store, serials, new Map(others)), [`OCSP says revoked ${first?.[1].at} superseded of ${first?.[0]}; expected good`]);
  t.match(await ocspFaults(store, serials, new Map([...revoked, [serials[20] as string, { at: 1, reason: 'superseded' }]])), [/says good of .* expected revoked 1/]);
  const lost = newSerial();
  t.match(await ocspFaults(store, [...serials, lost], revoked), [`OCSP says unknown of ${lost}; expected good`]);
  t.equal((await ocspStandings(store, [lost])).get(lost), 'unknown');
});

t.test('text that is no serial number lets everything go, and breaks nothing', async (t) => {
  const { responder, issued, says, answered } = await world(t);
  const serial = await issued();
  await says(serial);
  for (const text of ['', 'xyz', '00aa', 'A', '00', 'ff'.repeat(21)]) t.doesNotThrow(() => responder.changed(text), text);
  t.equal(await says(serial), 'good');
  t.same(answered.at(-1), ['good', false]);
});

t.test('only octets that were read before are found without reading', async (t) => {
  const { responder, issuing, issued, answered } = await world(t);
  const id = certId(issuing, await issued());
  const plain = ocspRequest([id]);
  await responder.answer(plain);
  for (const [what, bytes] of [
    ['something behind it', Buffer.concat([plain, Buffer.of(0)])],
    ['cut', plain.subarray(0, -1)],
    ['another tag around it', Uint8Array.from(plain, (octet, index) => (index === 2 ? 0x31 : octet))],
    ['another length around it', Uint8Array.from(plain, (octet, index) => (index === 3 ? octet - 1 : octet))],
    ['nothing', new Uint8Array(0)], ['headers alone', Uint8Array.of(0x30, 6, 0x30, 4, 0x30, 2, 0x30, 0)],
  ] as const) {
    t.equal(parseOcspResponse((await responder.answer(bytes)).der).status, 'malformedRequest', what);
  }
  await responder.answer(plain);
  t.same(answered.at(-1), ['good', true]);
  await responder.answer(ocspRequest([id, id]));
  await responder.answer(ocspRequest([id], new Uint8Array(16)));
  t.same(answered.slice(-2), [['good', false], ['good', false]]);
});
