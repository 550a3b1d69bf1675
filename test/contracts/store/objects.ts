import type { ObjectChange, StoredObject } from '../../../src/store/objects.ts';
import { NEVER } from '../../../src/store/objects.ts';
import { BadCursor } from '../../../src/store/store.ts';
import type { Part } from './harness.ts';
import { HOSTILE_NAMES, NOW } from './samples.ts';

const put = (id: string, expected: number, over: Partial<NonNullable<ObjectChange['put']>> = {}): ObjectChange =>
  ({ kind: 'thing', id, expected, put: { value: { id }, expires: NOW + 1000, indexes: [], ...over } });
const ids = (items: readonly StoredObject[]): string[] => items.map(({ id }) => id);
const LIMITS = { retainEnded: 0, most: 1000 };

/** Small versioned objects. */
export const objectsContract: Part = (t, open) => {
  t.test('an object is stored as it was given, and its version rises with each write', async (t) => {
    const { store: { objects } } = await open(t);
    const value = { text: 'ä\u0000"', list: [1, null, true, { deep: {} }] };
    t.equal(await objects.get('thing', 'one'), undefined);
    t.strictSame(await objects.write([put('one', 0, { value })], []), { outcome: 'stored' });
    t.strictSame(await objects.get('thing', 'one'), { kind: 'thing', id: 'one', version: 1, value, expires: NOW + 1000 });
    t.strictSame(await objects.write([put('one', 1, { value: 7, expires: NEVER })], []), { outcome: 'stored' });
    t.strictSame(await objects.get('thing', 'one'), { kind: 'thing', id: 'one', version: 2, value: 7, expires: NEVER });
    t.equal(await objects.get('other', 'one'), undefined, 'kinds are apart');
  });

  t.test('several objects change in one step, or none of them, with their lines of the log', async (t) => {
    const { store: { objects, audit } } = await open(t);
    const line = { time: NOW, event: 'service.started', actor: 'system', subject: 'x' } as const;
    await objects.write([put('a', 0), put('b', 0)], []);
    const before = (await audit.head()).sequence;
    t.strictSame(await objects.write([put('a', 1), put('b', 2)], [line]), { outcome: 'conflict', of: { kind: 'thing', id: 'b' } });
    t.strictSame(await objects.write([put('c', 0), put('a', 0)], [line]), { outcome: 'conflict', of: { kind: 'thing', id: 'a' } });
    t.equal((await objects.get('thing', 'a'))?.version, 1);
    t.equal(await objects.get('thing', 'c'), undefined);
    t.equal((await audit.head()).sequence, before, 'what did not happen is not in the log');
    t.strictSame(await objects.write([put('a', 1), put('b', 1)], [line]), { outcome: 'stored' });
    t.equal((await audit.head()).sequence, before + 1);
    t.strictSame((await objects.getAll([{ kind: 'thing', id: 'b' }, { kind: 'thing', id: 'z' }, { kind: 'thing', id: 'a' }])).map((one) => one?.version), [2, undefined, 2]);
    t.strictSame(await objects.getAll([]), []);
  });

  t.test('of many writers that saw the same version, one writes', async (t) => {
    const { store: { objects } } = await open(t);
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => objects.write([put('raced', 0, { value: n })], [])));
    t.equal(outcomes.filter(({ outcome }) => outcome === 'stored').length, 1);
    t.equal((await objects.get('thing', 'raced'))?.version, 1);
  });

  t.test('an index lists its objects in order, page by page, and follows their changes', async (t) => {
    const { store: { objects } } = await open(t);
    const at = (id: string, order: number, expected = 0): ObjectChange => put(id, expected, { indexes: [{ index: 'due', order }, { index: `of/${id}`, order: 1 }] });
    await objects.write([at('c', 30), at('a', 10), at('b', 20), at('d', 40), at('e', 40)], []);
    t.strictSame(ids((await objects.list('due', { limit: 10 })).items).slice(0, 3), ['a', 'b', 'c']);
    t.strictSame(ids((await objects.list('due', { limit: 10 }, { upTo: 20 })).items), ['a', 'b']);
    t.strictSame(ids((await objects.list('due', { limit: 10 }, { newestFirst: true })).items).slice(2), ['c', 'b', 'a']);
    t.strictSame(ids((await objects.list('of/c', { limit: 10 })).items), ['c']);
    t.strictSame(ids((await objects.list('nothing', { limit: 10 })).items), []);
    for (const newestFirst of [false, true]) {
      const seen: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await objects.list('due', { limit: 2, ...(cursor === undefined ? {} : { cursor }) }, { newestFirst });
        seen.push(...ids(page.items));
        cursor = page.next;
      } while (cursor !== undefined);
      t.strictSame(seen.length, 5);
      t.strictSame(new Set(seen).size, 5, 'each once');
    }
    await objects.write([at('a', 50, 1), put('b', 1), put('c', 1)], []);
    t.strictSame(ids((await objects.list('due', { limit: 10 })).items).sort(), ['a', 'd', 'e']);
    t.equal(ids((await objects.list('due', { limit: 10 })).items).at(-1), 'a', 'moved to its new place');
    const { next = '' } = await objects.list('due', { limit: 1 });
    await t.rejects(objects.list('of/a', { limit: 1, cursor: next }), BadCursor);
    await t.rejects(objects.list('due', { limit: 1, cursor: 'AAAA' }), BadCursor);
  });

  t.test('what has ended leaves by sweep, from its indexes too; what has not stays', async (t) => {
    const { store } = await open(t);
    const { objects } = store;
    const indexes = [{ index: 'all', order: 1 }];
    await objects.write([put('short', 0, { expires: NOW, indexes }), put('long', 0, { expires: NOW + 5000, indexes }), put('ever', 0, { expires: NEVER, indexes })], []);
    await objects.write([put('prolonged', 0, { expires: NOW, indexes })], []);
    await objects.write([put('prolonged', 1, { expires: NOW + 5000, indexes })], []);
    t.ok(await objects.get('thing', 'short'), 'there until it is swept');
    await store.sweep(NOW + 1, LIMITS);
    t.equal(await objects.get('thing', 'short'), undefined);
    t.strictSame(ids((await objects.list('all', { limit: 10 })).items).sort(), ['ever', 'long', 'prolonged']);
    await store.sweep(NOW + 10_000, LIMITS);
    t.strictSame(ids((await objects.list('all', { limit: 10 })).items), ['ever']);
    t.strictSame(await objects.write([put('short', 0)], []), { outcome: 'stored' }, 'as if it had never been');
  });

  t.test('what was removed is seen no more, and its id goes on with the next version', async (t) => {
    const { store } = await open(t);
    const { objects } = store;
    const gone = (id: string, expected: number): ObjectChange => ({ kind: 'thing', id, expected, put: undefined });
    await objects.write([put('a', 0, { indexes: [{ index: 'all', order: 1 }], expires: NOW + 5000 }), put('b', 0, { indexes: [{ index: 'all', order: 2 }] })], []);
    t.strictSame(await objects.write([gone('a', 2)], []), { outcome: 'conflict', of: { kind: 'thing', id: 'a' } });
    t.strictSame(await objects.write([gone('a', 1), gone('never', 0)], []), { outcome: 'stored' });
    t.strictSame([await objects.get('thing', 'a'), ...await objects.getAll([{ kind: 'thing', id: 'a' }, { kind: 'thing', id: 'never' }])], [undefined, undefined, undefined]);
    t.strictSame((await objects.list('all', { limit: 10 })).items.map(({ id }) => id), ['b']);
    t.strictSame(await objects.write([gone('a', 2)], []), { outcome: 'conflict', of: { kind: 'thing', id: 'a' } }, 'it is not there');
    t.strictSame(await objects.write([put('a', 0, { value: 'again', expires: NOW + 1 })], []), { outcome: 'stored' });
    t.match(await objects.get('thing', 'a'), { version: 3, value: 'again', expires: NOW + 5000 });
    await objects.write([gone('a', 3)], []);
    await store.sweep(NOW + 5000, LIMITS);
    await objects.write([put('a', 0)], []);
    t.equal((await objects.get('thing', 'a'))?.version, 1, 'after its end nothing is left of it');
    await objects.write([put('m', 0, { momentary: true })], []);
    await objects.write([gone('m', 1)], []);
    t.equal(await objects.get('thing', 'm'), undefined);
    await objects.write([put('m', 0, { momentary: true })], []);
    t.equal((await objects.get('thing', 'm'))?.version, 1, 'of what is of the moment nothing is left at once');
  });

  t.test('an end never moves nearer', async (t) => {
    const { store } = await open(t);
    const { objects } = store;
    await objects.write([put('one', 0, { expires: NOW + 5000 }), put('ever', 0, { expires: NEVER })], []);
    await objects.write([put('one', 1, { value: 'over', expires: NOW + 1 }), put('ever', 1, { expires: NOW })], []);
    t.match(await objects.get('thing', 'one'), { version: 2, value: 'over', expires: NOW + 5000 });
    await store.sweep(NOW + 4999, LIMITS);
    t.ok(await objects.get('thing', 'one'));
    await store.sweep(NOW + 5000, LIMITS);
    t.equal(await objects.get('thing', 'one'), undefined);
    t.equal((await objects.get('thing', 'ever'))?.expires, NEVER);
  });

  t.test('names are inert, and hex ids are as good as any text', async (t) => {
    const { store: { objects } } = await open(t);
    const all = [...HOSTILE_NAMES, 'abcdef0123', 'ABCDEF0123', '00abcdef0123'];
    for (const text of all) t.strictSame(await objects.write([{ kind: text, id: text, expected: 0, put: { value: text, expires: NOW, indexes: [{ index: text, order: 1 }] } }], []), { outcome: 'stored' });
    for (const text of all) {
      t.equal((await objects.get(text, text))?.value, text);
      t.strictSame(ids((await objects.list(text, { limit: 10 })).items), [text]);
    }
  });
};
