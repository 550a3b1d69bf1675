import { randomBytes } from 'node:crypto';
import { name } from '../name.ts';
import { decodeHead, decodeNamedSequence, decodeSequence, encodeHead, encodeSequence, type Sequence, sequenceOf, type StoredHead } from '../crl-head.ts';
import type { CrlDocument, PublishedCrl } from '../crl-store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Reads } from './environment.ts';
import { CRL_PARTS, behind, crlKey } from './keys.ts';

/** Octets of a CRL in one value, for which LMDB needs contiguous space in the file. */
export const PIECE = 65_536;

const GENERATION_BYTES = 16;

/** Identifies a document's bytes in the files: its number and random octets separate those of concurrent publishers. */
export interface Pieces {
  readonly authority: string;
  readonly document: CrlDocument;
  readonly generation: Buffer;
}

export const newPieces = (authority: string, document: CrlDocument, number: bigint): Pieces => {
  const generation = randomBytes(GENERATION_BYTES);
  generation.writeBigUInt64BE(BigInt.asUintN(64, number));
  return { authority, document, generation };
};

/** The pieces that a head refers to. */
export const piecesOf = (authority: string, { document, generation }: StoredHead): Pieces => ({ authority, document, generation: Buffer.from(generation, 'hex') });

const piecesKey = ({ authority, document, generation }: Pieces, ...rest: readonly Buffer[]): Buffer => crlKey(authority, CRL_PARTS.pieces, name(document), generation, ...rest);

export function pieceKey(pieces: Pieces, at: number): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(at);
  return piecesKey(pieces, number);
}

export const putPieces = (transaction: Transaction, pieces: Pieces, der: Uint8Array, from: number, to: number): void => {
  for (let at = from; at * PIECE < Math.min(der.length, to * PIECE); at += 1) {
    const end = Math.min(der.length, (at + 1) * PIECE);
    transaction.put('crls', pieceKey(pieces, at), Buffer.from(der.buffer, der.byteOffset + at * PIECE, end - at * PIECE));
  }
};

/** Keys of pieces that no head refers to and no publisher is writing: of other generations, up to the current number. */
export function stalePieces(tables: Reads, authority: string, document: CrlDocument, most: number): Buffer[] {
  const prefix = crlKey(authority, CRL_PARTS.pieces, name(document));
  const next = Buffer.alloc(8);
  next.writeBigUInt64BE(BigInt.asUintN(64, readSequence(tables, authority, document).number + 1n));
  const end = Buffer.concat([prefix, next]);
  const head = readStored(tables, authority, document);
  const current = head === undefined ? end : Buffer.concat([prefix, Buffer.from(head.generation, 'hex')]);
  const stale = Array.from(tables.crls.getKeys({ start: prefix, end: current, limit: most }));
  if (head !== undefined && stale.length < most) stale.push(...tables.crls.getKeys({ start: behind(current), end, limit: most - stale.length }));
  return stale;
}

export const putHead = (transaction: Transaction, { authority, document, generation }: Pieces, crl: PublishedCrl): void =>
  transaction.put('crls', crlKey(authority, CRL_PARTS.head, name(document)), Buffer.from(encodeHead(document, crl, generation.toString('hex'))));

export function readStored(tables: Reads, authority: string, document: CrlDocument): StoredHead | undefined {
  const bytes = tables.crls.getBinary(crlKey(authority, CRL_PARTS.head, name(document)));
  return bytes === undefined ? undefined : decodeHead(bytes.toString());
}

export function readAllStored(tables: Reads, authority: string): StoredHead[] {
  const start = crlKey(authority, CRL_PARTS.head);
  return Array.from(tables.crls.getRange({ start, end: behind(start) }), ({ value }) => decodeHead(value.toString()));
}

export const removeHead = (transaction: Transaction, authority: string, document: CrlDocument): void => transaction.remove('crls', crlKey(authority, CRL_PARTS.head, name(document)));

const sequenceKey = (authority: string, document: CrlDocument): Buffer => crlKey(authority, CRL_PARTS.sequence, name(sequenceOf(document)));

export const readSequence = (tables: Reads, authority: string, document: CrlDocument): Sequence =>
  decodeSequence(tables.crls.getBinary(sequenceKey(authority, document))?.toString());

export const putSequence = (transaction: Transaction, authority: string, document: CrlDocument, sequence: Sequence): void =>
  transaction.put('crls', sequenceKey(authority, document), Buffer.from(encodeSequence(document, sequence)));

/** The state of every sequence, with the document that names it. */
export function readAllSequences(tables: Reads, authority: string): ({ readonly document: CrlDocument } & Sequence)[] {
  const start = crlKey(authority, CRL_PARTS.sequence);
  return Array.from(tables.crls.getRange({ start, end: behind(start) }), ({ value }) => decodeNamedSequence(value.toString()));
}
