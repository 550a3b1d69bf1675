import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { parseCertificationRequest, verifyPossession } from '../../src/x509/csr.ts';
import { bitString, contextExplicit, contextPrimitive, element, ia5String, integer, nullValue, oid, octetString, printableString, sequence, set, utf8String } from '../../src/x509/der/writer.ts';
import { DerReader } from '../../src/x509/der/reader.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { basicConstraints, keyUsage, subjectAltName } from '../../src/x509/extensions.ts';
import { textToName } from '../../src/x509/general-name.ts';
import { OID } from '../../src/x509/oids.ts';
import { codeOf, hex, LONGEST_MS, millisecondsOf, toHex } from './assert.ts';
import { attribute, dns, extensionRequest, makeCsr, rawSan } from './make-csr.ts';

const cn = (value: string) => [{ type: OID.commonName, value }];
const parse = (der: Uint8Array): X509ErrorCode | 'ok' => codeOf(() => parseCertificationRequest(der));

t.test('what a CSR asks for is found', async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const names = ['Node1.Example.com', '10.0.0.1', 'node1.example.com'].map((text) => (text.startsWith('1') ? contextPrimitive(7, hex('0a000001')) : dns(text)));
  const der = makeCsr({
    subject: cn('node1.example.com'),
    privateKey,
    publicKey: spki,
    attributes: [attribute(OID.challengePassword, utf8String('secret')), extensionRequest(basicConstraints({ ca: false }), rawSan(...names), keyUsage(['digitalSignature']))],
  });
  const csr = parseCertificationRequest(der);
  t.strictSame(csr.subject, cn('node1.example.com'));
  t.equal(csr.commonName, 'node1.example.com');
  t.equal(csr.publicKey.type, 'P-384');
  t.equal(toHex(csr.publicKey.der), toHex(spki));
  t.strictSame(csr.names, [{ kind: 'dns', value: 'node1.example.com' }, { kind: 'ip', value: '10.0.0.1' }]);
  t.strictSame(csr.extensions.map((extension) => extension.oid), [OID.basicConstraints, OID.keyUsage]);
  t.equal(csr.signatureAlgorithm.id, 'ecdsa-with-SHA384');
  t.equal(toHex(csr.der), toHex(der));
  t.doesNotThrow(() => verifyPossession(csr));
});

t.test('a CSR may ask for nothing', async (t) => {
  const csr = parseCertificationRequest(makeCsr());
  t.strictSame([csr.subject, csr.commonName, csr.names, csr.extensions], [[], undefined, [], []]);
  t.equal(parse(makeCsr({ attributes: [attribute(OID.challengePassword, utf8String('x'))] })), 'ok');
});

t.test('what Windows adds is passed over, its way around the checks refused', async (t) => {
  const windows = [
    attribute(OID.microsoftOsVersion, ia5String('10.0.22631.2')),
    attribute(OID.microsoftRequestClientInfo, sequence(integer(9), utf8String('host'), utf8String('DOMAIN\\user'), utf8String('certreq'))),
    extensionRequest(rawSan(dns('a.example'))),
    attribute(OID.microsoftEnrolmentCsp, sequence(integer(1), element(0x1e, new Uint8Array(60)), bitString(hex('00')))),
  ];
  const sorted = (...attributes: readonly Uint8Array[]): Uint8Array[] => [...attributes].sort(Buffer.compare);
  const csr = parseCertificationRequest(makeCsr({ attributes: sorted(...windows) }));
  t.strictSame(csr.names, [{ kind: 'dns', value: 'a.example' }]);
  t.strictSame(csr.extensions, []);
  const smuggled = attribute(OID.microsoftExtensionRequest, sequence(rawSan(dns('evil.example'))));
  t.equal(parse(makeCsr({ attributes: sorted(...windows, smuggled) })), 'unsupported-attribute');
});

t.test('attributes that are refused', async (t) => {
  const password = attribute(OID.challengePassword, utf8String('x'));
  const request = extensionRequest(rawSan(dns('a.example')));
  const nested = (depth: number): Uint8Array => (depth === 0 ? nullValue() : sequence(nested(depth - 1)));
  const cases: readonly [string, readonly Uint8Array[], X509ErrorCode][] = [
    ['an unknown one', [attribute('1.2.3.4', nullValue())], 'unsupported-attribute'],
    ['one twice', [password, password], 'duplicate-attribute'],
    ['extensionRequest twice', [request, request], 'duplicate-attribute'],
    ['extensionRequest with two values', [attribute(OID.extensionRequest, sequence(rawSan(dns('a.example'))), sequence(rawSan(dns('b.example'))))], 'duplicate-attribute'],
    ['extensionRequest without value', [attribute(OID.extensionRequest)], 'truncated'],
    ['extensionRequest of no extensions', [extensionRequest()], 'empty-list'],
    ['challengePassword without value', [attribute(OID.challengePassword)], 'empty-list'],
    ['not in the order of DER', [request, password], 'not-sorted'],
    ['nested beyond bounds', [attribute(OID.challengePassword, nested(30))], 'too-deep'],
    ['of many elements', [attribute(OID.challengePassword, sequence(...new Array<Uint8Array>(2000).fill(nullValue())))], 'too-many-elements'],
    ['with something behind the values', [sequence(oid(OID.challengePassword), set(utf8String('x')), nullValue())], 'trailing-bytes'],
    ['not a SEQUENCE', [set()], 'unexpected-tag'],
  ];
  for (const [what, attributes, code] of cases) t.equal(parse(makeCsr({ attributes })), code, `attributes: ${what}`);
});

