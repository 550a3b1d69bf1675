import { hash } from 'node:crypto';
import { canonicalJson, hashOf } from '../../audit/chain.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { forwardApiKey, forwardObject, forwardRecord, forwardToken } from '../forward.ts';
import { name } from '../name.ts';
import { widen } from '../shard-generation.ts';
import { StoreUnavailable } from '../store.ts';
import type { AuditStore } from '../store.ts';
import { BrokenLog } from '../transfer.ts';
import type { LoadCounts, PortableItem, PortableKind, PortableMark } from '../transfer.ts';
import { decodeApiKey, decodeToken, encodeClaim, encodeCredential } from './credentials.ts';
import { loadDocument } from './crls.ts';
import { encodeSequence } from '../crl-head.ts';
import { sequenceField } from './documents.ts';
import { readStanding } from './dump.ts';
import { auditLines } from './engine.ts';
import type { Engine } from './engine.ts';
import { encodeChange } from './feed.ts';
import { CRL_FIELDS, KEYS, idOctets, quotaField } from './keys.ts';
import type { Reply } from './link/link.ts';
import { LAST } from './marks.ts';
import type { Mark } from './marks.ts';
import { encodeItem, objectItem } from './objects.ts';
import { decodeStored, encodeStored } from './stored-record.ts';

type Outcome = keyof LoadCounts;
type Item<K extends PortableKind> = Extract<PortableItem, { readonly kind: K }>;

/** Attempts while another writer interferes. Loading is meant for times when there is none. */
const TRIES = 10;

/** How to merge each kind of item; see `TransferStore.load`. */
const LOADERS: { readonly [K in PortableKind]: (engine: Engine, item: Item<K>) => Promise<Outcome> } = {
  request: loadRequest,
  token: (engine, { token }) => loadCredential(engine, 't', KEYS.token, token, decodeToken, forwardToken),
  'api-key': (engine, { key }) => loadCredential(engine, 'k', KEYS.apiKey, key, decodeApiKey, forwardApiKey),
  claim: async (engine, { name: of, target, ...claim }) =>
    outcomeOf(await engine.submit('load-claim', Buffer.from(of, 'hex'), claim.expires, encodeClaim(claim, name(target)))),
  quota: async (engine, { name: of, window, end, count }) => outcomeOf(await engine.submit('load-quota', end, quotaField(Buffer.from(of, 'hex'), window), count)),
  'blocked-key': async (engine, { keyHash }) => outcomeOf(await engine.submit('load-block', Buffer.from(keyHash, 'hex'))),
  revocation: loadRevocation,
  crl: async (engine, { authority, document, crl }) => loadDocument(engine, authority, document, crl),
  authority: loadAuthority,
  object: loadObject,
};

/** Loads one item. */
export const loadItem = (engine: Engine, item: PortableItem): Promise<Outcome> =>
  (LOADERS[item.kind] as (engine: Engine, item: PortableItem) => Promise<Outcome>)(engine, item);

const outcomeOf = (reply: Reply): Outcome => (reply === 0 ? 'added' : reply === 1 ? 'advanced' : 'kept');

const seen = (value: Buffer | undefined): string => (value === undefined ? '' : hash('sha1', value, 'hex'));

async function again(attempt: () => Promise<Outcome | undefined>): Promise<Outcome> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const outcome = await attempt();
    if (outcome !== undefined) return outcome;
  }
  throw new StoreUnavailable('somebody else writes what is being loaded');
}

/** Usually the request is new, so that is tried first. */
function loadRequest(engine: Engine, { record, marks }: Item<'request'>): Promise<Outcome> {
  let looked = false;
  return again(async () => {
    const id = octetsOf(record.id);
    const value = looked ? await engine.get(engine.keys.record(id)) : undefined;
    looked = true;
    const before = value === undefined ? undefined : decodeStored(value);
    const next = before === undefined ? record : forwardRecord(before.record, record);
    const present = before?.marks ?? [];
    const more = marks.map(markOf).filter((mark) => !present.some((one) => one.name.equals(mark.name)));
    if (before !== undefined && next === undefined && more.length === 0) return 'kept';
    return await writeRecord(engine, id, seen(value), next ?? before?.record ?? record, [...present, ...more]) ? before === undefined ? 'added' : 'advanced' : undefined;
  });
}

async function writeRecord(engine: Engine, id: Buffer, before: string, record: RequestRecord, marks: readonly Mark[]): Promise<boolean> {
  const { value, end } = encodeStored(record, marks);
  return await engine.submit('load', id, before, { bulk: value }, end) === 0;
}

/** A token use is distinguished from a claim by lasting as long as the token. */
const markOf = ({ name: of, ...rest }: PortableMark): Mark => ({ name: Buffer.from(of, 'hex'), ...rest, use: rest.expires >= LAST && !rest.livesWithRequest });

