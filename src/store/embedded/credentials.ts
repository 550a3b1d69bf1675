import type { AuditDraft } from '../../audit/entry.ts';
import type { Claim, Page, PageQuery } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import { claimKey, putClaim, standingClaim } from './claims.ts';
import type { ClaimKind } from './claims.ts';
import type { Environment, Reads } from './environment.ts';
import { ENDS, NOTHING, ORDINAL_BYTES, credentialKey, credentialPlaceKey, endKey, ordinal, readOrdinal } from './keys.ts';
import { listPage } from './listing.ts';

/** What enrolment tokens and API keys have in common. */
export interface Credential {
  readonly id: string;
  readonly createdAt: number;
  readonly revokedAt?: number;
}

export interface Kind<T> {
  readonly table: 'tokens' | 'apiKeys';
  readonly claims: ClaimKind;
  /** When it expires (milliseconds), if it does; its record is removed some time after. */
  readonly endOf?: (record: T) => number;
}

/** A credential as stored; `used` counts the certificates that a token has yielded. */
export interface StoredCredential<T> {
  readonly place: number;
  readonly used: number;
  readonly record: T;
}

type CreateOutcome<T> = { readonly outcome: 'stored' } | { readonly outcome: 'exists'; readonly record: T } | { readonly outcome: 'conflict' };

export interface Credentials<T> {
  create(record: T, claim: Claim | undefined, audit: readonly AuditDraft[], now: number): Promise<CreateOutcome<T>>;
  get(id: string): Promise<T | undefined>;
  list(page: PageQuery): Promise<Page<T>>;
  revoke(id: string, at: number, audit: readonly AuditDraft[]): Promise<T | undefined>;
}

const PREFIX = ORDINAL_BYTES + 4;

function encodeCredential<T>({ place, used, record }: StoredCredential<T>): Buffer {
  const count = Buffer.allocUnsafe(4);
  count.writeUInt32BE(used);
  return Buffer.concat([ordinal(place), count, Buffer.from(JSON.stringify(record))]);
}

export function decodeCredential<T>(bytes: Buffer): StoredCredential<T> {
  return { place: readOrdinal(bytes), used: bytes.readUInt32BE(ORDINAL_BYTES), record: JSON.parse(bytes.toString('utf8', PREFIX)) as T };
}

/** A credential used in call after call mostly has the same octets as the last time, and is not decoded again. */
function decodingOnce<T>(): (bytes: Buffer) => StoredCredential<T> {
  let last: { readonly bytes: Buffer; readonly stored: StoredCredential<T> } | undefined;
  return (bytes) => {
    if (last === undefined || !last.bytes.equals(bytes)) last = { bytes, stored: decodeCredential<T>(bytes) };
    return last.stored;
  };
}

export function readCredential<T>(tables: Reads, { table }: Kind<T>, id: string): StoredCredential<T> | undefined {
  const bytes = tables[table].getBinary(credentialKey(id));
  return bytes === undefined ? undefined : decodeCredential<T>(bytes);
}

export const writeCredential = <T extends Credential>(transaction: Transaction, { table }: Kind<T>, stored: StoredCredential<T>): void =>
  transaction.put(table, credentialKey(stored.record.id), encodeCredential(stored));

function writeNew<T extends Credential>(transaction: Transaction, kind: Kind<T>, { used, record }: Omit<StoredCredential<T>, 'place'>): void {
  const place = transaction.place();
  writeCredential(transaction, kind, { place, used, record });
  if (kind.endOf !== undefined) transaction.put('ends', endKey(ENDS.token, kind.endOf(record), credentialKey(record.id)), NOTHING);
  transaction.put(kind.table, credentialPlaceKey(place), Buffer.from(JSON.stringify(record.id)));
}

function rewrite<T extends Credential>(transaction: Transaction, kind: Kind<T>, stored: StoredCredential<T>, before: StoredCredential<T>): void {
  writeCredential(transaction, kind, stored);
  if (kind.endOf === undefined) return;
  const id = credentialKey(stored.record.id);
  transaction.remove('ends', endKey(ENDS.token, kind.endOf(before.record), id));
  transaction.put('ends', endKey(ENDS.token, kind.endOf(stored.record), id), NOTHING);
}

/** Loads a credential from elsewhere, as a new one or replacing the present one. */
export const loadCredential = <T extends Credential>(
  transaction: Transaction, kind: Kind<T>, loaded: Omit<StoredCredential<T>, 'place'>, before: StoredCredential<T> | undefined,
): void => (before === undefined ? writeNew(transaction, kind, loaded) : rewrite(transaction, kind, { ...loaded, place: before.place }, before));

/** Credentials of one kind. `shown` produces the record that callers see. */
export function credentials<T extends Credential>(
  environment: Environment, batches: Batches, kind: Kind<T>, shown: (stored: StoredCredential<T>) => T = ({ record }) => record,
): Credentials<T> {
  const read = (tables: Reads, id: string): StoredCredential<T> | undefined => readCredential<T>(tables, kind, id);
  const decode = decodingOnce<T>();

  return {
    create: (record, claim, audit, now) => batches.submit((transaction): CreateOutcome<T> => {
      const { tables } = transaction;
      const key = claim === undefined ? undefined : claimKey(kind.claims, claim.key);
      const standing = key === undefined ? undefined : standingClaim(tables, key, now);
      const first = standing === undefined ? undefined : read(tables, standing.target);
      if (standing !== undefined && first !== undefined) {
        return standing.fingerprint === claim?.fingerprint ? { outcome: 'exists', record: shown(first) } : { outcome: 'conflict' };
      }
      if (read(tables, record.id) !== undefined) throw new Error('the identifier of a new credential is taken');
      writeNew(transaction, kind, { used: 0, record });
      if (claim !== undefined && key !== undefined) putClaim(transaction, key, claim, record.id);
      transaction.audit(audit);
      return { outcome: 'stored' };
    }),

    get: (id) => environment.read((tables) => {
      const bytes = tables[kind.table].getBinary(credentialKey(id));
      return bytes === undefined ? undefined : shown(decode(bytes));
    }),

    list: (page) => listPage(environment, kind.table, page, function* (tables, below, limit) {
      const range = { start: credentialPlaceKey(below - 1), end: credentialPlaceKey(0), reverse: true, limit };
      for (const { key, value } of tables[kind.table].getRange(range)) {
        const stored = read(tables, JSON.parse(value.toString()) as string);
        yield { place: readOrdinal(key, 1), item: stored === undefined ? undefined : shown(stored) };
      }
    }),

    revoke: (id, at, audit) => batches.submit((transaction) => {
      const stored = read(transaction.tables, id);
      if (stored === undefined) return undefined;
      // The time of the first revocation is kept, and only the first is audited.
      if (stored.record.revokedAt !== undefined) return shown(stored);
      const revoked = { ...stored, record: { ...stored.record, revokedAt: at } };
      rewrite(transaction, kind, revoked, stored);
      transaction.audit(audit);
      return shown(revoked);
    }),
  };
}
