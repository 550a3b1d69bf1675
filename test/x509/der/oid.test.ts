import t from 'tap';
import { decodeOid, encodeOid } from '../../../src/x509/der/oid.ts';
import { OID } from '../../../src/x509/oids.ts';

const decoded = (text: string): string => {
  const octets = encodeOid(text);
  return decodeOid(octets, 0, octets.length, 'test');
};

t.test('identifiers are told apart however often and in whatever order they are read', async (t) => {
  // More than are remembered, neighbours in every octet among them.
  const others = Array.from({ length: 2000 }, (_, n) => `1.3.6.1.4.1.${n % 50}.${n}.${n % 7}`);
  const all = [...Object.values(OID), ...others];
  for (const order of [all, all.toReversed(), all]) for (const text of order) if (decoded(text) !== text) t.fail(`${text} was read as ${decoded(text)}`);
});

t.test('what was read is not changed by its octets being written over', async (t) => {
  const octets = encodeOid(OID.keyUsage);
  t.equal(decodeOid(octets, 0, octets.length, 'test'), OID.keyUsage);
  octets.set(encodeOid(OID.subjectAltName));
  t.equal(decodeOid(octets, 0, octets.length, 'test'), OID.subjectAltName);
  t.equal(decoded(OID.keyUsage), OID.keyUsage);
});