t.test('the other parts have one form', async (t) => {
  const good = new DerReader(makeCsr()).sequence('csr');
  const info = good.element(0x30, 'info');
  const algorithm = good.element(0x30, 'algorithm');
  const signature = good.element(0x03, 'signature');
  const inside = new DerReader(info).sequence('info');
  const [version, subject, key] = [inside.element(0x02, 'version'), inside.element(0x30, 'subject'), inside.element(0x30, 'key')];
  const cases: readonly [string, Uint8Array, X509ErrorCode | 'ok'][] = [
    ['the same again', sequence(info, algorithm, signature), 'ok'],
    ['nothing', new Uint8Array(), 'truncated'],
    ['version 1', makeCsr({ version: integer(1) }), 'unsupported-version'],
    ['version 2, as programs in Ruby write it', makeCsr({ version: integer(2) }), 'ok'],
    ['version 3', makeCsr({ version: integer(3) }), 'unsupported-version'],
    ['no version', sequence(sequence(subject, key, contextExplicit(0)), algorithm, signature), 'unexpected-tag'],
    ['no attributes at all, which only their emptiness may say', sequence(sequence(version, subject, key), algorithm, signature), 'truncated'],
    ['more behind the attributes', sequence(sequence(version, subject, key, contextExplicit(0), nullValue()), algorithm, signature), 'trailing-bytes'],
    ['no signature', sequence(info, algorithm), 'truncated'],
    ['an empty signature', sequence(info, algorithm, bitString(new Uint8Array())), 'bad-signature'],
    ['a signature of odd bits', sequence(info, algorithm, hex('03020101')), 'bad-bit-string'],
    ['more behind the signature', sequence(info, algorithm, signature, nullValue()), 'trailing-bytes'],
    ['more behind it all', Buffer.concat([makeCsr(), hex('00')]), 'trailing-bytes'],
    ['65,537 octets', new Uint8Array(65_537).fill(0x30), 'too-large'],
  ];
  for (const [what, der, code] of cases) t.equal(parse(der), code, what);
});

t.test('a common name that could be an address is refused, but where it repeats one of the names to the letter', async (t) => {
  const attributes = [extensionRequest(subjectAltName(['10.0.0.1', '2001:db8::1'].map(textToName), false))];
  for (const text of ['10.0.0.2', '127.1', '::1', '[2001:db8::1]', '2001:DB8::1', '2001:db8:0::1', '010.0.0.1']) {
    t.equal(parse(makeCsr({ subject: cn(text), attributes })), 'common-name-is-address', text);
  }
  for (const text of ['10.0.0.1', '2001:db8::1']) {
    t.equal(parse(makeCsr({ subject: cn(text), attributes })), 'ok', text);
    t.equal(parse(makeCsr({ subject: cn(text), attributes: [extensionRequest(rawSan(dns('a.example')))] })), 'common-name-is-address', text);
    t.equal(parse(makeCsr({ subject: cn(text) })), 'common-name-is-address', text);
  }
  for (const text of ['node1', 'Jane Doe', '12345', 'v1.2.3']) t.equal(parse(makeCsr({ subject: cn(text) })), 'ok', text);
  t.equal(parse(makeCsr({ subject: [...cn('a'), ...cn('b')] })), 'bad-distinguished-name', 'two common names');
  t.equal(parse(makeCsr({ subject: sequence(set(sequence(oid(OID.commonName), printableString('a')))) })), 'ok');
});

t.test('a CSR signed by another key is no proof of possession', async (t) => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = parseCertificationRequest(makeCsr({ privateKey: stranger.privateKey }));
  t.equal(codeOf(() => verifyPossession(csr)), 'bad-signature');
});

t.test('1,000 names are read in a moment, 1,001 refused', async (t) => {
  const many = (count: number): Uint8Array => makeCsr({ attributes: [extensionRequest(rawSan(...Array.from({ length: count }, (_, i) => dns(`node${i}.example.com`))))] });
  const der = many(1000);
  t.equal(parseCertificationRequest(der).names.length, 1000);
  t.ok(millisecondsOf(() => parse(der)) < LONGEST_MS);
  t.equal(parse(many(1001)), 'too-many-names');
});

t.test('the longest names and extensions within the bound are read in a moment', async (t) => {
  const long = makeCsr({ attributes: [extensionRequest(rawSan(dns(`${'a.'.repeat(30_000)}example`)))] });
  const big = makeCsr({ attributes: [extensionRequest(sequence(oid('1.2.3.4'), octetString(new Uint8Array(60_000))))] });
  t.equal(parse(long), 'bad-dns-name');
  t.equal(parse(big), 'ok');
  t.ok(millisecondsOf(() => [parse(long), parse(big)]) < LONGEST_MS);
});
