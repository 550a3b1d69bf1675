import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import * as pkijs from 'pkijs';
import * as asn1js from 'asn1js';
import t from 'tap';
import { parseCertificationRequest } from '../../src/x509/csr.ts';
import { element, ia5String, oid, printableString, sequence, set, utf8String } from '../../src/x509/der/writer.ts';
import {
  commonNameOf, decodeDistinguishedName, type DistinguishedName, distinguishedNameToText, encodeDistinguishedName,
} from '../../src/x509/distinguished-name.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { OID } from '../../src/x509/oids.ts';
import { codeOf, hex, toHex } from './assert.ts';

const NAME: DistinguishedName = [
  { type: OID.countryName, value: 'CH' },
  { type: OID.stateOrProvinceName, value: 'Zürich' },
  { type: OID.organizationName, value: 'Example, Inc. "QA" + <x>; #1' },
  { type: OID.organizationalUnitName, value: 'Operations' },
  { type: OID.commonName, value: 'node1.example.com' },
];

const one = (type: string, value: Uint8Array): Uint8Array => sequence(set(sequence(oid(type), value)));

t.test('a name is the same octets as OpenSSL writes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chancery-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const subject = '/C=CH/ST=Zürich/O=Example, Inc. "QA" + <x>; #1/OU=Operations/CN=node1.example.com';
  const csr = execFileSync('openssl', [
    'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(folder, 'key.pem'), '-utf8', '-subj', subject.replace('+', '\\+'), '-outform', 'DER',
  ], { stdio: ['ignore', 'pipe', 'ignore'] });
  const parsed = parseCertificationRequest(new Uint8Array(csr));
  t.strictSame(parsed.subject, NAME);
  t.ok(toHex(csr).includes(toHex(encodeDistinguishedName(NAME))));
  t.equal(parsed.commonName, 'node1.example.com');
});

t.test('a name is the same octets as pkijs writes', async (t) => {
  const text = (type: string, value: string): asn1js.AsnType => (type === OID.countryName ? new asn1js.PrintableString({ value }) : new asn1js.Utf8String({ value }));
  const rdns = NAME.map(({ type, value }) => new asn1js.Set({ value: [new pkijs.AttributeTypeAndValue({ type, value: text(type, value) as asn1js.Utf8String }).toSchema()] }));
  t.equal(toHex(encodeDistinguishedName(NAME)), toHex(new Uint8Array(new asn1js.Sequence({ value: rdns }).toBER(false))));
});

t.test('a name read is the name written', async (t) => {
  t.strictSame(decodeDistinguishedName(encodeDistinguishedName([])), []);
  t.strictSame(decodeDistinguishedName(encodeDistinguishedName(NAME)), NAME);
  const special: DistinguishedName = [{ type: OID.domainComponent, value: 'example' }, { type: OID.emailAddress, value: 'a@b.example' }, { type: '1.2.3.4', value: 'x' }];
  t.strictSame(decodeDistinguishedName(encodeDistinguishedName(special)), special);
  fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), { maxLength: 8 }), (values) => {
    const name = values.map((value) => ({ type: OID.organizationName, value }));
    const code = codeOf(() => encodeDistinguishedName(name));
    if (code === 'ok') t.strictSame(decodeDistinguishedName(encodeDistinguishedName(name)), name);
    else t.equal(code, 'bad-distinguished-name');
  }));
});

t.test('forms of a name that are refused', async (t) => {
  const attribute = sequence(oid(OID.commonName), utf8String('a'));
  const cases: readonly [string, Uint8Array, X509ErrorCode][] = [
    ['BMPString', one(OID.commonName, element(0x1e, hex('0061'))), 'unsupported-string-type'],
    ['UniversalString', one(OID.commonName, element(0x1c, hex('00000061'))), 'unsupported-string-type'],
    ['T61String', one(OID.commonName, element(0x14, hex('61'))), 'unsupported-string-type'],
    ['IA5String common name', one(OID.commonName, ia5String('a')), 'unsupported-string-type'],
    ['a number', one(OID.commonName, hex('020101')), 'unsupported-string-type'],
    ['several attributes in one RDN', sequence(set(attribute, sequence(oid(OID.organizationName), utf8String('b')))), 'multi-valued-rdn'],
    ['an RDN without attribute', sequence(set()), 'truncated'],
    ['empty value', one(OID.commonName, utf8String('')), 'bad-distinguished-name'],
    ['65 characters', one(OID.commonName, utf8String('a'.repeat(65))), 'bad-distinguished-name'],
    ['a country of 3 letters', one(OID.countryName, printableString('CHE')), 'bad-distinguished-name'],
    ['a country of digits', one(OID.countryName, printableString('41')), 'bad-distinguished-name'],
    ['embedded NUL', one(OID.commonName, utf8String('a\0b')), 'bad-distinguished-name'],
    ['line feed', one(OID.commonName, utf8String('a\nb')), 'bad-distinguished-name'],
    ['right-to-left override', one(OID.commonName, utf8String('a\u202eb')), 'bad-distinguished-name'],
    ['zero width space', one(OID.commonName, utf8String('a\u200bb')), 'bad-distinguished-name'],
    ['invalid UTF-8', one(OID.commonName, element(0x0c, hex('ff'))), 'bad-string'],
    ['something behind the value', sequence(set(sequence(oid(OID.commonName), utf8String('a'), utf8String('b')))), 'trailing-bytes'],
    ['something behind the name', Buffer.concat([encodeDistinguishedName(NAME), hex('0500')]), 'trailing-bytes'],
    ['33 parts', sequence(...new Array<Uint8Array>(33).fill(set(attribute))), 'bad-distinguished-name'],
  ];
  for (const [what, der, code] of cases) t.equal(codeOf(() => decodeDistinguishedName(der)), code, what);
});

t.test('a name that could not be read is not written', async (t) => {
  for (const value of ['', 'a\0', 'a'.repeat(65)]) t.equal(codeOf(() => encodeDistinguishedName([{ type: OID.commonName, value }])), 'bad-distinguished-name');
  t.equal(codeOf(() => encodeDistinguishedName([{ type: OID.serialNumber, value: 'é' }])), 'bad-string');
  t.equal(codeOf(() => encodeDistinguishedName([{ type: OID.commonName, value: 'x\ud800' }])), 'bad-string');
  t.equal(codeOf(() => encodeDistinguishedName(new Array(33).fill({ type: OID.commonName, value: 'a' }))), 'bad-distinguished-name');
});

t.test('one common name is found, several are refused', async (t) => {
  t.equal(commonNameOf([]), undefined);
  t.equal(commonNameOf(NAME), 'node1.example.com');
  t.equal(codeOf(() => commonNameOf([...NAME, ...NAME])), 'bad-distinguished-name');
});

t.test('a name for people is escaped', async (t) => {
  t.equal(distinguishedNameToText(NAME), 'CN=node1.example.com, OU=Operations, O=Example\\, Inc. \\"QA\\" \\+ \\<x\\>\\; #1, ST=Zürich, C=CH');
  t.equal(distinguishedNameToText([{ type: '1.2.3', value: '#x ' }]), '1.2.3=\\#x\\ ');
});
