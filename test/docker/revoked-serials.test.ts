import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { indexSerials, revokedSerials } from '../../src/docker/revoked-serials.ts';
import { encodeRevokedEntry } from '../../src/x509/crl.ts';
import { integer, sequence, time } from '../../src/x509/der/writer.ts';

const entriesOf = (serials: readonly string[]): Buffer => Buffer.concat(serials.map((serial, index) => encodeRevokedEntry({
  serial, at: 1_700_000_000, reason: index % 2 === 0 ? 'unspecified' : 'keyCompromise',
})));
const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
const tableOf = (serials: readonly string[]) => revokedSerials(indexSerials(entriesOf(serials), serials.length));

t.test('every serial of a CRL is found, of any length and with any first octet, and no other', async (t) => {
  const serial = fc.uint8Array({ minLength: 1, maxLength: 19 }).map((octets) => Buffer.from(octets).toString('hex').replace(/^00/, '01'));
  fc.assert(fc.property(fc.uniqueArray(serial, { maxLength: 60 }), fc.uniqueArray(serial, { maxLength: 60 }), (revoked, asked) => {
    const table = tableOf(revoked);
    return table.count === revoked.length && revoked.every((each) => table.has(bytes(each))) && asked.every((each) => table.has(bytes(each)) === revoked.includes(each));
  }));
  t.pass();
});

t.test('neighbours in length and content are not taken for each other', async (t) => {
  const table = tableOf(['0102', '80', '7fffffffffffffffffffffffffffffffffffffff']);
  for (const serial of ['0102', '80', '7fffffffffffffffffffffffffffffffffffffff']) t.ok(table.has(bytes(serial)), serial);
  for (const serial of ['01', '02', '010200', '000102', '81', '0080', '7fffffffffffffffffffffffffffffffffffff', '']) t.notOk(table.has(bytes(serial)), serial);
  t.notOk(tableOf([]).has(bytes('01')));
});

t.test('an entry with long extensions is passed over whole', async (t) => {
  const long = sequence(integer(7), time(1_700_000_000), sequence(sequence(Buffer.from('0603551d18', 'hex'), Buffer.concat([Buffer.from([0x04, 0x81, 0xc8]), Buffer.alloc(200, 2)]))));
  const table = revokedSerials(indexSerials(Buffer.concat([long, entriesOf(['0909'])]), 2));
  t.ok(table.has(bytes('07')));
  t.ok(table.has(bytes('0909')));
});

t.test('a hundred thousand take some 30 octets each', async (t) => {
  const serials = Array.from({ length: 100_000 }, () => `00112233${randomBytes(16).toString('hex')}`.replace(/^00/, '6a'));
  const shared = indexSerials(entriesOf(serials), serials.length);
  const table = revokedSerials(shared);
  t.ok(serials.every((serial) => table.has(bytes(serial))));
  t.notOk(serials.some((serial) => table.has(bytes(`6a112233${serial.slice(10)}00`))));
  t.ok((shared.table.byteLength + shared.octets.byteLength) / serials.length < 33);
});
