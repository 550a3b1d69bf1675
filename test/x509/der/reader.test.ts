import t from 'tap';
import { DerReader } from '../../../src/x509/der/reader.ts';
import { walkElement } from '../../../src/x509/der/walk.ts';
import { elementOf } from '../../../src/x509/der/writer.ts';
import type { X509ErrorCode } from '../../../src/x509/errors.ts';
import { codeOf, hex, toHex } from '../assert.ts';

type Read = (reader: DerReader) => unknown;
const whole = (bytes: string, read: Read): unknown => {
  const reader = new DerReader(hex(bytes));
  const value = read(reader);
  reader.finish('value');
  return value;
};

const readers = {
  sequence: (reader) => reader.sequence('value').offset,
  integer: (reader) => toHex(reader.integer('value')),
  unsigned: (reader) => toHex(reader.unsignedInteger('value')),
  small: (reader) => reader.smallInteger('value'),
  boolean: (reader) => reader.boolean('value'),
  null: (reader) => reader.null('value'),
  oid: (reader) => reader.oid('value'),
  octets: (reader) => toHex(reader.octetString('value')),
  bits: (reader) => toHex(reader.bitString('value')),
  named: (reader) => reader.namedBits('value'),
  utf8: (reader) => reader.utf8String('value'),
  printable: (reader) => reader.printableString('value'),
  ia5: (reader) => reader.ia5String('value'),
  time: (reader) => reader.time('value'),
  walk: (reader) => walkElement(reader, 'value'),
} satisfies Record<string, Read>;

t.test('what DER allows is read', async (t) => {
  const cases: readonly [keyof typeof readers, string, unknown][] = [
    ['integer', '02 01 00', '00'],
    ['integer', '02 02 00 80', '0080'],
    ['integer', '02 01 80', '80'],
    ['unsigned', '02 02 00 ff', 'ff'],
    ['unsigned', '02 01 00', '00'],
    ['small', '02 04 7f ff ff ff', 2_147_483_647],
    ['boolean', '01 01 ff', true],
    ['boolean', '01 01 00', false],
    ['oid', '06 03 55 1d 11', '2.5.29.17'],
    ['oid', '06 01 00', '0.0'],
    ['oid', '06 01 27', '0.39'],
    ['oid', '06 01 28', '1.0'],
    ['oid', '06 02 88 37', '2.999'],
    ['oid', '06 08 8f ff ff ff ff ff ff 7f', `2.${2 ** 53 - 1 - 80}`],
    ['octets', '04 81 80' + '41'.repeat(128), '41'.repeat(128)],
    ['bits', '03 02 00 a5', 'a5'],
    ['bits', '03 01 00', ''],
    ['named', '03 01 00', 0],
    ['named', '03 02 07 80', 1],
    ['named', '03 02 01 06', 0b110_0000],
    ['named', '03 03 07 00 80', 0b1_0000_0000],
    ['utf8', '0c 04 f0 9f 92 a9', '\u{1f4a9}'],
    ['utf8', '0c 00', ''],
    ['utf8', '0c 03 ef bb bf', '\ufeff'],
    ['printable', '13 03 41 20 3f', 'A ?'],
    ['ia5', '16 02 41 40', 'A@'],
    ['time', '17 0d 35303031303130303030303 05a'.replace(/ /g, ''), -631_152_000],
    ['time', '17 0d 343931323331323335393539 5a', 2_524_607_999],
    ['time', '18 0f 3230353030313031303030303030 5a', 2_524_608_000],
    ['time', '18 0f 3939393931323331323335393539 5a', 253_402_300_799],
    ['time', '17 0d 323430323239303030303030 5a', 1_709_164_800],
    ['walk', '30 06 31 00 a0 02 05 00', undefined],
  ];
  for (const [reader, bytes, expected] of cases) t.equal(whole(bytes, readers[reader]), expected, `${reader} ${bytes}`);
});

