import t from 'tap';
import { latestUsed } from '../../src/revocation/ocsp-cache.ts';

t.test('what was used last stays, up to the number that is kept', async (t) => {
  const kept = latestUsed<number>(3);
  for (const [index, key] of ['a', 'b', 'c'].entries()) kept.set(key, index);
  t.equal(kept.get('a'), 0);
  kept.set('d', 3);
  t.strictSame(['a', 'b', 'c', 'd'].map(kept.get), [0, undefined, 2, 3], 'b was used least lately');
  kept.set('c', 9);
  t.equal(kept.size(), 3, 'a key is kept once');
  kept.delete('c');
  t.equal(kept.get('c'), undefined);
  kept.clear();
  t.equal(kept.size(), 0);
});

t.test('0 keeps nothing, and a million keys stay within the bound', async (t) => {
  const none = latestUsed<number>(0);
  none.set('a', 1);
  t.equal(none.get('a'), undefined);
  const some = latestUsed<number>(1000);
  for (let i = 0; i < 1_000_000; i++) some.set(String(i), i);
  t.equal(some.size(), 1000);
  t.equal(some.get('999999'), 999_999);
});
