import fc from 'fast-check';
import t from 'tap';
import type { RequestRecord } from '../../src/issuance/request.ts';
import { decodeMarks, encodeMarks } from '../../src/store/redis/marks.ts';
import { pack } from '../../src/store/redis/pack.ts';
import { decodeStored, encodeStored, recordOf } from '../../src/store/redis/stored-record.ts';
import { HOSTILE_NAMES, NOW, approved, denied, issued, pending, plain, record } from '../contracts/store/samples.ts';

const roundTrip = (of: RequestRecord): RequestRecord => recordOf(encodeStored(of, []).value);

t.test('a record of each kind is the same again, member by member', async (t) => {
  const waiting = pending({ metadata: { a: 'b', ['__proto__']: 'inert' }, validity: 60, maxValidity: 90 });
  const signing = approved(waiting);
  for (const of of [waiting, signing, issued(signing), denied(), record({ revocation: { at: 5, reason: 'keyCompromise' } }), record({ steps: [], names: [] })]) {
    t.strictSame(plain(roundTrip(of)), plain(of), of.state);
  }
});

t.test('odd values stay as they are: times that go back, key digests that are none, text that is no UTF-8, much of it', async (t) => {
  for (const of of [
    record({ createdAt: NOW + 0.5 - 0.5, updatedAt: NOW - 5000, notBefore: 0, notAfter: 253_402_300_799 }),
    record({ keyHash: 'none' }), record({ keyHash: '' }), record({ id: '01' }),
    pending({ csr: new Uint8Array(70_000) }), record({ names: Array.from({ length: 5000 }, (_, n) => `node${n}.example.com`) }),
    ...HOSTILE_NAMES.map((odd) => record({ authority: odd, profile: odd, names: [odd], requester: { kind: 'oidc', name: odd }, steps: [{ name: odd, outcome: 'waiting', reason: odd, time: 0 }] })),
  ]) t.strictSame(plain(roundTrip(of)), plain(of));
});

t.test('an issued record of a usual kind takes few octets beside its certificate', async (t) => {
  const step = (name: string, reason: string) => ({ name, outcome: 'passed' as const, reason, time: NOW });
  const of = record({
    certificate: new Uint8Array(620),
    steps: [step('identity', 'API key deployer'), step('possession', 'the CSR is signed with its own key'), step('key', 'P-256'), step('names', 'every name matches a pattern'), step('profile', 'server')],
  });
  t.ok(encodeStored(of, []).value.length < 620 + 400, `${encodeStored(of, []).value.length} octets`);
});

t.test('a value that is cut short, or of another version, is an error', async (t) => {
  const { value } = encodeStored(pending(), []);
  const version = Buffer.from(value);
  version[21] = 9;
  const state = Buffer.from(value);
  state[0] = 9;
  for (const bad of [value.subarray(0, value.length - 250), version, state]) t.throws(() => recordOf(bad));
});

t.test('marks are the same again, whatever their fingerprints', async (t) => {
  const octets = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
  const mark = fc.record({ name: octets, fingerprint: fc.string(), expires: fc.nat(), livesWithRequest: fc.boolean(), use: fc.constant(false) });
  fc.assert(fc.property(fc.array(mark, { maxLength: 4 }), (marks) => {
    t.same(decodeMarks(encodeMarks(marks)), marks);
    const stored = decodeStored(encodeStored(record(), marks).value);
    t.equal(stored.marks.length, marks.length);
  }), { numRuns: 100 });
  const hex = { name: Buffer.alloc(32), fingerprint: 'ab'.repeat(32), expires: 7, livesWithRequest: false, use: true };
  t.same(decodeMarks(encodeMarks([hex])), [hex]);
  t.equal(encodeMarks([hex]).length, 74, 'hex is kept as octets');
});

t.test('what is packed is MessagePack, large values beside it', async (t) => {
  const { bytes, bulks } = pack(['a', 5, 128, -1.5, Buffer.from([0, 255]), { bulk: Buffer.from('large') }, ['é'], { bulk: Buffer.alloc(8), placeAt: 1 }], 41);
  t.equal(bytes.toString('hex'), [
    'dd00000008', 'db0000000161', '05', 'cb4060000000000000', 'cbbff8000000000000', 'db0000000200ff', '01', 'dd00000001', 'db00000002c3a9', '02',
  ].join(''));
  t.same(bulks, [Buffer.from('large'), Buffer.from('0000000000002a00', 'hex')], 'the place behind the last one, at octet 1');
  const large = pack(Array.from({ length: 1000 }, () => 'x'.repeat(100)));
  t.equal(large.bytes.length, 5 + 1000 * 105);
});
