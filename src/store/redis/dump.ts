import { name } from '../name.ts';
import type { ShardGeneration } from '../crl-store.ts';
import type { DumpPage, DumpedKind, PortableAuthority, PortableItem, PortableMark } from '../transfer.ts';
import { decodeApiKey, decodeToken } from './credentials.ts';
import { decodeNamedSequence } from '../crl-head.ts';
import { bytesOf, listOf } from './engine.ts';
import type { Engine } from './engine.ts';
import { CHUNK, CRL_FIELDS, KEYS, NAME_BYTES } from './keys.ts';
import type { Reply } from './link/link.ts';
import { readFingerprint } from './marks.ts';
import { decodeStored } from './stored-record.ts';

/** Members of a set or hash examined at a time. */
const SCAN = 500;

const NONE = Buffer.alloc(0);
export const bytesIn = (reply: Reply | undefined): Buffer[] => listOf(reply).map((one) => bytesOf(one) ?? NONE);

/** A page of one kind. */
export const readPage = (engine: Engine, kind: DumpedKind, after: string | undefined, limit: number): Promise<DumpPage> => READERS[kind](engine, after, limit);

const READERS: Readonly<Record<DumpedKind, (engine: Engine, after: string | undefined, limit: number) => Promise<DumpPage>>> = {
  request: requests,
  token: (engine, after, limit) => credentials(engine, [KEYS.tokens, KEYS.token], after, limit, (value) => ({ kind: 'token', token: decodeToken(value) })),
  'api-key': (engine, after, limit) => credentials(engine, [KEYS.apiKeys, KEYS.apiKey], after, limit, (value) => ({ kind: 'api-key', key: decodeApiKey(value) })),
  // Both are small. The server's iteration order is not stable, so they are not paged.
  claim: async (engine) => ({ items: await claimItems(engine, await scan(engine, 'HSCAN', KEYS.credentialClaims)) }),
  quota: quotas,
  'blocked-key': async (engine) => ({ items: (await scan(engine, 'SSCAN', KEYS.blocked)).map((key) => ({ kind: 'blocked-key', keyHash: key.toString('hex') })) }),
};

/** In order of place, one chunk or more at a time. The cursor is the first place not examined. */
async function requests({ keys, read }: Engine, after: string | undefined, limit: number): Promise<DumpPage> {
  const from = Number(after ?? 0);
  const [found] = await read(['ZRANGEBYSCORE', keys.of(KEYS.chunks), Math.floor(from / CHUNK), '+inf', 'LIMIT', 0, Math.max(1, Math.floor(limit / CHUNK))]);
  const chunks = bytesIn(found).map((chunk) => Number(chunk.toString()));
  if (chunks.length === 0) return { items: [] };
  const lists = await read(...chunks.map((chunk) => ['LRANGE', keys.of(KEYS.places, chunk), 0, -1] as const));
  let next = from;
  const ids = lists.flatMap((list, at) => {
    // Place 0 is never assigned: the first list begins at 1.
    const first = Math.max(1, (chunks[at] ?? 0) * CHUNK);
    const all = bytesIn(list);
    next = first + all.length;
    return all.slice(Math.max(0, from - first));
  }).filter((id) => id.length > 0);
  if (next === from) return { items: [] };
  const [values] = ids.length === 0 ? [[]] : await read(['MGET', ...ids.map((id) => keys.record(id))]);
  return { items: bytesIn(values).filter((value) => value.length > 0).map(requestItem), next: String(next) };
}

export function requestItem(value: Buffer): PortableItem {
  const { record, marks } = decodeStored(value);
  return { kind: 'request', record, marks: marks.map(({ name: of, fingerprint, expires, livesWithRequest }): PortableMark => ({ name: of.toString('hex'), fingerprint, expires, livesWithRequest })) };
}

/** In order of place; the cursor is the last one's. */
async function credentials({ keys, read }: Engine, [places, key]: readonly [string, string], after: string | undefined, limit: number, item: (value: Buffer) => PortableItem): Promise<DumpPage> {
  const [found] = await read(['ZRANGEBYSCORE', keys.of(places), after === undefined ? '-inf' : `(${after}`, '+inf', 'WITHSCORES', 'LIMIT', 0, limit]);
  const pairs = bytesIn(found);
  const names = pairs.filter((_, at) => at % 2 === 0);
  if (names.length === 0) return { items: [] };
  const [values] = await read(['MGET', ...names.map((one) => keys.of(key, one))]);
  const items = bytesIn(values).filter((value) => value.length > 0).map(item);
  return names.length < limit ? { items } : { items, next: pairs.at(-1)?.toString() ?? '' };
}

