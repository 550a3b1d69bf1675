import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import t from 'tap';
import {
  cRLNumber, decodeCrlNumber, decodeIssuingDistributionPoint, decodeReasonCode, deltaCRLIndicator, freshestCRL, invalidityDate, issuingDistributionPoint, reasonCode,
} from '../../src/x509/crl-extensions.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import { walkElement } from '../../src/x509/der/walk.ts';
import { sequence } from '../../src/x509/der/writer.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { encodeExtension, type Extension, readExtensions } from '../../src/x509/extension.ts';
import {
  authorityInformationAccess, authorityKeyIdentifier, basicConstraints, certificateNames, certificatePolicies,
  crlDistributionPoints, decodeAuthorityInformationAccess, decodeAuthorityKeyIdentifier, decodeBasicConstraints,
  decodeCertificatePolicies, decodeCrlDistributionPoints, decodeExtendedKeyUsage, decodeKeyUsage, decodeSubjectAltName,
  decodeSubjectKeyIdentifier, extendedKeyUsage, keyUsage, ocspNoCheck, subjectAltName, subjectKeyIdentifier,
} from '../../src/x509/extensions.ts';
import { textToName } from '../../src/x509/general-name.ts';
import { decodeNameConstraints, nameConstraints } from '../../src/x509/name-constraints.ts';
import { OID } from '../../src/x509/oids.ts';
import { keyIdentifier, parseSubjectPublicKeyInfo } from '../../src/x509/public-key.ts';
import { codeOf, hex, toHex } from './assert.ts';

const names = (...texts: readonly string[]) => texts.map(textToName);
const read = (...extensions: readonly Uint8Array[]): Extension[] => readExtensions(new DerReader(sequence(...extensions)), 'extensions');
const valueOf = (extension: Uint8Array): Uint8Array => read(extension)[0]!.value;

const SAN = names('a.example.com', '*.b.example', '10.0.0.1', '2001:db8::1', 'ops@example.com', 'spiffe://example.org/x');
const URLS = ['http://crl.example/a.crl', 'http://crl2.example/a.crl'];
const CONSTRAINTS = {
  permitted: [{ kind: 'dns', value: 'example.com' }, { kind: 'ip', value: '10.0.0.0/8' }],
  excluded: [{ kind: 'email', value: 'example.org' }, { kind: 'ip', value: '2001:db8::/32' }],
} as const;

/** What OpenSSL's configuration says, and the same by us. */
const PAIRS: readonly [string, Uint8Array][] = [
  ['basicConstraints = critical, CA:TRUE, pathlen:1', basicConstraints({ ca: true, pathLength: 1 })],
  ['keyUsage = critical, digitalSignature, keyCertSign, cRLSign', keyUsage(['digitalSignature', 'keyCertSign', 'cRLSign'])],
  ['extendedKeyUsage = serverAuth, clientAuth, 1.2.3.4', extendedKeyUsage([OID.serverAuth, OID.clientAuth, '1.2.3.4'])],
  ['subjectAltName = critical, DNS:a.example.com, DNS:*.b.example, IP:10.0.0.1, IP:2001:db8::1, email:ops@example.com, URI:spiffe://example.org/x', subjectAltName(SAN, true)],
  ['crlDistributionPoints = point', crlDistributionPoints(URLS)],
  [
    'authorityInfoAccess = OCSP;URI:http://ocsp.example/, caIssuers;URI:http://ca.example/ca.crt',
    authorityInformationAccess({ ocsp: ['http://ocsp.example/'], issuers: ['http://ca.example/ca.crt'] }),
  ],
  ['certificatePolicies = 2.23.140.1.2.1, 1.3.6.1.4.1.99999.1', certificatePolicies(['2.23.140.1.2.1', '1.3.6.1.4.1.99999.1'])],
  [
    'nameConstraints = critical, permitted;DNS:example.com, permitted;IP:10.0.0.0/255.0.0.0, excluded;email:example.org, excluded;IP:2001:db8::/ffff:ffff::',
    nameConstraints(CONSTRAINTS),
  ],
  ['noCheck = ignored', ocspNoCheck()],
  ['freshestCRL = URI:http://crl.example/delta.crl', freshestCRL(['http://crl.example/delta.crl'])],
  ['issuingDistributionPoint = critical, @scope', issuingDistributionPoint({ urls: ['http://crl.example/1.crl'], onlyContainsUserCerts: true })],
  ['2.5.29.20 = ASN1:INTEGER:0x80', cRLNumber(128)],
  ['2.5.29.27 = critical, ASN1:INTEGER:127', deltaCRLIndicator(127n)],
  ['2.5.29.21 = ASN1:ENUMERATED:10', reasonCode('aACompromise')],
  ['2.5.29.24 = ASN1:GENERALIZEDTIME:20240229120000Z', invalidityDate(1_709_208_000)],
];

