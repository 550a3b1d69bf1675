import { randomBytes } from 'node:crypto';
import { name } from '../name.ts';
import type { CrlBase, CrlDocument, CrlHead, PublishedCrl } from '../crl-store.ts';
import { CRL_FIELDS, KEYS } from './keys.ts';
import type { Keyspace } from './keys.ts';

const GENERATION_BYTES = 16;

/** A head as it is stored: its number as text, with where its bytes are and how many. */
export interface StoredHead {
  readonly document: CrlDocument;
  readonly head: CrlHead;
  /** Random: two publishers write their bytes apart. */
  readonly generation: string;
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

/** As octets in the keys, and in the head for the scripts, one character for each. */
export const newGeneration = (): string => randomBytes(GENERATION_BYTES / 2).toString('hex');

export function encodeHead(document: CrlDocument, { der, number, bases, ...rest }: PublishedCrl, generation: string): string {
  return JSON.stringify({
    document, ...rest, number: number.toString(),
    ...(bases === undefined ? {} : { bases: bases.map((base) => ({ ...base, number: base.number.toString() })) }),
    generation, size: der.length,
  } satisfies HeadJson);
}

export function decodeHead(json: string): StoredHead {
  const { document, generation, size, number, bases, ...rest } = JSON.parse(json) as HeadJson;
  const head = { ...rest, number: BigInt(number), ...(bases === undefined ? {} : { bases: bases.map((base) => ({ ...base, number: BigInt(base.number) })) }) };
  return { document, head, generation, size };
}

/** Where a sequence of documents stands. It is there after they have been retired, too. */
export type Sequence = CrlBase;

const EMPTY: Sequence = { number: 0n, thisUpdate: 0, revision: 0 };

/** Full and delta have one scope, so one sequence (RFC 5280 5.2.3). */
export const sequenceOf = (document: CrlDocument): CrlDocument => (document === 'delta' ? 'full' : document);

export const encodeSequence = (document: CrlDocument, { number, thisUpdate, revision }: Sequence): string =>
  JSON.stringify({ document: sequenceOf(document), number: number.toString(), thisUpdate, revision });

export function decodeSequence(json: string | undefined): Sequence {
  if (json === undefined) return EMPTY;
  const { number, thisUpdate, revision } = JSON.parse(json) as BaseJson;
  return { number: BigInt(number), thisUpdate, revision };
}

/** With the document that the sequence is named for. */
export const decodeNamedSequence = (json: string): { readonly document: CrlDocument } & Sequence =>
  ({ document: (JSON.parse(json) as { readonly document: CrlDocument }).document, ...decodeSequence(json) });

const field = (kind: string, document: string): Buffer => Buffer.concat([Buffer.from(kind), name(document)]);

export const headField = (document: CrlDocument): Buffer => field(CRL_FIELDS.head, document);
export const sequenceField = (document: CrlDocument): Buffer => field(CRL_FIELDS.sequence, sequenceOf(document));

/** The key of a document's bytes. */
export const documentKey = (keys: Keyspace, authority: string, document: CrlDocument, generation: string): Buffer =>
  keys.of(KEYS.document, Buffer.concat([name(authority), name(document), Buffer.from(generation)]));

/** Whether these documents come next, each in its sequence. */
export function followsOn(documents: ReadonlyMap<CrlDocument, PublishedCrl>, last: (document: CrlDocument) => Sequence): boolean {
  const numbers = new Map<string, bigint>();
  for (const [document, { number, thisUpdate, revision }] of documents) {
    const before = last(document);
    if (number !== before.number + 1n || thisUpdate < before.thisUpdate || revision < before.revision) return false;
    if ((numbers.get(sequenceOf(document)) ?? number) !== number) return false;
    numbers.set(sequenceOf(document), number);
  }
  return true;
}
