import t from 'tap';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBER } from 'asn1js';
import { CertificateRevocationList } from 'pkijs';
import { signatureAlgorithmFor } from '../../src/x509/algorithms.ts';
import { assembleCertificate, encodeTbsCertificate } from '../../src/x509/certificate.ts';
import { assembleCrl, encodeRevokedEntry, encodeTbsCrl, parseCrl, parseTbsCrl, revokedEntries, type TbsCrlFields } from '../../src/x509/crl.ts';
import { checkRevokedEntries, readRevokedEntry, type RevokedEntry } from '../../src/x509/crl-entry.ts';
import { cRLNumber, invalidityDate, issuingDistributionPoint, reasonCode } from '../../src/x509/crl-extensions.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import { boolean, contextExplicit, contextPrimitive, enumerated, integer, octetString, oid, sequence, time } from '../../src/x509/der/writer.ts';
import { encodeDistinguishedName } from '../../src/x509/distinguished-name.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { encodeExtension } from '../../src/x509/extension.ts';
import { authorityKeyIdentifier, basicConstraints, keyUsage, subjectKeyIdentifier } from '../../src/x509/extensions.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier, parseSubjectPublicKeyInfo } from '../../src/x509/public-key.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../src/x509/revocation-reason.ts';
import { codeOf } from './assert.ts';
import { corpusArchive, corpusFolder, corpusText, missing } from './corpora.ts';

const THIS_UPDATE = Date.UTC(2026, 4, 29, 12, 0, 0) / 1000;
const DAY = 86_400;

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const algorithm = signatureAlgorithmFor(key.privateKey).der;
const publicKey = parseSubjectPublicKeyInfo(new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' })));
const issuer = encodeDistinguishedName([{ type: OID.commonName, value: 'Test issuing' }]);

const REASONS = Object.keys(REVOCATION_REASONS) as RevocationReason[];
const REVOKED: readonly RevokedEntry[] = REASONS.map((reason, i) => ({ serial: `06a5f0c1deadbeef00112233445566778899aab${i.toString(16)}`, at: THIS_UPDATE - i * DAY, reason }));

const FIELDS: TbsCrlFields = {
  algorithm, issuer,
  thisUpdate: THIS_UPDATE,
  nextUpdate: THIS_UPDATE + 7 * DAY,
  entries: REVOKED.map(encodeRevokedEntry),
  extensions: [authorityKeyIdentifier(keyIdentifier(publicKey)), cRLNumber(2n ** 70n + 5n)],
};

function signed(fields: TbsCrlFields = FIELDS): Uint8Array {
  const tbs = encodeTbsCrl(fields);
  return assembleCrl(tbs, algorithm, sign('sha256', tbs, key.privateKey));
}

/** A TBSCertList with one of its elements replaced. */
function replaceElement(index: number, ...replacement: readonly Uint8Array[]): Uint8Array {
  const parts = [integer(1), algorithm, issuer, time(THIS_UPDATE), time(FIELDS.nextUpdate), sequence(...FIELDS.entries), contextExplicit(0, sequence(...FIELDS.extensions))];
  parts.splice(index, 1, ...replacement);
  return sequence(...parts);
}

t.test('what was written is read back', async (t) => {
  const crl = parseCrl(signed());
  t.same(crl.tbs, encodeTbsCrl(FIELDS));
  t.same([...revokedEntries(crl)], REVOKED);
  t.equal(crl.summary.count, REVOKED.length);
  t.same([...crl.summary.reasons].sort(), [...REASONS].sort());
  t.same([crl.thisUpdate, crl.nextUpdate], [FIELDS.thisUpdate, FIELDS.nextUpdate]);
  t.same(crl.issuer, issuer);
  t.equal(crl.issuerName[0]!.value, 'Test issuing');
  t.equal(crl.signatureAlgorithm?.id, 'ecdsa-with-SHA256');
  t.same(crl.extensions.map((extension) => encodeExtension(extension)), FIELDS.extensions);
  t.ok(verify('sha256', crl.tbs, key.publicKey, crl.signature));
});

t.test('an entry, octet for octet', async (t) => {
  const entry = { serial: '80ff', at: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000 };
  t.equal(Buffer.from(encodeRevokedEntry({ ...entry, reason: 'unspecified' })).toString('hex'), '301402030080ff170d3236303130323033303430355a', 'no reason is written (RFC 5280 5.3.1)');
  t.equal(Buffer.from(encodeRevokedEntry({ ...entry, reason: 'superseded' })).toString('hex'), '302202030080ff170d3236303130323033303430355a300c300a0603551d1504030a0104', 'ENUMERATED, not critical');
  t.equal(codeOf(() => encodeRevokedEntry({ ...entry, serial: '00', reason: 'superseded' })), 'bad-integer');
  t.equal(codeOf(() => encodeRevokedEntry({ ...entry, at: 0.5, reason: 'superseded' })), 'bad-time');
});

t.test('without entries the list is absent (RFC 5280 5.1.2.6)', async (t) => {
  const crl = parseCrl(signed({ ...FIELDS, entries: [] }));
  t.same([...revokedEntries(crl)], []);
  t.equal(crl.summary.count, 0);
  t.same(crl.tbs, replaceElement(5));
  t.match(execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], { input: crl.der, encoding: 'utf8' }), /No Revoked Certificates/);
});