t.test('every extension is the same octets as OpenSSL writes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'openssl.cnf');
  writeFileSync(config, [
    '[req]', 'distinguished_name = dn', 'prompt = no', '[dn]', 'CN = x', '[ext]', 'subjectKeyIdentifier = none', 'authorityKeyIdentifier = none', ...PAIRS.map(([line]) => line),
    '[point]', `fullname = ${URLS.map((url) => `URI:${url}`).join(', ')}`, '[scope]', 'fullname = URI:http://crl.example/1.crl', 'onlyuser = TRUE', '',
  ].join('\n'));
  const der = new Uint8Array(execFileSync('openssl', [
    'req', '-x509', '-config', config, '-extensions', 'ext', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key.pem'), '-outform', 'DER',
  ], { stdio: ['ignore', 'pipe', 'pipe'] }));
  const tbs = new DerReader(der).sequence('certificate').sequence('tbs');
  while (!tbs.is(0xa3)) walkElement(tbs, 'field');
  const list = tbs.enter(0xa3, 'extensions').sequence('extensions');
  for (const [line, ours] of PAIRS) t.equal(toHex(ours), toHex(list.element(0x30, line)), line);
  t.ok(list.atEnd);
});

t.test('extensions are the same octets as pkijs writes', async (t) => {
  const uri = (value: string): pkijs.GeneralName => new pkijs.GeneralName({ type: 6, value });
  const pairs: readonly [string, Uint8Array, { toSchema(): asn1js.Sequence }][] = [
    ['basicConstraints of a CA', basicConstraints({ ca: true, pathLength: 0 }), new pkijs.BasicConstraints({ cA: true, pathLenConstraint: 0 })],
    ['basicConstraints of a leaf', basicConstraints({ ca: false }), new pkijs.BasicConstraints({ cA: false })],
    ['extendedKeyUsage', extendedKeyUsage([OID.serverAuth]), new pkijs.ExtKeyUsage({ keyPurposes: [OID.serverAuth] })],
    ['authorityKeyIdentifier', authorityKeyIdentifier(hex('0102')), new pkijs.AuthorityKeyIdentifier({ keyIdentifier: new asn1js.OctetString({ valueHex: new Uint8Array([1, 2]).buffer }) })],
    ['crlDistributionPoints', crlDistributionPoints(URLS), new pkijs.CRLDistributionPoints({ distributionPoints: [new pkijs.DistributionPoint({ distributionPoint: URLS.map(uri) })] })],
    ['authorityInformationAccess', authorityInformationAccess({ issuers: URLS }), new pkijs.InfoAccess({
      accessDescriptions: URLS.map((url) => new pkijs.AccessDescription({ accessMethod: OID.caIssuers, accessLocation: uri(url) })),
    })],
    ['certificatePolicies', certificatePolicies(['1.2.3']), new pkijs.CertificatePolicies({ certificatePolicies: [new pkijs.PolicyInformation({ policyIdentifier: '1.2.3' })] })],
    ['subjectAltName', subjectAltName(names('a.example', '10.0.0.1'), false), new pkijs.GeneralNames({
      names: [new pkijs.GeneralName({ type: 2, value: 'a.example' }), new pkijs.GeneralName({ type: 7, value: new asn1js.OctetString({ valueHex: new Uint8Array([10, 0, 0, 1]).buffer }) })],
    })],
  ];
  for (const [what, ours, theirs] of pairs) t.equal(toHex(valueOf(ours)), toHex(new Uint8Array(theirs.toSchema().toBER(false))), what);
});

