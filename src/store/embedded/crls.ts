import { followsOn, type StoredHead } from '../crl-head.ts';
import { setImmediate } from 'node:timers/promises';
import type { AuditDraft } from '../../audit/entry.ts';
import { revise } from '../revise.ts';
import { widen } from '../shard-generation.ts';
import type { AddOutcome, CrlDocument, CrlStore, PublishedCrl, RevocationChange, ShardGeneration } from '../crl-store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Batches } from './batch.ts';
import {
  PIECE, newPieces, pieceKey, piecesOf, putHead, putPieces, putSequence, readAllStored, readSequence, readStored, removeHead, stalePieces,
} from './documents.ts';
import type { Pieces } from './documents.ts';
import type { Environment } from './environment.ts';
import { putChange, putStanding, readChange, readChanges, readStanding, removeChange } from './feed.ts';
import type { Hints } from './hints.ts';
import { CRL_PARTS, behind, crlKey, idKey, ordinal } from './keys.ts';

/** Pieces written, read or removed at a time (1 MiB), after which the event loop serves others. */
const SLICE = 16;
/** Serials dropped at a time. */
const DROP_SLICE = 500;
/** Approximate number of changes per page of the file. */
const CHANGES_A_PAGE = 50;
/** Attempts to read a document's bytes while new publications interfere. */
const TRIES = 20;

/** Revocations and their documents, per authority. */
export function crlStore(environment: Environment, batches: Batches, hints: Hints): CrlStore {
  return {
    standing: (authority) => environment.read((tables) => {
      const { revision, publications } = readStanding(tables, authority);
      return { revision, publications };
    }),
    changes: (authority, after, limit) => environment.read((tables) => readChanges(tables, authority, after, limit), 1 + limit / CHANGES_A_PAGE),
    change: (authority, serial) => environment.read((tables) => readChange(tables, authority, serial)),

    add: async (authority, { serial, notAfter }, revocation, entry, audit) => {
      const outcome = await batches.submit((transaction): AddOutcome => {
        const id = idKey(serial);
        if (id === undefined) throw new TypeError('a serial is lower-case hex of at most 20 octets');
        const before = readChange(transaction.tables, authority, serial);
        const effective = revise(before?.reason === 'removeFromCRL' ? undefined : before, revocation);
        if (before !== undefined && effective === undefined) return { outcome: 'already-revoked', change: before };
        const { at, reason } = effective ?? revocation;
        const change = putChange(transaction, authority, id, { at, reason, notAfter, der: entry(at) });
        transaction.audit(audit);
        return { outcome: 'revoked', change };
      });
      if (outcome.outcome === 'revoked') hints.give(authority);
      return outcome;
    },

    drop: async (authority, serials) => {
      let dropped = 0;
      for (let from = 0; from < serials.length; from += DROP_SLICE) {
        dropped += await batches.submit((transaction) => drop(transaction, authority, serials.slice(from, from + DROP_SLICE)));
      }
      return dropped;
    },

    heads: (authority) => environment.read((tables) => new Map(readAllStored(tables, authority).map(({ document, head }) => [document, head]))),
    head: (authority, document) => environment.read((tables) => readStored(tables, authority, document)?.head),
    current: (authority, document) => current(environment, authority, document),
    lastNumber: (authority, document) => environment.read((tables) => readSequence(tables, authority, document).number),

    publish: async (authority, documents, audit) => {
      const outcome = await publish(environment, batches, authority, documents, audit);
      if (outcome === 'stored') hints.give(authority);
      return outcome;
    },
    retire: async (authority, documents, audit) => {
      await batches.submit((transaction) => {
        const there = documents.filter((document) => readStored(transaction.tables, authority, document) !== undefined);
        if (there.length === 0) return;
        for (const document of there) removeHead(transaction, authority, document);
        countPublication(transaction, authority);
        transaction.audit(audit);
      });
      for (const document of documents) await removeStale(environment, batches, authority, document);
      hints.give(authority);
    },

    shardGenerations: (authority) => environment.read((tables) => {
      const start = crlKey(authority, CRL_PARTS.shards);
      return Array.from(tables.crls.getRange({ start, end: behind(start) }), ({ value }) => decodeGeneration(value));
    }),
    keepShards: (authority, generation) => batches.submit((transaction) => {
      const key = crlKey(authority, CRL_PARTS.shards, ordinal(generation.count));
      const before = transaction.tables.crls.getBinary(key);
      const next = widen(before === undefined ? undefined : decodeGeneration(before), generation);
      if (next !== undefined) transaction.put('crls', key, Buffer.from(JSON.stringify(next)));
    }),
    forgetShards: (authority, count, now) => batches.submit((transaction) => {
      const key = crlKey(authority, CRL_PARTS.shards, ordinal(count));
      const generation = transaction.tables.crls.getBinary(key);
      if (generation !== undefined && decodeGeneration(generation).until < now) transaction.remove('crls', key);
    }),
    onHint: (listener) => hints.listen(listener),
  };
}

const decodeGeneration = (value: Buffer): ShardGeneration => JSON.parse(value.toString()) as ShardGeneration;