function loadCredential<T extends { readonly id: string }>(
  engine: Engine, letter: 't' | 'k', key: string, record: T, decode: (value: Buffer) => T, forward: (present: T, other: T) => T | undefined,
): Promise<Outcome> {
  return again(async () => {
    const of = name(record.id);
    const value = await engine.get(engine.keys.of(key, of));
    const next = value === undefined ? record : forward(decode(value), record);
    if (next === undefined) return 'kept';
    const stored = await engine.submit('load-credential', letter, of, seen(value), encodeCredential(next)) === 0;
    return stored ? value === undefined ? 'added' : 'advanced' : undefined;
  });
}

function loadObject(engine: Engine, item: Item<'object'>): Promise<Outcome> {
  return again(async () => {
    const { key } = encodeItem(item);
    const value = await engine.get(engine.keys.of(KEYS.object, key));
    const next = value === undefined ? item.object : forwardObject(objectItem(value).object, item.object);
    if (next === undefined) return 'kept';
    const stored = await engine.submit('load-object', key, seen(value), encodeItem({ ...item, object: next }).value) === 0;
    return stored ? value === undefined ? 'added' : 'advanced' : undefined;
  });
}

/** Loads the change, and the record, which follows the latest change of its serial. */
async function loadRevocation(engine: Engine, { authority, change }: Item<'revocation'>): Promise<Outcome> {
  const id = octetsOf(change.serial);
  const reply = await engine.submit('load-change', name(authority), id, change.revision, encodeChange(change));
  if (reply === 3) return 'kept';
  const followed = await again(async () => {
    const value = await engine.get(engine.keys.record(id));
    const before = value === undefined ? undefined : decodeStored(value);
    const record = before === undefined ? undefined : following(before.record, change);
    if (before === undefined || record === undefined) return 'kept';
    return await writeRecord(engine, id, seen(value), record, before.marks) ? 'advanced' : undefined;
  });
  return reply === 2 ? followed : outcomeOf(reply);
}

function following(record: RequestRecord, { reason, at }: Item<'revocation'>['change']): RequestRecord | undefined {
  const { revocation, ...rest } = record;
  if (record.state !== 'issued') return undefined;
  if (reason === 'removeFromCRL') return revocation?.reason === 'certificateHold' ? rest : undefined;
  return revocation?.reason === reason && revocation.at === at ? undefined : { ...rest, revocation: { at, reason } };
}

async function loadAuthority(engine: Engine, { authority, revision, floor, sequences, shards }: Item<'authority'>): Promise<Outcome> {
  const present = await readStanding(engine, authority);
  const fields: (Buffer | string)[] = [];
  for (const { document, ...sequence } of sequences) {
    const last = present.sequences.find((one) => one.document === document);
    const next = last === undefined ? sequence : {
      number: sequence.number > last.number ? sequence.number : last.number,
      thisUpdate: Math.max(sequence.thisUpdate, last.thisUpdate), revision: Math.max(sequence.revision, last.revision),
    };
    if (last === undefined || next.number !== last.number || next.thisUpdate !== last.thisUpdate || next.revision !== last.revision) {
      fields.push(sequenceField(document), encodeSequence(document, next));
    }
  }
  for (const generation of shards) {
    const next = widen(present.shards.find(({ count }) => count === generation.count), generation);
    if (next !== undefined) fields.push(CRL_FIELDS.shards + String(next.count), JSON.stringify(next));
  }
  if (fields.length === 0 && revision <= present.revision && floor <= present.floor) return 'kept';
  await engine.submit('load-standing', name(authority), revision, floor, fields);
  return 'advanced';
}

/** Appends lines of another log unchanged. @returns how many were not here yet @throws BrokenLog */
export async function loadEntries(engine: Engine, log: AuditStore, entries: readonly AuditEntry[]): Promise<number> {
  const [first] = entries;
  if (first === undefined) return 0;
  const head = await log.head();
  const known = entries.filter(({ sequence }) => sequence <= head.sequence);
  const here = known.length === 0 ? [] : await log.list({ after: first.sequence - 1, limit: known.length });
  for (const [at, entry] of known.entries()) {
    const standing = here[at];
    if (standing === undefined || canonicalJson(standing) !== canonicalJson(entry)) throw new BrokenLog(`line ${entry.sequence} is different here`);
  }
  let last: { readonly sequence: number; readonly hash: string } = head;
  const more = entries.slice(known.length);
  for (const entry of more) {
    if (entry.sequence !== last.sequence + 1 || entry.previous !== last.hash || hashOf(entry) !== entry.hash) {
      throw new BrokenLog(`line ${entry.sequence} does not follow line ${last.sequence} as it is here`);
    }
    last = entry;
  }
  if (more.length > 0 && await engine.submit('load-lines', head.sequence, auditLines(more)) !== 0) throw new BrokenLog('somebody else has written lines in the meantime');
  return more.length;
}

/** @throws TypeError */
function octetsOf(serial: string): Buffer {
  const octets = idOctets(serial);
  if (octets === undefined) throw new TypeError('a serial is lower-case hex of at most 20 octets');
  return octets;
}