/** All members, in the server's order; for a hash, each field followed by its value. */
async function scan({ keys, read }: Engine, command: 'HSCAN' | 'SSCAN', key: string): Promise<Buffer[]> {
  const found: Buffer[] = [];
  let cursor = '0';
  do {
    const [reply] = await read([command, keys.of(key), cursor, 'COUNT', SCAN]);
    const [following, members] = listOf(reply);
    cursor = bytesOf(following)?.toString() ?? '0';
    found.push(...bytesIn(members));
  } while (cursor !== '0');
  return found;
}

const EXPIRES_BYTES = 6;
const TARGET_AT = EXPIRES_BYTES + 1;

/** From names and values in alternation. A claim's value contains only the name of its target, whose id is in the token or key itself. */
export async function claimItems({ keys, read }: Engine, pairs: readonly Buffer[]): Promise<PortableItem[]> {
  const claims = pairs.flatMap((of, at) => (at % 2 === 0 ? [{ of, value: pairs[at + 1] ?? NONE }] : []));
  const targets = claims.map(({ value }) => value.subarray(TARGET_AT, TARGET_AT + NAME_BYTES));
  if (claims.length === 0) return [];
  const [tokens, apiKeys] = await read(['MGET', ...targets.map((one) => keys.of(KEYS.token, one))], ['MGET', ...targets.map((one) => keys.of(KEYS.apiKey, one))]);
  return claims.flatMap(({ of, value }, at): PortableItem[] => {
    const [token, apiKey] = [bytesOf(listOf(tokens)[at]), bytesOf(listOf(apiKeys)[at])];
    const target = token === undefined ? apiKey && decodeApiKey(apiKey).id : decodeToken(token).id;
    if (target === undefined) return [];
    return [{
      kind: 'claim', name: of.toString('hex'), target, expires: value.readUIntBE(0, EXPIRES_BYTES), livesWithRequest: value[EXPIRES_BYTES] === 1,
      fingerprint: readFingerprint(value.subarray(TARGET_AT + NAME_BYTES)),
    }];
  });
}

/** One page per end of windows, which is also the cursor. */
async function quotas({ keys, read }: Engine, after: string | undefined): Promise<DumpPage> {
  const [found] = await read(['ZRANGEBYSCORE', keys.of(KEYS.quotas), after === undefined ? '-inf' : `(${after}`, '+inf', 'LIMIT', 0, 1]);
  const [end] = bytesIn(found).map((one) => one.toString());
  if (end === undefined) return { items: [] };
  const [hash] = await read(['HGETALL', keys.of(KEYS.quota, end)]);
  const pairs = bytesIn(hash);
  const items = pairs.flatMap((field, at): PortableItem[] => (at % 2 === 1 ? [] : [{
    kind: 'quota', end: Number(end), name: field.toString('hex', 0, NAME_BYTES), window: field.readUIntBE(NAME_BYTES, 6), count: Number(pairs[at + 1]?.toString()),
  }]));
  return { items, next: end };
}

export async function readStanding({ keys, read }: Engine, authority: string): Promise<PortableAuthority> {
  const [fields] = await read(['HGETALL', keys.of(KEYS.crl, name(authority))]);
  return standingIn(authority, bytesIn(fields));
}

/** From the fields of an authority's hash, each followed by its value. */
export function standingIn(authority: string, fields: readonly Buffer[]): PortableAuthority {
  const all = fields.flatMap((field, at) => (at % 2 === 0 ? [{ field: field.toString('latin1'), value: fields[at + 1]?.toString() ?? '' }] : []));
  const number = (of: string): number => Number(all.find(({ field }) => field === of)?.value ?? 0);
  return {
    kind: 'authority', authority, revision: number(CRL_FIELDS.revision), floor: number(CRL_FIELDS.floor),
    sequences: all.filter(({ field }) => field.length > NAME_BYTES && field.startsWith(CRL_FIELDS.sequence)).map(({ value }) => decodeNamedSequence(value)),
    shards: all.filter(({ field }) => /^g\d+$/.test(field)).map(({ value }) => JSON.parse(value) as ShardGeneration).sort((a, b) => a.count - b.count),
  };
}