t.test('what an extension says is read as it was written', async (t) => {
  t.strictSame(decodeBasicConstraints(valueOf(basicConstraints({ ca: true, pathLength: 3 }))), { ca: true, pathLength: 3 });
  t.strictSame(decodeBasicConstraints(valueOf(basicConstraints({ ca: true }))), { ca: true });
  t.strictSame(decodeBasicConstraints(valueOf(basicConstraints({ ca: false }))), { ca: false });
  t.strictSame(decodeKeyUsage(valueOf(keyUsage(['keyCertSign', 'digitalSignature', 'decipherOnly']))), ['digitalSignature', 'keyCertSign', 'decipherOnly']);
  t.strictSame(decodeExtendedKeyUsage(valueOf(extendedKeyUsage([OID.serverAuth, '1.2.3']))), [OID.serverAuth, '1.2.3']);
  t.strictSame(decodeSubjectAltName(valueOf(subjectAltName(SAN, false))), SAN);
  t.strictSame(certificateNames(read(ocspNoCheck(), subjectAltName(SAN, true))), SAN);
  t.strictSame(certificateNames(read(ocspNoCheck())), []);
  t.equal(toHex(decodeAuthorityKeyIdentifier(valueOf(authorityKeyIdentifier(hex('0102'))))!), '0102');
  t.equal(decodeAuthorityKeyIdentifier(hex('3000')), undefined);
  t.strictSame(decodeCrlDistributionPoints(valueOf(crlDistributionPoints(URLS))), URLS);
  const access = { issuers: ['http://ca.example/ca.crt'], ocsp: ['http://ocsp.example/'] };
  t.strictSame(decodeAuthorityInformationAccess(valueOf(authorityInformationAccess(access))), access);
  t.strictSame(decodeCertificatePolicies(valueOf(certificatePolicies(['1.2.3', '2.23.140.1.2.1']))), ['1.2.3', '2.23.140.1.2.1']);
  t.strictSame(decodeNameConstraints(valueOf(nameConstraints(CONSTRAINTS))), CONSTRAINTS);
  t.equal(decodeCrlNumber(valueOf(cRLNumber(2n ** 100n))), 2n ** 100n);
  t.equal(decodeReasonCode(valueOf(reasonCode('keyCompromise'))), 'keyCompromise');
  const scope = { urls: URLS, onlyContainsUserCerts: false, onlyContainsCACerts: true };
  t.strictSame(decodeIssuingDistributionPoint(valueOf(issuingDistributionPoint(scope))), scope);
});

t.test('the subject key identifier is half of the SHA-256 of the key (RFC 7093)', async (t) => {
  const spki = execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-outform', 'DER']);
  const key = parseSubjectPublicKeyInfo(new Uint8Array(execFileSync('openssl', ['pkey', '-pubout', '-inform', 'DER', '-outform', 'DER'], { input: spki })));
  const digest = execFileSync('openssl', ['dgst', '-sha256', '-binary'], { input: key.der.subarray(-32) });
  t.equal(toHex(keyIdentifier(key)), toHex(digest.subarray(0, 20)));
  t.equal(toHex(decodeSubjectKeyIdentifier(valueOf(subjectKeyIdentifier(key)))), toHex(keyIdentifier(key)));
});

t.test('lists of extensions that are refused', async (t) => {
  const any = (i: number): Uint8Array => encodeExtension({ oid: `1.2.3.${i}`, critical: false, value: hex('0500') });
  const cases: readonly [string, readonly Uint8Array[], X509ErrorCode][] = [
    ['an empty list', [], 'empty-list'],
    ['the same OID twice', [any(1), any(2), any(1)], 'duplicate-extension'],
    ['critical FALSE written out', [hex('300b 06032a0304 010100 0401 05')], 'default-encoded'],
    ['critical neither 00 nor FF', [hex('300b 06032a0304 010101 0401 05')], 'bad-boolean'],
    ['no value', [hex('3005 06032a0304')], 'truncated'],
    ['something behind the value', [hex('300a 06032a0304 0400 0500 00')], 'trailing-bytes'],
    ['33 extensions', Array.from({ length: 33 }, (_, i) => any(i)), 'too-many-extensions'],
  ];
  for (const [what, extensions, code] of cases) t.equal(codeOf(() => read(...extensions)), code, what);
  t.equal(read(...Array.from({ length: 32 }, (_, i) => any(i))).length, 32);
});

