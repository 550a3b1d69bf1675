import { REASON_BY_CODE, REVOCATION_REASONS } from '../../x509/revocation-reason.ts';
import { name } from '../name.ts';
import type { RevocationChange, RevocationChanges } from '../crl-store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Reads } from './environment.ts';
import { CRL_PARTS, NAME_BYTES, ORDINAL_BYTES, behind, crlKey, feedKey, idKey, ordinal, readOrdinal, revokedKey } from './keys.ts';

/** State of an authority's feed and documents; `floor`: the highest revision of a release that was dropped from the feed. */
export interface Standing {
  readonly revision: number;
  readonly publications: number;
  readonly floor: number;
}

export function readStanding(tables: Reads, authority: string): Standing {
  const bytes = tables.crls.getBinary(crlKey(authority, CRL_PARTS.standing));
  if (bytes === undefined) return { revision: 0, publications: 0, floor: 0 };
  return { revision: readOrdinal(bytes), publications: readOrdinal(bytes, ORDINAL_BYTES), floor: readOrdinal(bytes, 2 * ORDINAL_BYTES) };
}

export const putStanding = (transaction: Transaction, authority: string, { revision, publications, floor }: Standing): void =>
  transaction.put('crls', crlKey(authority, CRL_PARTS.standing), Buffer.concat([ordinal(revision), ordinal(publications), ordinal(floor)]));

/**
 * The value of a change:
 *
 *     octets 0..5    at, seconds since the epoch
 *     octets 6..11   notAfter
 *     octet 12       reason code
 *     octet 13       length of the serial
 *     then           serial, and up to the end the CRL entry
 */
const REASON_AT = 2 * ORDINAL_BYTES;
const SERIAL_AT = REASON_AT + 2;

const encodeChange = (id: Buffer, { at, notAfter, reason, der }: Omit<RevocationChange, 'revision' | 'serial'>): Buffer =>
  Buffer.concat([ordinal(at), ordinal(notAfter), Buffer.of(REVOCATION_REASONS[reason], id.length), id, der]);

function decodeChange(revision: number, bytes: Buffer): RevocationChange {
  const end = SERIAL_AT + (bytes[REASON_AT + 1] ?? 0);
  const reason = REASON_BY_CODE.get(bytes[REASON_AT] ?? -1);
  if (reason === undefined) throw new Error(`revocation ${revision} has a reason that is not known`);
  return {
    revision, serial: bytes.toString('hex', SERIAL_AT, end), at: readOrdinal(bytes), notAfter: readOrdinal(bytes, ORDINAL_BYTES),
    reason, der: bytes.subarray(end),
  };
}

/** Records the latest change of a certificate, at the end of the authority's feed. */
export function putChange(transaction: Transaction, authority: string, id: Buffer, change: Omit<RevocationChange, 'revision' | 'serial'>): RevocationChange {
  const before = transaction.tables.revoked.getBinary(revokedKey(authority, id));
  if (before !== undefined) transaction.remove('feed', feedKey(authority, readOrdinal(before)));
  const standing = readStanding(transaction.tables, authority);
  const revision = standing.revision + 1;
  transaction.put('feed', feedKey(authority, revision), encodeChange(id, change));
  transaction.put('revoked', revokedKey(authority, id), ordinal(revision));
  putStanding(transaction, authority, { ...standing, revision });
  return { revision, serial: id.toString('hex'), ...change };
}

/** Inserts a change from another store at the position it had there. `before`: the certificate's present position. */
export function putChangeAt(transaction: Transaction, authority: string, id: Buffer, revision: number, change: Omit<RevocationChange, 'revision' | 'serial'>, before: number | undefined): void {
  if (before !== undefined) transaction.remove('feed', feedKey(authority, before));
  transaction.put('feed', feedKey(authority, revision), encodeChange(id, change));
  transaction.put('revoked', revokedKey(authority, id), ordinal(revision));
}

/** Whether there is a change at this position of the feed. */
export const changeAt = (tables: Reads, authority: string, revision: number): boolean => tables.feed.doesExist(feedKey(authority, revision));

/** Removes a change from the feed. */
export function removeChange(transaction: Transaction, authority: string, id: Buffer, revision: number): void {
  transaction.remove('feed', feedKey(authority, revision));
  transaction.remove('revoked', revokedKey(authority, id));
}

/** Whether the feed contains the certificate. */
export const isInFeed = (tables: Reads, authority: string, id: Buffer): boolean => tables.revoked.doesExist(revokedKey(authority, id));

export function readChange(tables: Reads, authority: string, serial: string): RevocationChange | undefined {
  const id = idKey(serial);
  const place = id === undefined ? undefined : tables.revoked.getBinary(revokedKey(authority, id));
  if (place === undefined) return undefined;
  const revision = readOrdinal(place);
  const value = tables.feed.getBinary(feedKey(authority, revision));
  return value === undefined ? undefined : decodeChange(revision, value);
}

export function readChanges(tables: Reads, authority: string, after: number, limit: number): RevocationChanges {
  const { revision, floor } = readStanding(tables, authority);
  if (after > revision || (after > 0 && after < floor)) return { revision, changes: [], restart: true };
  const range = { start: feedKey(authority, after + 1), end: behind(name(authority)), limit };
  return { revision, changes: Array.from(tables.feed.getRange(range), ({ key, value }) => decodeChange(readOrdinal(key, NAME_BYTES), value)), restart: false };
}