t.test('pkijs writes the same octets from what it read', async (t) => {
  for (const der of [signed(), signed({ ...FIELDS, entries: [] })]) {
    const other = new CertificateRevocationList({ schema: fromBER(der.slice().buffer).result });
    t.same(new Uint8Array(other.toSchema(true).toBER()), der);
  }
  t.equal(new CertificateRevocationList({ schema: fromBER(signed().slice().buffer).result }).revokedCertificates?.length, REVOKED.length);
});

t.test('OpenSSL reads the same, and refuses what is revoked', async (t) => {
  const der = signed();
  const text = execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], { input: der, encoding: 'utf8' });
  for (const line of [
    /Version 2 \(0x1\)/, /Issuer: CN = Test issuing/, /Last Update: May 29 12:00:00 2026 GMT/, /Next Update: Jun  5 12:00:00 2026 GMT/,
    /X509v3 CRL Number: \s+(1180591620717411303429|0x400000000000000005)/, /Serial Number: 06A5F0C1DEADBEEF00112233445566778899AAB0\s+Revocation Date: May 29 12:00:00 2026 GMT\n +Serial/,
    /AAB1\s+Revocation Date: May 28 12:00:00 2026 GMT\s+CRL entry extensions:\s+X509v3 CRL Reason Code: \s+Key Compromise/, /Remove From CRL/, /CA Compromise/,
  ]) t.match(text, line);
  t.same(execFileSync('openssl', ['crl', '-inform', 'DER', '-outform', 'DER'], { input: der }), Buffer.from(der));

  const dir = t.testdir();
  const certificate = (serial: string, extensions: readonly Uint8Array[], subject = issuer): string => {
    const tbs = encodeTbsCertificate({ serial, signatureAlgorithm: algorithm, issuer, notBefore: THIS_UPDATE - DAY, notAfter: THIS_UPDATE + DAY, subject, publicKey: publicKey.der, extensions });
    return new X509Certificate(assembleCertificate(tbs, algorithm, sign('sha256', tbs, key.privateKey))).toString();
  };
  const leaf = encodeDistinguishedName([{ type: OID.commonName, value: 'leaf' }]);
  const links = [subjectKeyIdentifier(publicKey), authorityKeyIdentifier(keyIdentifier(publicKey))];
  writeFileSync(join(dir, 'ca.pem'), certificate('01', [basicConstraints({ ca: true }), keyUsage(['keyCertSign', 'cRLSign']), ...links]));
  writeFileSync(join(dir, 'revoked.pem'), certificate(REVOKED[1]!.serial, links, leaf));
  writeFileSync(join(dir, 'good.pem'), certificate('0701', links, leaf));
  writeFileSync(join(dir, 'crl.pem'), execFileSync('openssl', ['crl', '-inform', 'DER'], { input: signed({ ...FIELDS, entries: REVOKED.slice(0, 2).map(encodeRevokedEntry) }) }));
  const check = (file: string): string => {
    const args = ['verify', '-crl_check', '-attime', String(THIS_UPDATE), '-CAfile', 'ca.pem', '-CRLfile', 'crl.pem', file];
    try {
      return execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      return String((error as { stderr?: unknown }).stderr);
    }
  };
  t.match(check('good.pem'), /OK/);
  t.match(check('revoked.pem'), /certificate revoked/);
});