t.test('what DER forbids is refused', async (t) => {
  const cases: readonly [keyof typeof readers, string, X509ErrorCode][] = [
    ['sequence', '', 'truncated'],
    ['sequence', '30', 'truncated'],
    ['sequence', '30 81', 'truncated'],
    ['sequence', '30 82 01', 'truncated'],
    ['sequence', '30 01', 'truncated'],
    ['sequence', '30 84 ff ff ff ff', 'truncated'],
    ['sequence', '30 88 00 00 00 00 00 00 00 01 00', 'truncated'],
    ['sequence', '30 ff 00', 'truncated'],
    ['sequence', '30 80 00 00', 'indefinite-length'],
    ['sequence', '30 81 00', 'non-minimal-length'],
    ['sequence', '30 81 01 00', 'non-minimal-length'],
    ['sequence', '30 82 00 80' + '00'.repeat(128), 'non-minimal-length'],
    ['sequence', '30 00 00', 'trailing-bytes'],
    ['sequence', '31 00', 'unexpected-tag'],
    ['sequence', '10 00', 'unexpected-tag'],
    ['sequence', '3f 2a 00', 'unexpected-tag'],
    ['integer', '02 00', 'bad-integer'],
    ['integer', '02 02 00 7f', 'bad-integer'],
    ['integer', '02 02 ff 80', 'bad-integer'],
    ['unsigned', '02 01 80', 'bad-integer'],
    ['small', '02 01 ff', 'bad-integer'],
    ['small', '02 05 00 80 00 00 00', 'bad-integer'],
    ['small', '02 05 01 00 00 00 00', 'bad-integer'],
    ['boolean', '01 01 01', 'bad-boolean'],
    ['boolean', '01 00', 'bad-boolean'],
    ['boolean', '01 02 ff ff', 'bad-boolean'],
    ['null', '05 01 00', 'bad-null'],
    ['oid', '06 00', 'bad-oid'],
    ['oid', '06 02 55 80', 'bad-oid'],
    ['oid', '06 03 55 80 01', 'bad-oid'],
    ['oid', '06 0a 55 ff ff ff ff ff ff ff ff 7f', 'bad-oid'],
    ['oid', '06 41' + '01'.repeat(65), 'bad-oid'],
    ['octets', '24 04 04 02 41 42', 'unexpected-tag'],
    ['bits', '03 00', 'bad-bit-string'],
    ['bits', '03 02 01 fe', 'bad-bit-string'],
    ['named', '03 00', 'bad-bit-string'],
    ['named', '03 01 07', 'bad-bit-string'],
    ['named', '03 02 00 80', 'bad-bit-string'],
    ['named', '03 02 07 81', 'bad-bit-string'],
    ['named', '03 02 00 00', 'bad-bit-string'],
    ['named', '03 02 08 80', 'bad-bit-string'],
    ['named', '03 04 00 00 00 01', 'bad-bit-string'],
    ['utf8', '0c 02 c0 80', 'bad-string'],
    ['utf8', '0c 03 ed a0 80', 'bad-string'],
    ['utf8', '0c 01 80', 'bad-string'],
    ['printable', '13 01 40', 'bad-string'],
    ['printable', '13 01 2a', 'bad-string'],
    ['ia5', '16 01 80', 'bad-string'],
    ['time', '17 0b 35303031303130303030 5a', 'bad-time'],
    ['time', '17 11 3234303232393030303030302b30303030', 'bad-time'],
    ['time', '17 0d 323330323239303030303030 5a', 'bad-time'],
    ['time', '17 0d 323431333031303030303030 5a', 'bad-time'],
    ['time', '17 0d 323430303031303030303030 5a', 'bad-time'],
    ['time', '17 0d 323430313031323430303030 5a', 'bad-time'],
    ['time', '17 0d 323430313031303030303630 5a', 'bad-time'],
    ['time', '17 0d 32343031303130303030302f 5a', 'bad-time'],
    ['time', '18 0f 3230343931323331323335393539 5a', 'bad-time'],
    ['time', '18 13 32303530303130313030303030302e303030 5a', 'bad-time'],
    ['time', '18 0f 3231303030323239303030303030 5a', 'bad-time'],
    ['walk', '30 03 31 02 05', 'truncated'],
    ['walk', '30 02 05 81', 'truncated'],
    ['walk', '1f 81 00', 'unexpected-tag'],
    ['walk', '', 'truncated'],
    ['walk', '30 03 01 01 01', 'bad-boolean'],
    ['walk', '30 04 02 02 00 01', 'bad-integer'],
    ['walk', '30 03 0c 01 ff', 'bad-string'],
  ];
  for (const [reader, bytes, code] of cases) t.equal(codeOf(() => whole(bytes, readers[reader])), code, `${reader} ${bytes.slice(0, 60)}`);
});

t.test('depth and number of elements are bounded', async (t) => {
  const nested = (depth: number): Uint8Array => {
    const headers: Uint8Array[] = [];
    for (let i = 0, length = 0; i < depth; i++) {
      const header = elementOf(0x30, [new Uint8Array(length)]).subarray(0, length < 128 ? 2 : length < 256 ? 3 : 4);
      headers.unshift(header);
      length += header.length;
    }
    return Buffer.concat(headers);
  };
  t.equal(codeOf(() => walkElement(new DerReader(nested(16)), 'value')), 'ok');
  t.equal(codeOf(() => walkElement(new DerReader(nested(17)), 'value')), 'too-deep');
  t.equal(codeOf(() => walkElement(new DerReader(nested(10_000)), 'value')), 'too-deep');
  const wide = Uint8Array.of(0x30, 0x82, 0x10, 0x00, ...new Array(2048).fill([5, 0]).flat());
  t.equal(codeOf(() => walkElement(new DerReader(wide), 'value')), 'too-many-elements');
});

t.test('an error names what was read, what was found and where', async (t) => {
  const reader = new DerReader(hex('30 03 04 01 00')).sequence('certificate');
  t.throws(() => reader.integer('version'), { name: 'X509Error', code: 'unexpected-tag', detail: 'version must be INTEGER, found OCTET STRING', offset: 2 });
});
