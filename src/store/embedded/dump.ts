import type { AuditEntry } from '../../audit/entry.ts';
import { decodeRecord } from '../record-codec.ts';
import type { DumpPage, DumpedKind, PortableAuthority, PortableItem, PortableMark } from '../transfer.ts';
import { entryMarks } from './catalogue.ts';
import { decodeClaim } from './claims.ts';
import { readAllSequences } from './documents.ts';
import type { Reads } from './environment.ts';
import { readChange, readStanding } from './feed.ts';
import { ORDINAL_BYTES, credentialPlaceKey, digestKey, idKey, ordinal, readOrdinal } from './keys.ts';
import { shardsOf } from './load-revocations.ts';
import { decodeMarks } from './marks.ts';
import { isBlocked } from './requests.ts';
import { showToken, readApiKey, readToken } from './tokens.ts';

interface Found {
  readonly key: Buffer;
  readonly item: PortableItem | undefined;
}

/** Yields the items after a key of their table, in key order. */
type Walk = (tables: Reads, after: Buffer | undefined, limit: number) => Iterable<Found>;

/** The smallest key greater than this one. */
const next = (key: Buffer): Buffer => Buffer.concat([key, Buffer.of(0)]);
const from = (after: Buffer | undefined): { start?: Buffer } => (after === undefined ? {} : { start: next(after) });

const WALKS: Readonly<Record<DumpedKind, Walk>> = {
  * request(tables, after, limit) {
    for (const { key, value } of tables.requests.getRange({ ...from(after), limit })) yield { key, item: requestAt(tables, value) };
  },
  * token(tables, after, limit) {
    for (const { key, id } of credentials(tables, 'tokens', after, limit)) yield { key, item: tokenItem(tables, id) };
  },
  * 'api-key'(tables, after, limit) {
    for (const { key, id } of credentials(tables, 'apiKeys', after, limit)) yield { key, item: apiKeyItem(tables, id) };
  },
  * claim(tables, after, limit) {
    for (const { key, value } of tables.claims.getRange({ ...from(after), limit })) yield { key, item: claimItem(key, value) };
  },
  * quota(tables, after, limit) {
    for (const { key, value } of tables.quotas.getRange({ ...from(after), limit })) {
      const item = { kind: 'quota', end: readOrdinal(key), window: readOrdinal(key, ORDINAL_BYTES), name: key.toString('hex', 2 * ORDINAL_BYTES), count: value.readUInt32BE(0) } as const;
      yield { key, item };
    }
  },
  * 'blocked-key'(tables, after, limit) {
    for (const key of tables.blocked.getKeys({ ...from(after), limit })) yield { key, item: { kind: 'blocked-key', keyHash: key.toString('hex') } };
  },
};

/** A page of one kind. The cursor is the last key, in hex. */
export function readPage(tables: Reads, kind: DumpedKind, after: string | undefined, limit: number): DumpPage {
  const items: PortableItem[] = [];
  let last: Buffer | undefined;
  let seen = 0;
  for (const { key, item } of WALKS[kind](tables, after === undefined ? undefined : Buffer.from(after, 'hex'), limit)) {
    seen += 1;
    last = key;
    if (item !== undefined) items.push(item);
  }
  return { items, ...(seen < limit || last === undefined ? {} : { next: last.toString('hex') }) };
}

function* credentials(tables: Reads, table: 'tokens' | 'apiKeys', after: Buffer | undefined, limit: number): Iterable<{ key: Buffer; id: string }> {
  const range = { start: after === undefined ? credentialPlaceKey(0) : next(after), end: Buffer.of(1), limit };
  for (const { key, value } of tables[table].getRange(range)) yield { key, id: JSON.parse(value.toString()) as string };
}

function requestAt(tables: Reads, value: Buffer): PortableItem {
  const entry = tables.catalogue.getBinary(ordinal(readOrdinal(value)));
  // A value from a read transaction refers to mapped memory, so what is handed out must be a copy.
  return { kind: 'request', record: decodeRecord(Buffer.from(value), ORDINAL_BYTES), marks: entry === undefined ? [] : marksOf(entry) };
}

const marksOf = (entry: Buffer): PortableMark[] =>
  Array.from(decodeMarks(entryMarks(entry)), ({ name, ...rest }) => ({ ...rest, name: name.toString('hex') }));

function tokenItem(tables: Reads, id: string): PortableItem | undefined {
  const stored = readToken(tables, id);
  return stored && { kind: 'token', token: showToken(stored) };
}

function apiKeyItem(tables: Reads, id: string): PortableItem | undefined {
  const stored = readApiKey(tables, id);
  return stored && { kind: 'api-key', key: stored.record };
}

const claimItem = (key: Buffer, value: Buffer): PortableItem => ({ kind: 'claim', name: key.toString('hex'), ...decodeClaim(value) });

export function standingOf(tables: Reads, authority: string): PortableAuthority {
  const { revision, floor } = readStanding(tables, authority);
  return { kind: 'authority', authority, revision, floor, sequences: readAllSequences(tables, authority), shards: shardsOf(tables, authority) };
}

/** Lines about a token's use have the token as actor. */
const TOKEN_ACTOR = 'enrolment-token:';

/** Everything that log lines concern, whatever kind their subject is: a serial, a token, an API key, a public key, an authority. */
export function thingsOf(tables: Reads, entries: readonly AuditEntry[], authorities: readonly string[]): PortableItem[] {
  const items: PortableItem[] = [];
  const add = (item: PortableItem | undefined): void => void (item !== undefined && items.push(item));
  const subjects = new Set(entries.map(({ subject }) => subject));
  const tokens = new Set(entries.flatMap(({ actor }) => (actor.startsWith(TOKEN_ACTOR) ? [actor.slice(TOKEN_ACTOR.length)] : [])));
  for (const subject of subjects) {
    const key = idKey(subject);
    const value = key === undefined ? undefined : tables.requests.getBinary(key);
    const request = value === undefined ? undefined : requestAt(tables, value);
    add(request);
    if (request?.kind === 'request') {
      const { keyHash } = request.record;
      if (isBlocked(tables, keyHash)) items.push({ kind: 'blocked-key', keyHash: digestKey(keyHash).toString('hex') });
    }
    for (const authority of authorities) {
      const change = readChange(tables, authority, subject);
      if (change !== undefined) items.push({ kind: 'revocation', authority, change: { ...change, der: Buffer.from(change.der) } });
      if (authority === subject) items.push(standingOf(tables, authority));
    }
    tokens.add(subject);
    add(apiKeyItem(tables, subject));
    if (isBlocked(tables, subject)) items.push({ kind: 'blocked-key', keyHash: digestKey(subject).toString('hex') });
  }
  for (const id of tokens) add(tokenItem(tables, id));
  if (entries.some(({ event }) => event === 'token.created' || event === 'api-key.created')) {
    for (const { key, value } of tables.claims.getRange({})) {
      const claim = claimItem(key, value);
      if (claim.kind === 'claim' && subjects.has(claim.target)) items.push(claim);
    }
  }
  return items;
}
