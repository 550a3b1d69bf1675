import type { CrlBase, CrlDocument, CrlHead, PublishedCrl } from './crl-store.ts';

/** A head as it is stored: its number as text, with where its bytes are and how many they are. */
export interface StoredHead {
  readonly document: CrlDocument;
  readonly head: CrlHead;
  /** Keeps the bytes of two publishers apart: hexadecimal. */
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

/** As every store keeps it. */
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
