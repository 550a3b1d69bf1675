import type { CrlBase, CrlDocument, CrlHead, PublishedCrl } from './crl-store.ts';

/** A head as stored, together with the location and size of the document's bytes. */
export interface StoredHead {
  readonly document: CrlDocument;
  readonly head: CrlHead;
  /** Distinguishes the bytes of concurrent publishers; hexadecimal. */
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

/** The JSON form that every store uses. */
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

/** Where a sequence of documents stands. It outlives the documents' retirement. */
export type Sequence = CrlBase;

const EMPTY: Sequence = { number: 0n, thisUpdate: 0, revision: 0 };

/** Full and delta CRLs have the same scope and therefore share one sequence (RFC 5280 5.2.3). */
export const sequenceOf = (document: CrlDocument): CrlDocument => (document === 'delta' ? 'full' : document);

export const encodeSequence = (document: CrlDocument, { number, thisUpdate, revision }: Sequence): string =>
  JSON.stringify({ document: sequenceOf(document), number: number.toString(), thisUpdate, revision });

export function decodeSequence(json: string | undefined): Sequence {
  if (json === undefined) return EMPTY;
  const { number, thisUpdate, revision } = JSON.parse(json) as BaseJson;
  return { number: BigInt(number), thisUpdate, revision };
}

/** The same, with the document that names the sequence. */
export const decodeNamedSequence = (json: string): { readonly document: CrlDocument } & Sequence =>
  ({ document: (JSON.parse(json) as { readonly document: CrlDocument }).document, ...decodeSequence(json) });

/** Whether each of these documents is the next one in its sequence. */
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
