import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { AuditDraft } from '../../src/audit/entry.ts';
import { NEVER } from '../../src/store/objects.ts';
import type { Json, ObjectChange } from '../../src/store/objects.ts';
import type { PortableItem, WholeStore } from '../../src/store/transfer.ts';
import { backup } from '../../src/transfer/backup.ts';
import { beginning, contentOf } from '../../src/transfer/content.ts';
import { restoreFile, restoreStore } from '../../src/transfer/restore.ts';
import { verifyBackup } from '../../src/transfer/verify-backup.ts';
import { HOSTILE_NAMES, HOUR, NOW, draft } from './store/samples.ts';
import type { OpenWhole } from './transfer.ts';

const quiet = (): void => undefined;
const put = (kind: string, id: string, expected: number, value: Json, over: Partial<ObjectChange['put']> = {}): ObjectChange =>
  ({ kind, id, expected, put: { value, expires: NOW + 10 * HOUR, indexes: [], ...over } });
const bring = (to: WholeStore, now = NOW + HOUR, more = true) => ({ target: to, clock: () => now, more, actor: 'operator:test', shards: 0, progress: quiet });
const line = (subject: string, details: AuditDraft['details'] = {}): AuditDraft => ({ ...draft('acme-account.changed', subject), details });

async function objectsIn(store: WholeStore): Promise<PortableItem[]> {
  const found: PortableItem[] = [];
  const source = { store, authorities: [] };
  for await (const { items } of contentOf(source, await beginning(source))) found.push(...items.filter(({ kind }) => kind === 'object'));
  return found;
}