t.test('one wrong thing each', async (t) => {
  const entry = (...extensions: readonly Uint8Array[]): Uint8Array => sequence(integer(9), time(THIS_UPDATE), ...(extensions.length === 0 ? [] : [sequence(...extensions)]));
  const withEntry = (der: Uint8Array): Uint8Array => replaceElement(5, sequence(der));
  const reason = (critical: boolean, code: Uint8Array): Uint8Array => sequence(oid(OID.reasonCode), ...(critical ? [boolean(true)] : []), octetString(code));
  t.equal(codeOf(() => parseTbsCrl(replaceElement(0, integer(1)))), 'ok');
  const cases: readonly (readonly [string, Uint8Array, X509ErrorCode | 'ok'])[] = [
    ['no version', replaceElement(0), 'unsupported-version'],
    ['version 1', replaceElement(0, integer(0)), 'unsupported-version'],
    ['version 3', replaceElement(0, integer(2)), 'unsupported-version'],
    ['no nextUpdate', replaceElement(4), 'unexpected-tag'],
    ['three times', replaceElement(4, time(THIS_UPDATE), time(THIS_UPDATE)), 'unexpected-tag'],
    ['an empty list of entries', replaceElement(5, sequence()), 'empty-list'],
    ['two lists of entries', replaceElement(5, sequence(entry()), sequence(entry())), 'unexpected-tag'],
    ['no extensions', replaceElement(6), 'truncated'],
    ['empty extensions', replaceElement(6, contextExplicit(0, sequence())), 'empty-list'],
    ['extensions under another tag', replaceElement(6, contextExplicit(1, sequence(...FIELDS.extensions))), 'unexpected-tag'],
    ['the same extension twice', replaceElement(6, contextExplicit(0, sequence(cRLNumber(1), cRLNumber(2)))), 'duplicate-extension'],
    ['something at the end', sequence(encodeTbsCrl(FIELDS).subarray(4), integer(1)), 'trailing-bytes'],
    ['an entry that is no sequence', withEntry(integer(9)), 'unexpected-tag'],
    ['an entry without a date', withEntry(sequence(integer(9))), 'truncated'],
    ['an entry with two dates', withEntry(sequence(integer(9), time(THIS_UPDATE), time(THIS_UPDATE))), 'unexpected-tag'],
    ['an entry of a negative serial', withEntry(sequence(Uint8Array.of(2, 1, 0xff), time(THIS_UPDATE))), 'bad-integer'],
    ['an entry without octets in its serial', withEntry(sequence(Uint8Array.of(2, 0), time(THIS_UPDATE))), 'bad-integer'],
    ['an entry of 21 octets in its serial', withEntry(sequence(integer(new Uint8Array(21).fill(1)), time(THIS_UPDATE))), 'bad-integer'],
    ['empty entry extensions', withEntry(sequence(integer(9), time(THIS_UPDATE), sequence())), 'empty-list'],
    ['the reason unspecified', withEntry(entry(reason(false, enumerated(0)))), 'bad-extension'],
    ['the reason 7', withEntry(entry(reason(false, enumerated(7)))), 'bad-extension'],
    ['the reason 11', withEntry(entry(reason(false, enumerated(11)))), 'bad-extension'],
    ['a reason that is an INTEGER', withEntry(entry(reason(false, integer(1)))), 'unexpected-tag'],
    ['a critical reason', withEntry(entry(reason(true, enumerated(1)))), 'bad-extension'],
    ['two reasons', withEntry(entry(reasonCode('superseded'), reasonCode('keyCompromise'))), 'duplicate-extension'],
    ['a critical entry extension', withEntry(entry(sequence(oid(OID.certificateIssuer), boolean(true), octetString(sequence())))), 'bad-extension'],
    ['an entry extension that is passed over', withEntry(entry(reasonCode('superseded'), invalidityDate(THIS_UPDATE))), 'ok'],
    ['an issuing distribution point', replaceElement(6, contextExplicit(0, sequence(...FIELDS.extensions, issuingDistributionPoint({ urls: ['http://ca.test/crl/1.crl'] })))), 'ok'],
    ['another element in place of the version', replaceElement(0, contextPrimitive(0, Uint8Array.of(1))), 'unsupported-version'],
  ];
  for (const [what, tbs, code] of cases) t.equal(codeOf(() => parseTbsCrl(tbs)), code, what);

  const der = signed();
  t.equal(codeOf(() => parseCrl(Uint8Array.of(...der, 0))), 'trailing-bytes');
  t.equal(codeOf(() => parseCrl(new Uint8Array(0))), 'truncated');
  const { tbs, signature } = parseCrl(der);
  t.equal(codeOf(() => parseCrl(assembleCrl(tbs, signatureAlgorithmFor(generateKeyPairSync('ed25519').privateKey).der, signature))), 'algorithm-mismatch');
  for (let i = 0; i < der.length; i++) if (codeOf(() => parseCrl(der.subarray(0, i))) === 'ok') t.fail(`cut at ${i}`);
});

