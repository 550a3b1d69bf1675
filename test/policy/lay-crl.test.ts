import t from 'tap';
import { LARGE } from '../../src/authority/keys/large.ts';
import { breather } from '../../src/breathe.ts';
import { layCrl, LintError } from '../../src/policy/lints.ts';
import { cRLNumber, deltaCRLIndicator, freshestCRL, issuingDistributionPoint } from '../../src/x509/crl-extensions.ts';
import { EntryLog, joinSelections } from '../../src/x509/crl-entry-log.ts';
import { assembleCrl, encodeRevokedEntry, encodeTbsCrl, parseCrl } from '../../src/x509/crl.ts';
import { authorityKeyIdentifier } from '../../src/x509/extensions.ts';
import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { verifySignature } from '../../src/x509/signature.ts';
import { makeTestAuthorities } from '../helpers/authority.ts';

const AT = 1_790_000_000;
const { authorities: { issuing } } = await makeTestAuthorities();

const fieldsWith = (...extensions: readonly Uint8Array[]) => ({
  algorithm: issuing.signatureAlgorithm.der, issuer: issuing.certificate.subject, thisUpdate: AT, nextUpdate: AT + 1000,
  extensions: [authorityKeyIdentifier(issuing.subjectKeyId), ...extensions],
});
const FIELDS = fieldsWith(cRLNumber(7));

function entriesOf(count: number, reason: RevocationReason = 'superseded') {
  const log = new EntryLog();
  const plain: Uint8Array[] = [];
  for (let revision = 1; revision <= count; revision += 1) {
    const serial = (0x0100_0000 + revision).toString(16).padStart(8, '0');
    const der = encodeRevokedEntry({ serial, at: AT, reason });
    plain.push(der);
    log.put({ revision, serial, notAfter: AT, reason, der });
  }
  return { log, plain };
}

const lay = (fields: typeof FIELDS, log: EntryLog, listing = {}) =>
  layCrl(fields, joinSelections([log.select(listing)]), { issuer: issuing.certificate, signatureOctets: 100, breathe: breather() });

t.test('it is octet for octet what encoding everything anew gives, at every length of a length', async (t) => {
  for (const count of [0, 1, 2, 3, 4, 5, 7, 1500, 1560, 1600, 40_000]) {
    const { log, plain } = entriesOf(count);
    const { tbs, seal } = await lay(FIELDS, log);
    const expected = encodeTbsCrl({ ...FIELDS, entries: plain });
    t.ok(Buffer.from(tbs.bytes).equals(expected), `${count} entries, ${expected.length} octets`);
    const signature = await issuing.signingKey!.sign(tbs);
    const der = seal(signature);
    t.ok(Buffer.from(der).equals(assembleCrl(expected, issuing.signatureAlgorithm.der, signature)));
    const crl = parseCrl(new Uint8Array(der));
    verifySignature(crl, issuing.certificate.publicKey);
    t.equal(crl.summary.count, count);
  }
});

t.test('what must not be signed is refused by the same lints', async (t) => {
  const { log } = entriesOf(2);
  const released = entriesOf(1, 'removeFromCRL').log;
  const refused = async (fields: typeof FIELDS, entries = log, listing = {}): Promise<string[]> => {
    try {
      await lay(fields, entries, listing);
      return [];
    } catch (error) {
      if (!(error instanceof LintError)) throw error;
      return error.failures.map(({ name }) => name);
    }
  };
  t.same(await refused(fieldsWith()), ['crl-number']);
  t.same(await refused({ ...FIELDS, nextUpdate: AT }), ['crl-times']);
  t.same(await refused({ ...FIELDS, issuer: issuing.certificate.issuer }), ['crl-issuer-name']);
  t.same(await refused(fieldsWith(cRLNumber(7), deltaCRLIndicator(8)), log, { since: 0 }), ['crl-delta-base']);
  t.same(await refused(fieldsWith(cRLNumber(7), deltaCRLIndicator(6), freshestCRL(['http://a.example/d.crl'])), log, { since: 0 }), ['crl-freshest-not-in-delta']);
  t.same(await refused(fieldsWith(cRLNumber(7)), released, { since: 0 }), ['crl-removal-only-in-delta']);
  t.same(await refused(fieldsWith(cRLNumber(7), deltaCRLIndicator(6)), released, { since: 0 }), []);
  t.same(await refused(fieldsWith(cRLNumber(7), issuingDistributionPoint({ urls: ['http://a.example/4-0.crl'] }))), []);
  t.same(await refused({ ...FIELDS, extensions: [...FIELDS.extensions, cRLNumber(8)] }), ['syntax']);
});

t.test('a signature too long for the room is refused', async (t) => {
  const { seal } = await lay(FIELDS, entriesOf(1).log);
  t.throws(() => seal(new Uint8Array(5000)), RangeError);
});

t.test('every kind of key signs what is large, and RSA is verified', async (t) => {
  const { log } = entriesOf(40_000);
  for (const algorithm of ['P-256', 'P-384', 'Ed25519', 'RSA-2048'] as const) {
    const { authorities } = await makeTestAuthorities({ algorithm });
    const { signingKey, certificate, signatureAlgorithm, subjectKeyId } = authorities.issuing;
    const fields = { ...FIELDS, algorithm: signatureAlgorithm.der, issuer: certificate.subject, extensions: [authorityKeyIdentifier(subjectKeyId), cRLNumber(1)] };
    const { tbs, seal } = await layCrl(fields, log.select({}), { issuer: certificate, signatureOctets: 600, breathe: breather() });
    t.ok(tbs.bytes.length > LARGE);
    verifySignature(parseCrl(new Uint8Array(seal(await signingKey!.sign(tbs)))), certificate.publicKey);
    t.pass(algorithm);
  }
});
