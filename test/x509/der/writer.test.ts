import * as asn1js from 'asn1js';
import fc from 'fast-check';
import t from 'tap';
import { DerReader } from '../../../src/x509/der/reader.ts';
import {
  bitString, boolean, contextExplicit, contextPrimitive, elementOf, enumerated, ia5String, integer, namedBits, nullValue, octetString, oid,
  printableString, sequence, set, time, utf8String,
} from '../../../src/x509/der/writer.ts';
import { codeOf, hex, toHex } from '../assert.ts';

const other = (block: asn1js.AsnType): string => toHex(new Uint8Array(block.toBER(false)));
const buffer = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;

t.test('elements are the same octets as asn1js writes', async (t) => {
  t.equal(toHex(boolean(true)), other(new asn1js.Boolean({ value: true })));
  t.equal(toHex(boolean(false)), '010100');
  t.equal(toHex(nullValue()), other(new asn1js.Null()));
  for (const value of [0, 1, 127, 128, 255, 256, 65_537, 2 ** 31]) t.equal(toHex(integer(value)), other(asn1js.Integer.fromBigInt(value)), `${value}`);
  for (const value of ['1.2.840.113549.1.9.14', '2.5.29.17', '2.999.3', '0.9.2342.19200300.100.1.25', '1.3.6.1.4.1.311.21.20']) {
    t.equal(toHex(oid(value)), other(new asn1js.ObjectIdentifier({ value })), value);
  }
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const bytes = new Uint8Array(length).fill(0x41);
    t.equal(toHex(octetString(bytes)), other(new asn1js.OctetString({ valueHex: buffer(bytes) })), `${length} octets`);
  }
  t.equal(toHex(bitString(hex('a5'))), other(new asn1js.BitString({ valueHex: buffer(hex('a5')) })));
  t.equal(toHex(utf8String('Zoë \u{1f4a9}')), other(new asn1js.Utf8String({ value: 'Zoë \u{1f4a9}' })));
  t.equal(toHex(printableString('Abc 1')), other(new asn1js.PrintableString({ value: 'Abc 1' })));
  t.equal(toHex(ia5String('a@b')), other(new asn1js.IA5String({ value: 'a@b' })));
  t.equal(toHex(sequence(nullValue(), integer(1))), other(new asn1js.Sequence({ value: [new asn1js.Null(), new asn1js.Integer({ value: 1 })] })));
  t.equal(toHex(contextExplicit(3, nullValue())), 'a3020500');
  t.equal(toHex(contextPrimitive(2, hex('61'))), '820161');
  t.equal(toHex(enumerated(10)), '0a010a');
});

t.test('an INTEGER is in the fewest octets, whatever form its value came in', async (t) => {
  t.equal(toHex(integer(hex('0000 0080'))), '02020080');
  t.equal(toHex(integer(hex('00 00'))), '020100');
  t.equal(toHex(integer(new Uint8Array())), '020100');
  t.equal(toHex(integer(2n ** 64n)), '0209010000000000000000');
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 200n }), (value) => {
    t.equal(BigInt(`0x${toHex(new DerReader(integer(value)).unsignedInteger('value'))}`), value);
  }));
  t.equal(codeOf(() => integer(-1)), 'bad-integer');
  t.equal(codeOf(() => integer(1.5)), 'bad-integer');
});

t.test('a SET OF is sorted', async (t) => {
  t.equal(toHex(set(hex('040162'), hex('0401 61'), hex('02 01 05'))), '3109020105040161040162');
});

t.test('a named bit list has no trailing zero bits', async (t) => {
  t.equal(toHex(namedBits([])), '030100');
  t.equal(toHex(namedBits([0])), '03020780');
  t.equal(toHex(namedBits([6, 5])), '03020106');
  t.equal(toHex(namedBits([8])), '0303070080');
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 15 })), (bits) => {
    t.equal(new DerReader(namedBits(bits)).namedBits('bits'), bits.reduce((sum, bit) => sum | (1 << bit), 0));
  }));
});

t.test('a Time is UTCTime until 2049 and GeneralizedTime after', async (t) => {
  t.equal(toHex(time(0)), toHex(hex('170d 3730303130313030303030305a')));
  t.equal(toHex(time(2_524_607_999)), toHex(hex('170d 3439313233313233353935395a')));
  t.equal(toHex(time(2_524_608_000)), toHex(hex('180f 32303530303130313030303030305a')));
  fc.assert(fc.property(fc.integer({ min: -631_152_000, max: 253_402_300_799 }), (seconds) => {
    t.equal(new DerReader(time(seconds)).time('time'), seconds);
  }));
  for (const wrong of [0.5, NaN, Infinity, -631_152_001, 253_402_300_800]) t.equal(codeOf(() => time(wrong)), 'bad-time', `${wrong}`);
});

t.test('an OID read is the OID written', async (t) => {
  const arc = fc.integer({ min: 0, max: 2 ** 40 });
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 39 }), fc.array(arc, { maxLength: 6 }), (first, second, rest) => {
    const text = [first, second, ...rest].join('.');
    t.equal(new DerReader(oid(text)).oid('oid'), text);
  }));
  for (const wrong of ['', '1', '3.1', '1.40', '1.2.', '1.02', '1.2.x', `1.2.${'9'.repeat(17)}`, `1.2${'.268435456'.repeat(20)}`]) {
    t.equal(codeOf(() => oid(wrong)), 'bad-oid', wrong);
  }
});

t.test('text that its string type cannot hold is refused', async (t) => {
  t.equal(codeOf(() => printableString('a@b')), 'bad-string');
  t.equal(codeOf(() => ia5String('é')), 'bad-string');
  t.equal(codeOf(() => utf8String('\ud800')), 'bad-string');
});

t.test('a list of many parts is one element', async (t) => {
  const parts = new Array<Uint8Array>(300_000).fill(hex('0500'));
  const list = elementOf(0x30, parts);
  t.equal(list.length, 5 + 600_000);
  t.equal(new DerReader(list).sequence('list').end, list.length);
});
