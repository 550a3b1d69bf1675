import t from 'tap';
import { differences } from '../src/replicas.ts';
import type { Replica } from '../src/store/replicas.ts';

const replica = (over: Partial<Replica> = {}): Replica => ({ id: 'a', name: 'one/1', startedAt: 0, seenAt: 100_000, parts: { profiles: 'p', crl: 'c' }, ...over });

t.test('what differs is named, and nothing is said where nothing does', async (t) => {
  t.equal(differences(replica(), []), undefined);
  t.equal(differences(replica(), [replica({ id: 'b' }), replica({ id: 'c', seenAt: 70_000 })]), undefined);
  t.equal(differences(replica(), [replica({ name: 'two/9', parts: { profiles: 'other', crl: 'c' } })]), 'replicas differ: two/9 has a different profiles');
  t.equal(differences(replica(), [replica({ name: 'two/9', parts: { profiles: 'other', ocsp: 'new' } })]), 'replicas differ: two/9 has a different crl, ocsp, profiles', 'also what only one of them has');
  t.equal(differences(replica(), [replica({ name: 'two/9', seenAt: 130_000 })]), 'replicas differ: the clock of two/9 is 30 s ahead');
});
