import fc from 'fast-check';
import t from 'tap';
import { decodeRecord, encodeRecord } from '../../src/store/record-codec.ts';
import { approved, denied, pending, plain, record } from '../contracts/store/samples.ts';

t.test('a record comes back as it was, in each state, with and without room in front', async (t) => {
  for (const of of [record(), pending(), approved(pending()), denied(), record({ names: ['\u{1f600}', '', '\0'], metadata: { a: 'b' } })]) {
    for (const room of [0, 6, 100]) t.strictSame(plain(decodeRecord(encodeRecord(of, room), room)), plain(of));
  }
});

t.test('DER is kept octet by octet, in its own member, and what is absent stays absent', async (t) => {
  const octets = fc.uint8Array({ minLength: 1, maxLength: 3000 });
  const maybe = fc.option(octets, { nil: undefined });
  fc.assert(fc.property(maybe, maybe, maybe, (csr, tbs, certificate) => {
    const { certificate: _, ...bare } = record();
    const of = { ...bare, ...(csr && { csr }), ...(tbs && { tbs }), ...(certificate && { certificate }) };
    const back = decodeRecord(encodeRecord(of));
    for (const [name, bytes] of Object.entries({ csr, tbs, certificate })) {
      const got = back[name as 'csr'];
      if ((bytes === undefined) !== (got === undefined) || (bytes !== undefined && !Buffer.from(bytes).equals(got ?? Buffer.alloc(0)))) throw new Error(name);
      if (bytes === undefined && name in back) throw new Error(`${name} is there`);
    }
  }));
});

t.test('a value of another version, or cut short, is refused', async (t) => {
  const bytes = encodeRecord(pending());
  t.throws(() => decodeRecord(Buffer.from([2, ...bytes.subarray(1)])));
  for (const length of [0, 1, 12, 13, 100, bytes.length - 201]) t.throws(() => decodeRecord(bytes.subarray(0, length)), `${length} octets`);
});