t.test('the short way through entries takes nothing that the long way refuses', async (t) => {
  const check = (der: Uint8Array): X509ErrorCode | 'ok' => codeOf(() => checkRevokedEntries(new DerReader(der)));
  const read = (der: Uint8Array): X509ErrorCode | 'ok' => codeOf(() => {
    const reader = new DerReader(der);
    while (!reader.atEnd) readRevokedEntry(reader);
  });
  let taken = 0;
  for (const entry of [REVOKED[0]!, REVOKED[1]!, { ...REVOKED[4]!, serial: 'ff01', at: Date.UTC(2028, 1, 29) / 1000 }].map(encodeRevokedEntry)) {
    for (let i = 0; i < entry.length; i++) {
      for (let octet = 0; octet < 256; octet++) {
        const changed = entry.slice();
        changed[i] = octet;
        const code = read(changed);
        if (code === 'ok') taken++;
        if (check(changed) !== code) t.fail(`octet ${i} to ${octet}: ${check(changed)}, ${code}`);
      }
    }
  }
  t.ok(taken > 1000, `${taken} changes were still entries`);
  for (let day = 0; day < 366 * 2; day++) if (check(encodeRevokedEntry({ ...REVOKED[1]!, at: Date.UTC(2027, 0, 1 + day) / 1000 })) !== 'ok') t.fail(`day ${day}`);
  t.equal(check(encodeRevokedEntry({ ...REVOKED[1]!, at: Date.UTC(2050, 0, 1) / 1000 })), 'ok', 'GeneralizedTime');
});

const crlsOf = (text: string): Uint8Array[] => [...text.matchAll(/-BEGIN X509 CRL-----([^-]+)-/g)].map(([, base64]) => new Uint8Array(Buffer.from(base64!, 'base64')));

t.test("Boulder's CRL lint cases", { skip: missing('boulder') }, async (t) => {
  // What RFC 5280's syntax forbids is refused here; what its text forbids is for the lints.
  const refused: Record<string, X509ErrorCode> = {
    'crl_critical_reason.pem': 'bad-extension',
    'crl_reason_0.pem': 'bad-extension',
    'crl_utctime_no_seconds.pem': 'bad-time',
    'crl_gentime_2049.pem': 'bad-time',
    'crl_gentime_revoked_2049.pem': 'bad-time',
    'crl_empty_revoked.pem': 'empty-list',
  };
  let seen = 0;
  for (const folder of ['cabf_br', 'rfc', 'cpcps'].map((name) => `boulder/linter/lints/${name}/testdata`)) {
    for (const file of corpusFolder(folder, '.pem')) {
      for (const der of crlsOf(corpusText(`${folder}/${file}`))) {
        seen++;
        t.equal(codeOf(() => [...revokedEntries(parseCrl(der))]), refused[file] ?? 'ok', file);
      }
    }
  }
  t.ok(seen > 45, `${seen} CRLs`);
});

t.test("other projects' CRLs and OpenSSL's fuzzing corpus", { skip: missing('openssl-fuzz') }, async (t) => {
  const ders = [...corpusArchive('openssl-fuzz/crl.tar.gz')].map(({ bytes }) => bytes);
  for (const file of corpusFolder('pyca/x509/custom', '.pem')) ders.push(...crlsOf(corpusText(`pyca/x509/custom/${file}`)));
  let taken = 0;
  for (const der of ders) {
    const start = process.hrtime.bigint();
    const code = codeOf(() => [...revokedEntries(parseCrl(der))]);
    if (Number(process.hrtime.bigint() - start) > 50e6) t.fail('took more than 50 ms');
    if (code === 'ok') taken++;
  }
  t.ok(ders.length > 2000 && taken > 20, `${taken} of ${ders.length} taken`);
});

t.test('100,000 entries', async (t) => {
  const entries = Array.from({ length: 100_000 }, (_, i) =>
    encodeRevokedEntry({ serial: `06a5f0c1${(i * 7919).toString(16).padStart(32, '1')}`, at: THIS_UPDATE - i * 60, reason: REASONS[i % 6]! }));
  const milliseconds = (work: () => unknown): number => {
    const start = process.hrtime.bigint();
    work();
    return Number(process.hrtime.bigint() - start) / 1e6;
  };
  let der = new Uint8Array(0);
  const assemble = Math.min(...[1, 2, 3, 4, 5, 6, 7, 8].map(() => milliseconds(() => { der = new Uint8Array(assembleCrl(encodeTbsCrl({ ...FIELDS, entries }), algorithm, new Uint8Array(71))); })));
  const parse = Math.min(...[1, 2, 3].map(() => milliseconds(() => parseCrl(der))));
  t.comment(`${der.length} octets: assembled in ${assemble.toFixed(1)} ms, checked in ${parse.toFixed(1)} ms`);
  t.ok(assemble < 50, 'assembled in under 50 ms');
  t.ok(parse < 50, 'checked in under 50 ms');
  t.equal(parseCrl(der).summary.count, 100_000);
});
