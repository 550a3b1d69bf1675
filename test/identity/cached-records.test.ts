import t from 'tap';
import { type CredentialSource, cachedRecords } from '../../src/identity/cached-records.ts';
import type { ApiKeyRecord } from '../../src/store/store.ts';

const record = (id: string): ApiKeyRecord => ({ id, name: id, secretHash: '', scopes: [], createdAt: 0, createdBy: 'tests' });

/** A source that has every API key, and counts who asks. */
function source(): { readonly store: CredentialSource; readonly asked: string[]; readonly gone: Set<string> } {
  const asked: string[] = [];
  const gone = new Set<string>();
  const get = (id: string): Promise<ApiKeyRecord | undefined> => {
    asked.push(id);
    return Promise.resolve(gone.has(id) ? undefined : record(id));
  };
  const none = { get: () => Promise.resolve(undefined) };
  return { asked, gone, store: { tokens: none, apiKeys: { get }, certificates: none } };
}

t.test('what was read is known for a minute, and only where it was read', async (t) => {
  let now = 1_000_000;
  const { store, asked } = source();
  const { known, afresh } = cachedRecords(store, () => now);
  t.equal(await known.apiKeys.get('a'), undefined);
  t.same(await afresh.apiKeys.get('a'), record('a'));
  t.equal(await known.tokens.get('a'), undefined, 'another kind');
  now += 59_999;
  t.same(await known.apiKeys.get('a'), record('a'), 'use does not prolong it');
  now += 1;
  t.equal(await known.apiKeys.get('a'), undefined);
  now -= 1;
  t.equal(await known.apiKeys.get('a'), undefined, 'nor does a clock that is set back');
  t.same(asked, ['a']);
  await afresh.apiKeys.get('a');
  now -= 1;
  t.equal(await known.apiKeys.get('a'), undefined, 'read in the future');
});

t.test('what is gone is forgotten', async (t) => {
  const { store, gone } = source();
  const { known, afresh } = cachedRecords(store, () => 0);
  await afresh.apiKeys.get('a');
  gone.add('a');
  t.equal(await afresh.apiKeys.get('a'), undefined);
  t.equal(await known.apiKeys.get('a'), undefined);
});

t.test('of many records those that were used last stay', async (t) => {
  const { store } = source();
  const { known, afresh } = cachedRecords(store, () => 0);
  for (let n = 0; n < 1000; n += 1) await afresh.apiKeys.get(String(n));
  await known.apiKeys.get('0');
  await afresh.apiKeys.get('one more');
  t.same(await known.apiKeys.get('0'), record('0'));
  t.equal(await known.apiKeys.get('1'), undefined);
  t.same(await known.apiKeys.get('2'), record('2'));
});