t.test('values that are refused', async (t) => {
  const cases: readonly [string, (value: Uint8Array) => unknown, string, X509ErrorCode][] = [
    ['cA FALSE written out', decodeBasicConstraints, '3003 010100', 'default-encoded'],
    ['a path length without cA', decodeBasicConstraints, '3003 020100', 'bad-extension'],
    ['a negative path length', decodeBasicConstraints, '3006 0101ff 0201ff', 'bad-integer'],
    ['more in basicConstraints', decodeBasicConstraints, '3008 0101ff 020100 0500', 'trailing-bytes'],
    ['more behind basicConstraints', decodeBasicConstraints, '3000 00', 'trailing-bytes'],
    ['no key usage', decodeKeyUsage, '030100', 'bad-extension'],
    ['an unknown key usage', decodeKeyUsage, '0303 06 0040', 'bad-extension'],
    ['padded key usage', decodeKeyUsage, '0302 00 80', 'bad-bit-string'],
    ['no extended key usage', decodeExtendedKeyUsage, '3000', 'empty-list'],
    ['33 extended key usages', decodeExtendedKeyUsage, `3063 ${'06012a'.repeat(33)}`, 'too-many-elements'],
    ['no name', decodeSubjectAltName, '3000', 'empty-list'],
    ['a distribution point relative to the issuer', decodeCrlDistributionPoints, '3006 3004 a002 a100', 'unexpected-tag'],
    ['empty name constraints', decodeNameConstraints, '3000', 'empty-list'],
    ['a directoryName constraint', decodeNameConstraints, '3008 a006 3004 a4023000', 'unsupported-name-kind'],
    ['a minimum in a constraint', decodeNameConstraints, '300a a008 3006 820161 800101', 'trailing-bytes'],
    ['a mask with gaps', decodeNameConstraints, '300e a00c 300a 8708 0a000000 ff00ff00', 'bad-ip-address'],
    ['an indirect CRL', decodeIssuingDistributionPoint, '3003 8401ff', 'trailing-bytes'],
    ['reason 7', decodeReasonCode, '0a0107', 'bad-extension'],
    ['a reason as INTEGER', decodeReasonCode, '020101', 'unexpected-tag'],
    ['a CRL number of 21 octets', decodeCrlNumber, `0215 01${'00'.repeat(20)}`, 'bad-extension'],
    ['a negative CRL number', decodeCrlNumber, '0201ff', 'bad-integer'],
  ];
  for (const [what, decode, value, code] of cases) t.equal(codeOf(() => decode(hex(value))), code, what);
});

t.test('values that cannot be written', async (t) => {
  const cases: readonly [string, () => unknown, X509ErrorCode][] = [
    ['a path length without cA', () => basicConstraints({ ca: false, pathLength: 0 }), 'bad-extension'],
    ['no key usage', () => keyUsage([]), 'empty-list'],
    ['no extended key usage', () => extendedKeyUsage([]), 'empty-list'],
    ['no name', () => subjectAltName([], false), 'empty-list'],
    ['no address', () => crlDistributionPoints([]), 'empty-list'],
    ['no access', () => authorityInformationAccess({}), 'empty-list'],
    ['no constraint', () => nameConstraints({}), 'empty-list'],
    ['a network with host bits', () => nameConstraints({ permitted: [{ kind: 'ip', value: '10.0.0.1/8' }] }), 'bad-ip-address'],
    ['a constraint that is no name', () => nameConstraints({ permitted: [{ kind: 'dns', value: 'a b' }] }), 'bad-extension'],
    ['a scope that says nothing', () => issuingDistributionPoint({}), 'bad-extension'],
    ['a scope of user and CA certificates', () => issuingDistributionPoint({ onlyContainsUserCerts: true, onlyContainsCACerts: true }), 'bad-extension'],
    ['an address beyond ASCII', () => crlDistributionPoints(['http://é/']), 'bad-string'],
  ];
  for (const [what, encode, code] of cases) t.equal(codeOf(encode), code, what);
});
