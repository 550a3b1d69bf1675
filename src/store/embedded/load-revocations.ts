import type { RequestRecord } from '../../issuance/request.ts';
import { widen } from '../shard-generation.ts';
import type { CrlBase, CrlDocument, ShardGeneration } from '../crl-store.ts';
import type { LoadCounts, PortableAuthority, PortableItem } from '../transfer.ts';
import type { Transaction } from './batch-transaction.ts';
import { PIECE, newPieces, putHead, putPieces, putSequence, readSequence, readStored as readDocument } from './documents.ts';
import { changeAt, putChangeAt, putStanding, readChange, readStanding } from './feed.ts';
import type { Reads } from './environment.ts';
import { CRL_PARTS, behind, crlKey, idKey, ordinal } from './keys.ts';
import { encode, readStored, rewriteRecord } from './requests.ts';

type Outcome = keyof LoadCounts;

/**
 * Loads a change at its place in the feed, unless a later one of the same serial is already there. The record follows the change, so that a
 * hold released since another copy was made is released here too.
 */
export function loadRevocation(transaction: Transaction, { authority, change }: Extract<PortableItem, { readonly kind: 'revocation' }>): Outcome {
  const { tables } = transaction;
  const id = idKey(change.serial);
  if (id === undefined) throw new TypeError('a serial is lower-case hex of at most 20 octets');
  const before = readChange(tables, authority, change.serial);
  if (before !== undefined && before.revision > change.revision) return 'kept';
  const stored = readStored(tables, change.serial);
  const record = stored === undefined ? undefined : following(stored.record, change);
  if (stored !== undefined && record !== undefined) rewriteRecord(transaction, record, encode(record), stored);
  if (before?.revision === change.revision) return record === undefined ? 'kept' : 'advanced';
  const standing = readStanding(tables, authority);
  const taken = changeAt(tables, authority, change.revision);
  const revision = taken ? standing.revision + 1 : change.revision;
  putChangeAt(transaction, authority, id, revision, change, before?.revision);
  putStanding(transaction, authority, { ...standing, revision: Math.max(standing.revision, revision) });
  return before === undefined ? 'added' : 'advanced';
}

function following(record: RequestRecord, { reason, at }: { readonly reason: NonNullable<RequestRecord['revocation']>['reason']; readonly at: number }): RequestRecord | undefined {
  const { revocation, ...rest } = record;
  if (record.state !== 'issued') return undefined;
  if (reason === 'removeFromCRL') return revocation?.reason === 'certificateHold' ? rest : undefined;
  return revocation?.reason === reason && revocation.at === at ? undefined : { ...rest, revocation: { at, reason } };
}

/** Loads a document, unless one with the same or a higher number is there. */
export function loadDocument(transaction: Transaction, { authority, document, crl }: Extract<PortableItem, { readonly kind: 'crl' }>): Outcome {
  const { tables } = transaction;
  const before = readDocument(tables, authority, document)?.head;
  if (before !== undefined && before.number >= crl.number) return 'kept';
  const pieces = newPieces(authority, document, crl.number);
  putPieces(transaction, pieces, crl.der, 0, Math.ceil(crl.der.length / PIECE));
  putHead(transaction, pieces, crl);
  raiseSequence(transaction, authority, document, crl);
  const standing = readStanding(tables, authority);
  putStanding(transaction, authority, { ...standing, publications: standing.publications + 1 });
  return before === undefined ? 'added' : 'advanced';
}

export function loadAuthority(transaction: Transaction, { authority, revision, floor, sequences, shards }: PortableAuthority): Outcome {
  const { tables } = transaction;
  const standing = readStanding(tables, authority);
  let advanced = false;
  if (revision > standing.revision || floor > standing.floor) {
    putStanding(transaction, authority, { ...standing, revision: Math.max(revision, standing.revision), floor: Math.max(floor, standing.floor) });
    advanced = true;
  }
  for (const { document, ...sequence } of sequences) advanced = raiseSequence(transaction, authority, document, sequence) || advanced;
  const present = new Map(shardsOf(tables, authority).map((generation) => [generation.count, generation]));
  for (const generation of shards) {
    const next = widen(present.get(generation.count), generation);
    if (next === undefined) continue;
    transaction.put('crls', crlKey(authority, CRL_PARTS.shards, ordinal(generation.count)), Buffer.from(JSON.stringify(next)));
    advanced = true;
  }
  return advanced ? 'advanced' : 'kept';
}

function raiseSequence(transaction: Transaction, authority: string, document: CrlDocument, { number, thisUpdate, revision }: CrlBase): boolean {
  const last = readSequence(transaction.tables, authority, document);
  const next = {
    number: number > last.number ? number : last.number, thisUpdate: Math.max(thisUpdate, last.thisUpdate), revision: Math.max(revision, last.revision),
  };
  if (next.number === last.number && next.thisUpdate === last.thisUpdate && next.revision === last.revision) return false;
  putSequence(transaction, authority, document, next);
  return true;
}

export function shardsOf(tables: Reads, authority: string): ShardGeneration[] {
  const start = crlKey(authority, CRL_PARTS.shards);
  return Array.from(tables.crls.getRange({ start, end: behind(start) }), ({ value }) => JSON.parse(value.toString()) as ShardGeneration);
}
