import { randomBytes } from 'node:crypto';
import { name } from '../name.ts';
import type { CrlBase, CrlDocument, CrlHead, PublishedCrl } from '../crl-store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Reads } from './environment.ts';
import { CRL_PARTS, behind, crlKey } from './keys.ts';

/** Octets of a CRL in one value: LMDB needs that much in one piece of the file. */
export const PIECE = 65_536;

const GENERATION_BYTES = 16;

/** A document's bytes as they lie in the files: its number and random octets keep those of two publishers apart. */
export interface Pieces {
  readonly authority: string;
  readonly document: string;
  readonly generation: Buffer;
}

export const newPieces = (authority: string, document: string, number: bigint): Pieces => {
  const generation = randomBytes(GENERATION_BYTES);
  generation.writeBigUInt64BE(BigInt.asUintN(64, number));
  return { authority, document, generation };
};

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

/** Keys of pieces that no head names and no publisher is writing: of other generations, up to the number that stands. */
export function stalePieces(tables: Reads, authority: string, document: string, most: number): Buffer[] {
  const prefix = crlKey(authority, CRL_PARTS.pieces, name(document));
  const next = Buffer.alloc(8);
  next.writeBigUInt64BE(BigInt.asUintN(64, readSequence(tables, authority, document).number + 1n));
  const end = Buffer.concat([prefix, next]);
  const head = readStored(tables, authority, document);
  const current = head === undefined ? end : Buffer.concat([prefix, head.generation]);
  const stale = Array.from(tables.crls.getKeys({ start: prefix, end: current, limit: most }));
  if (head !== undefined && stale.length < most) stale.push(...tables.crls.getKeys({ start: behind(current), end, limit: most - stale.length }));
  return stale;
}

/** A head as it is stored: its number as text, with where its bytes lie and how many they are. */
export interface StoredHead {
  readonly document: CrlDocument;
  readonly head: CrlHead;
  readonly generation: Buffer;
  readonly size: number;
}

interface BaseJson extends Omit<CrlBase, 'number'> {
  readonly number: string;
}

interface HeadJson extends Omit<CrlHead, 'number' | 'bases'> {
  readonly document: CrlDocument;
  readonly number: string;
  readonly bases?: readonly BaseJson[];
  readonly generation: string;
  readonly size: number;
}

export function putHead(transaction: Transaction, { authority, document, generation }: Pieces, { der, number, bases, ...rest }: PublishedCrl): void {
  const json = {
    document, ...rest, number: number.toString(),
    ...(bases === undefined ? {} : { bases: bases.map((base) => ({ ...base, number: base.number.toString() })) }),
    generation: generation.toString('hex'), size: der.length,
  };
  transaction.put('crls', crlKey(authority, CRL_PARTS.head, name(document)), Buffer.from(JSON.stringify(json)));
}

export function readStored(tables: Reads, authority: string, document: string): StoredHead | undefined {
  const bytes = tables.crls.getBinary(crlKey(authority, CRL_PARTS.head, name(document)));
  return bytes === undefined ? undefined : decodeHead(bytes);
}

export function readAllStored(tables: Reads, authority: string): StoredHead[] {
  const start = crlKey(authority, CRL_PARTS.head);
  return Array.from(tables.crls.getRange({ start, end: behind(start) }), ({ value }) => decodeHead(value));
}

function decodeHead(bytes: Buffer): StoredHead {
  const { document, generation, size, number, bases, ...rest } = JSON.parse(bytes.toString()) as HeadJson;
  const head = { ...rest, number: BigInt(number), ...(bases === undefined ? {} : { bases: bases.map((base) => ({ ...base, number: BigInt(base.number) })) }) };
  return { document, head, generation: Buffer.from(generation, 'hex'), size };
}

export const removeHead = (transaction: Transaction, authority: string, document: string): void => transaction.remove('crls', crlKey(authority, CRL_PARTS.head, name(document)));

/** Where a sequence of documents stands. It is there after they have been retired, too. */
export type Sequence = CrlBase;

const EMPTY: Sequence = { number: 0n, thisUpdate: 0, revision: 0 };

/** Full and delta have one scope, so one sequence (RFC 5280 5.2.3). */
const sequenceOf = (document: string): string => (document === 'delta' ? 'full' : document);

const sequenceKey = (authority: string, document: string): Buffer => crlKey(authority, CRL_PARTS.sequence, name(sequenceOf(document)));

export function readSequence(tables: Reads, authority: string, document: string): Sequence {
  const bytes = tables.crls.getBinary(sequenceKey(authority, document));
  if (bytes === undefined) return EMPTY;
  const { number, thisUpdate, revision } = JSON.parse(bytes.toString()) as BaseJson;
  return { number: BigInt(number), thisUpdate, revision };
}

export const putSequence = (transaction: Transaction, authority: string, document: string, { number, thisUpdate, revision }: Sequence): void =>
  transaction.put('crls', sequenceKey(authority, document), Buffer.from(JSON.stringify({ document: sequenceOf(document), number: number.toString(), thisUpdate, revision })));

/** Where every sequence stands, by the document that it is named for. */
export function readAllSequences(tables: Reads, authority: string): ({ readonly document: CrlDocument } & Sequence)[] {
  const start = crlKey(authority, CRL_PARTS.sequence);
  return Array.from(tables.crls.getRange({ start, end: behind(start) }), ({ value }) => {
    const { number, ...rest } = JSON.parse(value.toString()) as BaseJson & { readonly document: CrlDocument };
    return { ...rest, number: BigInt(number) };
  });
}

/** Whether these documents come next, each in its sequence. */
export function followsOn(tables: Reads, authority: string, documents: ReadonlyMap<string, PublishedCrl>): boolean {
  const numbers = new Map<string, bigint>();
  for (const [document, { number, thisUpdate, revision }] of documents) {
    const last = readSequence(tables, authority, document);
    if (number !== last.number + 1n || thisUpdate < last.thisUpdate || revision < last.revision) return false;
    if ((numbers.get(sequenceOf(document)) ?? number) !== number) return false;
    numbers.set(sequenceOf(document), number);
  }
  return true;
}