/** A document with its bytes, read in slices; starts over if the document is replaced meanwhile. */
async function current(environment: Environment, authority: string, document: CrlDocument): Promise<PublishedCrl | undefined> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const stored = await environment.read((tables) => readStored(tables, authority, document));
    if (stored === undefined) return undefined;
    const der = await readDer(environment, piecesOf(authority, stored), stored);
    if (der !== undefined) return { ...stored.head, der };
  }
  throw new Error(`the CRL ${document} of ${authority} was replaced ${TRIES} times while it was read`);
}

async function readDer(environment: Environment, pieces: Pieces, { size }: StoredHead): Promise<Uint8Array | undefined> {
  const der = Buffer.allocUnsafeSlow(size);
  const count = Math.ceil(size / PIECE);
  for (let from = 0; from < count; from += SLICE) {
    if (from > 0) await setImmediate();
    const to = Math.min(from + SLICE, count);
    const read = await environment.read((tables) => {
      for (let at = from; at < to; at += 1) {
        const piece = tables.crls.getBinary(pieceKey(pieces, at));
        if (piece === undefined) return false;
        piece.copy(der, at * PIECE);
      }
      return true;
    }, (to - from) * (PIECE / 8192));
    if (!read) return undefined;
  }
  return der;
}

/** Large documents are written ahead, in slices; the final step makes them current. */
async function publish(
  environment: Environment, batches: Batches, authority: string, documents: ReadonlyMap<CrlDocument, PublishedCrl>, audit: readonly AuditDraft[],
): Promise<'stored' | 'superseded'> {
  if (!await environment.read((tables) => followsOn(documents, (document) => readSequence(tables, authority, document)))) return 'superseded';
  const written = Array.from(documents, ([document, crl]) => ({ document, crl, pieces: newPieces(authority, document, crl.number), ahead: crl.der.length > SLICE * PIECE }));
  for (const { crl: { der }, pieces, ahead } of written) {
    for (let at = 0; ahead && at * PIECE < der.length; at += SLICE) {
      await batches.submit((transaction) => putPieces(transaction, pieces, der, at, at + SLICE));
    }
  }
  const stored = await batches.submit((transaction) => {
    if (!followsOn(documents, (document) => readSequence(transaction.tables, authority, document))) return false;
    for (const { document, crl, pieces, ahead } of written) {
      removePieces(transaction, authority, document);
      if (!ahead) putPieces(transaction, pieces, crl.der, 0, SLICE);
      putHead(transaction, pieces, crl);
      putSequence(transaction, authority, document, crl);
    }
    countPublication(transaction, authority);
    transaction.audit(audit);
    return true;
  });
  for (const { document } of written) await removeStale(environment, batches, authority, document);
  return stored ? 'stored' : 'superseded';
}

/** Removes the bytes of a small current document, as part of the step that replaces it. */
function removePieces(transaction: Transaction, authority: string, document: CrlDocument): void {
  const before = readStored(transaction.tables, authority, document);
  if (before === undefined || before.size > SLICE * PIECE) return;
  for (let at = 0; at * PIECE < before.size; at += 1) transaction.remove('crls', pieceKey(piecesOf(authority, before), at));
}

/** Removes the bytes of documents that are not current any more, including those left behind by a publisher that died. */
async function removeStale(environment: Environment, batches: Batches, authority: string, document: CrlDocument): Promise<void> {
  for (;;) {
    const keys = await environment.read((tables) => stalePieces(tables, authority, document, SLICE));
    if (keys.length === 0) return;
    await batches.submit((transaction) => {
      for (const key of keys) transaction.remove('crls', key);
    });
  }
}

function countPublication(transaction: Transaction, authority: string): void {
  const standing = readStanding(transaction.tables, authority);
  putStanding(transaction, authority, { ...standing, publications: standing.publications + 1 });
}

/** See `CrlStore.drop`. */
function drop(transaction: Transaction, authority: string, serials: readonly string[]): number {
  const { tables } = transaction;
  const stored = readAllStored(tables, authority);
  // A delta depends on nothing but its base, so only the bases count.
  const heads = stored.filter(({ document }) => document !== 'delta').map(({ head }) => head);
  const bases = stored.flatMap(({ head }) => head.bases ?? []);
  if (heads.length === 0) return 0;
  const oldest = { thisUpdate: Math.min(...heads.map(({ thisUpdate }) => thisUpdate)), revision: Math.min(...heads.map(({ revision }) => revision)) };
  const oldestBase = Math.min(...bases.map(({ revision }) => revision));
  const isDue = ({ revision, reason, notAfter }: RevocationChange): boolean =>
    revision <= oldest.revision && (reason === 'removeFromCRL' ? revision <= oldestBase : notAfter < oldest.thisUpdate);
  let dropped = 0;
  let { floor } = readStanding(tables, authority);
  for (const serial of new Set(serials)) {
    const change = readChange(tables, authority, serial);
    const id = idKey(serial);
    if (change === undefined || id === undefined || !isDue(change)) continue;
    removeChange(transaction, authority, id, change.revision);
    if (change.reason === 'removeFromCRL') floor = Math.max(floor, change.revision);
    dropped += 1;
  }
  if (dropped > 0) putStanding(transaction, authority, { ...readStanding(tables, authority), floor });
  return dropped;
}
