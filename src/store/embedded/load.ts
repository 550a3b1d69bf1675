import { canonicalJson, hashOf } from '../../audit/chain.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import type { RequestRecord } from '../../issuance/request.ts';
import { forwardApiKey, forwardRecord, forwardToken } from '../forward.ts';
import { BrokenLog } from '../transfer.ts';
import type { LoadCounts, PortableItem, PortableKind, PortableMark } from '../transfer.ts';
import { linesFrom } from './audit.ts';
import type { Transaction } from './batch-transaction.ts';
import { encodeEntry, entryMarks } from './catalogue.ts';
import { decodeClaim, putClaim } from './claims.ts';
import { loadAuthority, loadDocument, loadRevocation } from './load-revocations.ts';
import { NOTHING, ordinal } from './keys.ts';
import { decodeMarks, encodeMarks } from './marks.ts';
import type { Mark } from './marks.ts';
import { loadObject } from './objects.ts';
import { encode, readStored, writeRecord } from './requests.ts';
import { loadApiKey, loadToken, readApiKey, readToken, showToken } from './tokens.ts';

type Outcome = keyof LoadCounts;
type Item<K extends PortableKind> = Extract<PortableItem, { readonly kind: K }>;

/** How to merge each kind of item; see `TransferStore.load`. */
const LOADERS: { readonly [K in PortableKind]: (transaction: Transaction, item: Item<K>) => Outcome } = {
  request: loadRequest,
  token: (transaction, { token }) => {
    const before = readToken(transaction.tables, token.id);
    const next = before === undefined ? token : forwardToken(showToken(before), token);
    if (next !== undefined) loadToken(transaction, next, before);
    return outcomeOf(before, next);
  },
  'api-key': (transaction, { key }) => {
    const before = readApiKey(transaction.tables, key.id);
    const next = before === undefined ? key : forwardApiKey(before.record, key);
    if (next !== undefined) loadApiKey(transaction, next, before);
    return outcomeOf(before, next);
  },
  claim: (transaction, { name, target, ...claim }) => {
    const key = Buffer.from(name, 'hex');
    const before = transaction.tables.claims.getBinary(key);
    if (before !== undefined && decodeClaim(before).expires >= claim.expires) return 'kept';
    putClaim(transaction, key, { key: '', ...claim }, target);
    return before === undefined ? 'added' : 'advanced';
  },
  quota: (transaction, { name, window, end, count }) => {
    const key = Buffer.concat([ordinal(end), ordinal(window), Buffer.from(name, 'hex')]);
    const before = transaction.tables.quotas.getBinary(key)?.readUInt32BE(0);
    if (before !== undefined && before >= count) return 'kept';
    const value = Buffer.allocUnsafe(4);
    value.writeUInt32BE(count);
    transaction.put('quotas', key, value);
    return before === undefined ? 'added' : 'advanced';
  },
  'blocked-key': (transaction, { keyHash }) => {
    const key = Buffer.from(keyHash, 'hex');
    if (transaction.tables.blocked.doesExist(key)) return 'kept';
    transaction.put('blocked', key, NOTHING);
    return 'added';
  },
  revocation: loadRevocation,
  crl: loadDocument,
  authority: loadAuthority,
  object: loadObject,
};

/** Loads one item. */
export const loadItem = (transaction: Transaction, item: PortableItem): Outcome =>
  (LOADERS[item.kind] as (transaction: Transaction, item: PortableItem) => Outcome)(transaction, item);

const outcomeOf = (before: unknown, next: unknown): Outcome => (before === undefined ? 'added' : next === undefined ? 'kept' : 'advanced');

function loadRequest(transaction: Transaction, { record, marks }: Item<'request'>): Outcome {
  const before = readStored(transaction.tables, record.id);
  if (before === undefined) {
    const place = transaction.place();
    write(transaction, record, marks.map(markOf), place);
    return 'added';
  }
  const next = forwardRecord(before.record, record);
  const entry = transaction.tables.catalogue.getBinary(ordinal(before.place));
  const present = entry === undefined ? [] : Array.from(decodeMarks(entryMarks(entry)));
  const more = marks.map(markOf).filter(({ name }) => !present.some((one) => one.name.equals(name)));
  if (next === undefined && more.length === 0) return 'kept';
  write(transaction, next ?? before.record, [...present, ...more], before.place, before.record);
  return 'advanced';
}

const markOf = ({ name, ...rest }: PortableMark): Mark => ({ name: Buffer.from(name, 'hex'), ...rest });

function write(transaction: Transaction, record: RequestRecord, marks: readonly Mark[], place: number, before?: RequestRecord): void {
  const { state, end } = before === undefined ? { state: undefined, end: undefined } : encode(before);
  writeRecord(transaction, encode(record), encodeEntry(record, encodeMarks(marks)), place, ...(state === undefined ? [] : [{ state, end }]));
  transaction.mark(marks, place);
}

/** Appends lines of another log unchanged. @returns how many were not here yet @throws BrokenLog */
export function loadEntries(transaction: Transaction, entries: readonly AuditEntry[]): number {
  const { head, tables } = transaction;
  const [first] = entries;
  if (first === undefined) return 0;
  const known = entries.filter(({ sequence }) => sequence <= head.sequence);
  const here = known.length === 0 ? [] : linesFrom(tables, first.sequence, known.length);
  for (const [at, entry] of known.entries()) {
    if (here[at] !== canonicalJson(entry)) throw new BrokenLog(`line ${entry.sequence} is different here`);
  }
  let last = head;
  const more = entries.slice(known.length);
  for (const entry of more) {
    if (entry.sequence !== last.sequence + 1 || entry.previous !== last.hash || hashOf(entry) !== entry.hash) {
      throw new BrokenLog(`line ${entry.sequence} does not follow line ${last.sequence} as it is here`);
    }
    last = entry;
  }
  // The same content after the same line results in the same line again.
  transaction.audit(more);
  return more.length;
}
