import { name } from '../name.ts';
import type { AuditStore } from '../store.ts';
import type { PortableItem, StoreChanges, TransferStore } from '../transfer.ts';
import { decodeApiKey, decodeToken } from './credentials.ts';
import { bytesIn, claimItems, readPage, readStanding, requestItem, standingIn } from './dump.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { decodeChange } from './feed.ts';
import { KEYS, META, digestOctets } from './keys.ts';
import { loadEntries, loadItem } from './load.ts';
import { objectItem } from './objects.ts';
import { thingsScript } from './scripts/transfer.ts';

/**
 * Log lines followed by one script: it takes some milliseconds, in which Redis serves no one else. With fewer, a busy store could not be caught
 * up with.
 */
const MOST_LINES = 1000;

/** Dumps and loads the complete content of the store. */
export function transferStore(engine: Engine, log: AuditStore): TransferStore {
  const putMark = (mark: string | undefined): Promise<unknown> => engine.submit('mark', mark ?? '');
  return {
    dump: (kind, after, limit) => readPage(engine, kind, after, limit),
    authority: (of) => readStanding(engine, of),
    changes: (after, limit, authorities, objectsAfter) => changes(engine, log, { after, limit: Math.min(limit, MOST_LINES), authorities, objectsAfter }),
    async load(items, mark) {
      const done = { added: 0, advanced: 0, kept: 0 };
      // Concurrently if all items are distinct; repeated ones are loaded in order.
      for (const group of apart(items)) for (const outcome of await Promise.all(group.map((item) => loadItem(engine, item)))) done[outcome] += 1;
      await putMark(mark);
      return done;
    },
    async mark() {
      const [mark] = await engine.read(['HGET', engine.keys.meta, META.loading]);
      return bytesOf(mark)?.toString();
    },
    async loadAudit(entries, mark) {
      const taken = await loadEntries(engine, log, entries);
      await putMark(mark);
      return taken;
    },
  };
}

/** Splits items into groups without duplicates. Revocations are in groups of their own, since they also change records. */
function apart(items: readonly PortableItem[]): PortableItem[][] {
  const groups: PortableItem[][] = [];
  let taken = new Set<string>();
  let before = false;
  for (const item of items) {
    const key = keyOf(item);
    const revocation = item.kind === 'revocation';
    if (groups.length === 0 || taken.has(key) || revocation !== before) {
      groups.push([]);
      taken = new Set();
    }
    taken.add(key);
    before = revocation;
    groups.at(-1)?.push(item);
  }
  return groups;
}

function keyOf(item: PortableItem): string {
  switch (item.kind) {
    case 'request': return `request ${item.record.id}`;
    case 'token': return `token ${item.token.id}`;
    case 'api-key': return `api-key ${item.key.id}`;
    case 'claim': return `claim ${item.name}`;
    case 'quota': return `quota ${item.name} ${item.window} ${item.end}`;
    case 'blocked-key': return `blocked-key ${item.keyHash}`;
    case 'revocation': return `revocation ${item.authority} ${item.change.serial}`;
    case 'crl':
    case 'authority': return `authority ${item.authority}`;
    case 'object': return `object ${item.object.kind} ${item.object.id}`;
  }
}

interface Asked {
  readonly after: number;
  readonly limit: number;
  readonly authorities: readonly string[];
  readonly objectsAfter: number;
}

async function changes(engine: Engine, log: AuditStore, { after, limit, authorities, objectsAfter }: Asked): Promise<StoreChanges> {
  const reply = listOf(await engine.look(thingsScript, after, limit, objectsAfter, ...authorities.flatMap((one) => [name(one), one])));
  const [newest, lines, requests, tokens, keys, blocked, changed, standings, claims, objects] = reply;
  const fed = pairs(bytesIn(objects));
  const sequence = Number(newest);
  const count = listOf(lines).length;
  // Hashes follow from the lines, which do not change any more.
  const records = bytesIn(requests).map(requestItem);
  const [entries, blockedToo, claimed] = await Promise.all([count === 0 ? [] : log.list({ after, limit: count }), blockedKeysOf(engine, records), claimItems(engine, bytesIn(claims))]);
  const newestHere = entries.at(-1);
  const [top] = newestHere?.sequence === sequence ? [newestHere] : sequence === 0 ? [] : await log.list({ after: sequence - 1, limit: 1 });
  const items: PortableItem[] = [
    ...records,
    ...blockedToo,
    ...bytesIn(tokens).map((value): PortableItem => ({ kind: 'token', token: decodeToken(value) })),
    ...bytesIn(keys).map((value): PortableItem => ({ kind: 'api-key', key: decodeApiKey(value) })),
    ...bytesIn(blocked).map((key): PortableItem => ({ kind: 'blocked-key', keyHash: key.toString('hex') })),
    ...fours(listOf(changed)).map(([at, serial, revision, change]): PortableItem => ({
      kind: 'revocation', authority: authorities[Number(at)] ?? '',
      change: decodeChange(Number(bytesOf(revision)?.toString()), bytesOf(serial) ?? Buffer.alloc(0), bytesOf(change) ?? Buffer.alloc(0)),
    })),
    ...pairs(listOf(standings)).map(([at, fields]) => standingIn(authorities[Number(at)] ?? '', bytesIn(fields))),
    ...claimed,
    ...fed.flatMap(([, value]) => (value === undefined || value.length === 0 ? [] : [objectItem(value)])),
  ];
  const last = Number(fed.at(-1)?.[0]?.toString() ?? objectsAfter);
  return { head: { sequence, hash: top?.hash ?? '0'.repeat(64) }, entries, items, objects: { last, more: fed.length === limit } };
}

/** The blocked keys of these requests. Keys stay blocked, so it does not matter that they are read a moment later. */
async function blockedKeysOf({ keys, read }: Engine, items: readonly PortableItem[]): Promise<PortableItem[]> {
  const digests = items.flatMap((item) => (item.kind === 'request' ? [digestOctets(item.record.keyHash)] : []));
  if (digests.length === 0) return [];
  const [found] = await read(['SMISMEMBER', keys.of(KEYS.blocked), ...digests]);
  return digests.filter((_, at) => listOf(found)[at] === 1).map((digest) => ({ kind: 'blocked-key', keyHash: digest.toString('hex') }));
}

const pairs = <T>(list: readonly T[]): [T | undefined, T | undefined][] =>
  list.flatMap((one, at): [T, T | undefined][] => (at % 2 === 0 ? [[one, list[at + 1]]] : []));

const fours = <T>(list: readonly T[]): (readonly (T | undefined)[])[] => list.flatMap((_, at) => (at % 4 === 0 ? [list.slice(at, at + 4)] : []));
