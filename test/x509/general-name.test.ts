import t from 'tap';
import { DerReader } from '../../src/x509/der/reader.ts';
import { contextExplicit, contextPrimitive, ia5Bytes, oid, sequence, utf8String } from '../../src/x509/der/writer.ts';
import type { X509ErrorCode } from '../../src/x509/errors.ts';
import { encodeGeneralName, type GeneralName, nameToText, readGeneralNames, textToName } from '../../src/x509/general-name.ts';
import { codeOf, hex, toHex } from './assert.ts';

const read = (...names: readonly Uint8Array[]): GeneralName[] => readGeneralNames(new DerReader(sequence(...names)), 'names');

t.test('text is read as the kind of name that it is, in normal form', async (t) => {
  const cases: readonly [string, GeneralName['kind'], string][] = [
    ['Node1.Example.com', 'dns', 'node1.example.com'],
    ['*.example.com', 'dns', '*.example.com'],
    ['10.0.0.1', 'ip', '10.0.0.1'],
    ['2001:DB8::0', 'ip', '2001:db8::'],
    ['Ops@Example.COM', 'email', 'Ops@example.com'],
    ["o'brien+x@example.com", 'email', "o'brien+x@example.com"],
    ['SPIFFE://Example.org/ns/Prod', 'uri', 'spiffe://example.org/ns/Prod'],
    ['https://Example.org:8443/a?b#c', 'uri', 'https://example.org:8443/a?b#c'],
    ['https://[2001:DB8::0]/a%20b', 'uri', 'https://[2001:db8::]/a%20b'],
    ['https://10.0.0.1', 'uri', 'https://10.0.0.1'],
    ['URN:uuid:F81D4FAE-7dec-11d0-a765-00a0c91e6bf6', 'uri', 'urn:uuid:F81D4FAE-7dec-11d0-a765-00a0c91e6bf6'],
  ];
  for (const [text, kind, value] of cases) {
    const name = textToName(text);
    t.strictSame(name, { kind, value }, text);
    t.strictSame(textToName(nameToText(name)), name, 'the text of a name is read as the name');
    t.strictSame(read(encodeGeneralName(name)), [name], 'its DER is read as the name');
  }
});

t.test('text that is no name is refused', async (t) => {
  const cases: readonly [string, X509ErrorCode][] = [
    ['', 'bad-dns-name'],
    ['1.2.3', 'bad-dns-name'],
    ['::ffff:10.0.0.1', 'bad-ip-address'],
    ['@example.com', 'bad-email'],
    ['a@', 'bad-dns-name'],
    ['a@*.example.com', 'bad-dns-name'],
    ['a b@example.com', 'bad-email'],
    ['.a@example.com', 'bad-email'],
    ['a..b@example.com', 'bad-email'],
    ['"a"@example.com', 'bad-email'],
    ['a@b@example.com', 'bad-email'],
    ['a\r\n@example.com', 'bad-email'],
    ['é@example.com', 'bad-email'],
    [`${'a'.repeat(65)}@example.com`, 'bad-email'],
    [`a@${'b'.repeat(60)}.${'b'.repeat(60)}.${'b'.repeat(60)}.${'b'.repeat(60)}.${'b'.repeat(10)}`, 'bad-email'],
    ['://example.com', 'bad-uri'],
    ['1a://example.com', 'bad-uri'],
    ['https://', 'bad-uri'],
    ['https://a b', 'bad-uri'],
    ['https://a_b/', 'bad-uri'],
    ['https://*.example.com/', 'bad-uri'],
    ['https://user@example.com/', 'bad-uri'],
    ['https://user:password@example.com/', 'bad-uri'],
    ['https://example.com/%', 'bad-uri'],
    ['https://example.com/%zz', 'bad-uri'],
    ['https://example.com/\n', 'bad-uri'],
    ['https://example.com/é', 'bad-uri'],
    ['https://example.com:port/', 'bad-uri'],
    ['https://[::1', 'bad-uri'],
    ['https://[10.0.0.1]/', 'bad-uri'],
    ['https://[::ffff:10.0.0.1]/', 'bad-ip-address'],
    [`https://example.com/${'a'.repeat(2048)}`, 'bad-uri'],
    ['urn:', 'bad-uri'],
    ['urn:x', 'bad-uri'],
  ];
  for (const [text, code] of cases) t.equal(codeOf(() => textToName(text)), code, JSON.stringify(text.slice(0, 80)));
});

t.test('the same name in two spellings is one name, the first place counts', async (t) => {
  const names = read(contextPrimitive(2, ia5Bytes('B.example')), contextPrimitive(2, ia5Bytes('a.example')), contextPrimitive(2, ia5Bytes('b.EXAMPLE')));
  t.strictSame(names.map(({ value }) => value), ['b.example', 'a.example']);
});

t.test('other kinds of names are refused', async (t) => {
  const kinds = [
    contextExplicit(0, oid('1.3.6.1.4.1.311.20.2.3'), contextExplicit(0, utf8String('admin@example.com'))),
    contextExplicit(3), contextExplicit(4, sequence()), contextExplicit(5), contextPrimitive(8, hex('2a03')), contextPrimitive(9, hex('00')), utf8String('a.example'),
    // dNSName with the constructed bit: BER, by pieces.
    contextExplicit(2, hex('160161')),
  ];
  for (const kind of kinds) t.equal(codeOf(() => read(kind)), 'unsupported-name-kind', toHex(kind));
});

t.test('the list holds 1 to 1,000 names', async (t) => {
  const many = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => contextPrimitive(2, ia5Bytes(`n${i}`)));
  t.equal(read(...many(1000)).length, 1000);
  t.equal(codeOf(() => read(...many(1001))), 'too-many-names');
  t.equal(codeOf(() => read(...new Array<Uint8Array>(1001).fill(contextPrimitive(2, ia5Bytes('same'))))), 'too-many-names', 'duplicates count');
  t.equal(codeOf(() => read()), 'empty-list');
});

t.test('addresses have 4 or 16 octets and are not IPv4 in IPv6', async (t) => {
  for (const octets of ['', '0a0000', '0a00000001', '0a000000ff000000', '00000000000000000000ffff7f000001', 'ff'.repeat(15), 'ff'.repeat(32)]) {
    t.equal(codeOf(() => read(contextPrimitive(7, hex(octets)))), 'bad-ip-address', octets);
  }
});