/** The part of the contract of `TransferStore` that is about small versioned objects. */
export function transferObjectsContract(name: string, openFrom: OpenWhole, openTo: OpenWhole): void {
  const toFile = async (t: Test, from: WholeStore): Promise<string> => {
    const folder = mkdtempSync(join(tmpdir(), 'chancery-transfer-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'backup');
    await backup({ source: { store: from, authorities: [] }, file, program: 'test', id: 'one', clock: () => NOW, progress: quiet });
    return file;
  };

  t.test(`${name}: objects arrive as they were, where they are listed too, and can be changed and swept`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const value = { text: 'ä\u0000"', list: [1, null, true, { deep: {} }] };
    await from.objects.write([put('thing', 'abcdef01', 0, value, { indexes: [{ index: 'all', order: 2 }, { index: 'of/a', order: NEVER }] }), put('thing', 'b', 0, 1, { indexes: [{ index: 'all', order: 1 }] })], [line('b')]);
    await from.objects.write([put('thing', 'b', 1, 2, { expires: NEVER, indexes: [{ index: 'all', order: 3 }] })], []);
    await from.objects.write([put('mark', 'm', 0, null, { momentary: true }), put('mark', 'once', 0, null)], []);
    await from.objects.write([put('mark', 'once', 1, null, { momentary: true })], []);
    for (const text of HOSTILE_NAMES) await from.objects.write([put(text, text, 0, text, { indexes: [{ index: text, order: 1 }] })], []);
    const file = await toFile(t, from);
    t.equal((await verifyBackup(file, quiet)).end.items['object'], 2 + HOSTILE_NAMES.length, 'each once');
    t.match(await restoreFile(file, bring(to)), { added: 2 + HOSTILE_NAMES.length, older: false });
    for (const key of [['thing', 'abcdef01'], ['thing', 'b'], ...HOSTILE_NAMES.map((text) => [text, text])] as [string, string][]) {
      t.strictSame(await to.objects.get(...key), await from.objects.get(...key));
    }
    t.strictSame([await to.objects.get('mark', 'm'), await to.objects.get('mark', 'once')], [undefined, undefined], 'what is of the moment stays behind');
    t.strictSame(await to.objects.list('all', { limit: 10 }), await from.objects.list('all', { limit: 10 }));
    t.strictSame((await to.objects.list('of/a', { limit: 10 })).items.map(({ id }) => id), ['abcdef01']);
    for (const text of HOSTILE_NAMES) t.strictSame((await to.objects.list(text, { limit: 10 })).items.map(({ id }) => id), [text]);
    t.match(await to.objects.write([put('thing', 'b', 1, 0)], []), { outcome: 'conflict' });
    t.match(await to.objects.write([put('thing', 'b', 2, 3, { indexes: [{ index: 'all', order: 0 }] })], []), { outcome: 'stored' });
    t.strictSame((await to.objects.list('all', { limit: 10 })).items.map(({ value: of }) => of), [3, value], 'nothing of its old place is left');
    await to.sweep(NOW + 11 * HOUR, { retainEnded: 0, most: 1000 });
    t.equal(await to.objects.get('thing', 'abcdef01'), undefined);
    t.strictSame((await to.objects.list('all', { limit: 10 })).items.length, 1);
    t.strictSame((await objectsIn(to)).length, 1, 'nor is it in a later backup');
  });

  t.test(`${name}: an older copy of objects takes nothing back, and what has ended does not come back`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const ids = ['account', 'status', 'key', 'swept', 'order'];
    await from.objects.write(ids.map((id) => put('thing', id, 0, { status: 'valid' })), [line('account')]);
    const old = await toFile(t, from);
    const copies = await objectsIn(from);
    await restoreFile(old, bring(to));
    const over: Readonly<Record<string, Json>> = { account: { status: 'deactivated' }, status: { status: 'revoked' }, key: { revokedAt: NOW }, order: { status: 'invalid' } };
    await to.objects.write([...Object.entries(over).map(([id, value]) => put('thing', id, 1, value, { expires: NOW })), put('thing', 'swept', 1, { status: 'deactivated' }, { expires: NOW })], [line('account')]);
    await to.objects.write([put('thing', 'fresh', 0, 1)], []);
    t.match(await restoreFile(old, bring(to)), { added: 0, advanced: 0, older: true });
    for (const [id, value] of Object.entries(over)) t.strictSame((await to.objects.get('thing', id))?.value, value, id);
    // As a store would have it that went on apart: more versions, without a word of the end.
    await to.transfer.load(copies.map((item) => (item.kind === 'object' ? { ...item, object: { ...item.object, version: 9 } } : item)), undefined);
    for (const id of ['account', 'status', 'key']) t.strictSame((await to.objects.get('thing', id))?.value, over[id], id);
    t.match(await to.objects.get('thing', 'order'), { version: 9, value: { status: 'valid' } }, 'of others the higher version stands');
    const ended = copies.flatMap((item): PortableItem[] => (item.kind === 'object' && item.object.id === 'order' ? [{ ...item, object: { ...item.object, value: { status: 'revoked' } } }] : []));
    t.match(await to.transfer.load(ended, undefined), { advanced: 1 }, 'an end comes, whatever its version');
    t.match(await to.objects.get('thing', 'order'), { version: 10, value: { status: 'revoked' } });
    t.match(await to.transfer.load(ended, undefined), { kept: 1 });
    const later = NOW + 10 * HOUR;
    await to.sweep(later, { retainEnded: 0, most: 1000 });
    t.equal(await to.objects.get('thing', 'swept'), undefined);
    t.match(await restoreFile(old, bring(to, later)), { added: 0 });
    t.equal(await to.objects.get('thing', 'swept'), undefined, 'an older copy of it would have been good for longer');
  });

  t.test(`${name}: that an object was removed moves with it, and no older copy brings it back`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const gone = (id: string, expected: number): ObjectChange => ({ kind: 'thing', id, expected, put: undefined });
    await from.objects.write(['a', 'b', 'c', 'revoked'].map((id) => put('thing', id, 0, 'first', { indexes: [{ index: 'all', order: 1 }] })), [line('a')]);
    const old = await toFile(t, from);
    const source = { store: from, authorities: [] };
    await restoreStore(source, bring(to));
    await from.objects.write([gone('a', 1), gone('c', 1), put('thing', 'revoked', 1, { status: 'revoked' })], [line('a')]);
    await from.objects.write([put('thing', 'c', 0, 'second')], []);
    await from.objects.write([gone('revoked', 2)], []);
    const middle = await toFile(t, from);
    t.match(await restoreStore(source, bring(to)), { older: false });
    await from.objects.write([gone('b', 1)], []);
    t.match(await restoreStore(source, bring(to)), { older: true, advanced: 1 });
    for (const file of [old, middle]) t.match(await restoreFile(file, bring(to)), { older: true, added: 0, advanced: 0 });
    t.strictSame((await to.objects.getAll(['a', 'b', 'c', 'revoked'].map((id) => ({ kind: 'thing', id })))).map((found) => found?.value), [undefined, undefined, 'second', undefined]);
    t.strictSame((await to.objects.list('all', { limit: 10 })).items, []);
    t.strictSame(await to.objects.write([put('thing', 'a', 0, 'again')], []), { outcome: 'stored' });
    t.equal((await to.objects.get('thing', 'a'))?.version, 3);
  });

  t.test(`${name}: objects that changed without a line come with the next move, and again after an interruption`, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    for (let n = 0; n < 2500; n += 500) await from.objects.write(Array.from({ length: 500 }, (_, at) => put('order', `${n + at}`, 0, 'open', { indexes: [{ index: 'all', order: n + at }] })), []);
    await from.audit.append([line('someone')]);
    let loads = 0;
    const failing = { ...to, transfer: { ...to.transfer, load: (...all: Parameters<WholeStore['transfer']['load']>) => {
      loads += all[0].some(({ kind }) => kind === 'object') ? 1 : 0;
      return loads > 1 ? Promise.reject(new Error('the machine stops here')) : to.transfer.load(...all);
    } } };
    await t.rejects(restoreStore({ store: from, authorities: [] }, bring(failing)), /the machine stops here/);
    t.match(await restoreStore({ store: from, authorities: [] }, bring(to)), { resumed: true, added: 1500, kept: 1000 });
    await from.objects.write([put('order', '7', 1, 'valid'), put('order', 'new', 0, 'open')], []);
    t.match(await restoreStore({ store: from, authorities: [] }, bring(to, NOW + HOUR, false)), { added: 1, advanced: 1, lines: 0 });
    t.match(await to.objects.get('order', '7'), { version: 2, value: 'valid' });
    t.equal((await objectsIn(to)).length, 2501);
  });

  t.test(`${name}: a backup that was begun goes on with objects as they are now`, async (t) => {
    const { store: from } = await openFrom(t);
    await from.objects.write([put('order', 'a', 0, 'open')], [line('a')]);
    const file = await toFile(t, from);
    writeFileSync(`${file}.2.partial`, readFileSync(file).subarray(0, statSync(file).size - 300), { mode: 0o600 });
    await from.objects.write([put('order', 'a', 1, 'valid'), put('order', 'b', 0, 'open')], []);
    const made = await backup({ source: { store: from, authorities: [] }, file: `${file}.2`, program: 'test', id: 'two', clock: () => NOW, progress: quiet });
    t.equal(made.resumed, true);
    const { store: to } = await openTo(t);
    await restoreFile(`${file}.2`, bring(to));
    t.match([await to.objects.get('order', 'a'), await to.objects.get('order', 'b')], [{ version: 2, value: 'valid' }, { version: 1 }]);
  });

  t.test(`${name}: a backup with an object that cannot be is refused`, async (t) => {
    const { store: from } = await openFrom(t);
    await from.objects.write([put('order', 'a', 0, 'open', { indexes: [{ index: 'all', order: 1 }] })], []);
    for (const over of [{ version: 0 }, { version: 1.5 }, { expires: -1 }, { expires: NEVER + 1 }]) {
      const wrong: WholeStore = { ...from, transfer: { ...from.transfer, changes: async (...all) => {
        const found = await from.transfer.changes(...all);
        return { ...found, items: found.items.map((item) => (item.kind === 'object' ? { ...item, object: { ...item.object, ...over } } : item)) };
      } } };
      await t.rejects(verifyBackup(await toFile(t, wrong), quiet), { code: 'wrong-content', message: /the object order a/ });
    }
  });

  t.test(`${name}: objects that are written while they are read arrive as they were at one head of the log`, { timeout: 60_000 }, async (t) => {
    const [{ store: from }, { store: to }] = [await openFrom(t), await openTo(t)];
    const PAIRS = 600;
    for (let at = 0; at < PAIRS; at += 1) await from.objects.write([put('left', `${at}`, 0, 0), put('right', `${at}`, 0, 0)], at % 2 === 0 ? [line(`${at}`, { count: 0 })] : []);
    const stop = { now: false };
    const enough = setTimeout(() => { stop.now = true; }, 2500);
    let writes = 0;
    const busy = Promise.all(Array.from({ length: 4 }, async (_, lane) => {
      for (let n = 0; !stop.now; n += 1) {
        // Each writer has pairs of its own. Both halves always say the same; of each second pair a line says what.
        const id = `${(n * 4 + lane) % PAIRS}`;
        const version = (await from.objects.get('left', id))?.version ?? 0;
        await from.objects.write([put('left', id, version, version), put('right', id, version, version)], Number(id) % 2 === 0 ? [line(id, { count: version })] : []);
        writes += 1;
      }
    }));
    const source = { store: from, authorities: [] };
    let portions = 0;
    for await (const { items, entries } of contentOf(source, await beginning(source))) {
      portions += 1;
      await to.transfer.load(items, 'busy');
      await to.transfer.loadAudit(entries, 'busy');
      if (portions < 15) await new Promise((resolve) => setTimeout(resolve, 10));
    }
    stop.now = true;
    clearTimeout(enough);
    await busy;
    t.ok(writes > 0, `${writes} writes in ${portions} portions`);
    const told = new Map<string, unknown>();
    for (const { subject, details } of await to.audit.list({ after: 0, limit: 1_000_000 })) told.set(subject, details?.['count']);
    const wrong: string[] = [];
    for (let at = 0; at < PAIRS; at += 1) {
      const [left, right] = await to.objects.getAll([{ kind: 'left', id: `${at}` }, { kind: 'right', id: `${at}` }]);
      if (left === undefined || left.value !== right?.value || left.value !== left.version - 1) wrong.push(`${at}: ${JSON.stringify([left, right])}`);
      if (at % 2 === 0 && told.get(`${at}`) !== left?.value) wrong.push(`${at}: ${JSON.stringify([left, told.get(`${at}`)])}`);
    }
    t.same(wrong, []);
  });
}
