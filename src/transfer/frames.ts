import { createHash } from 'node:crypto';
import type { AuditEntry } from '../audit/entry.ts';
import { canonicalJson, parseLine } from '../audit/chain.ts';
import type { ChainHead } from '../audit/chain.ts';
import type { PortableItem } from '../store/transfer.ts';
import type { Portion, Position } from './content.ts';
import { decodeItems, encodeItems } from './item-codec.ts';

/**
 * The format of a backup (docs/backup-format.md): the line MAGIC, followed by frames, each
 *
 *     octet 0        kind: 1 head, 2 portion, 3 end
 *     octets 1..4    length of the JSON, big-endian
 *     octets 5..8    length of the body
 *     then           JSON, body, and SHA-256 over the digest of the previous frame (of MAGIC, for the first) and all octets of this one
 *
 * A frame that is damaged, missing or out of place is therefore detected, and everything before a tear can still be trusted.
 */
export const MAGIC = 'CHANCERY BACKUP 1\n';
const KINDS = { head: 1, portion: 2, end: 3 } as const;
const PREFIX = 9;
export const DIGEST_BYTES = 32;
/** Limit of the JSON and of the body, in octets: a CRL of a million entries has 53 MB. */
const LARGEST = 2 ** 30;

export type Frame =
  | { readonly kind: 'head'; readonly json: BackupHead }
  | { readonly kind: 'portion'; readonly json: PortionJson; readonly body: Buffer }
  | { readonly kind: 'end'; readonly json: BackupEnd };

export interface BackupHead {
  /** The version of the program that made the backup. */
  readonly program: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Random; tells one backup from another. */
  readonly id: string;
  readonly begun: ChainHead;
}

/** The first `lines` octets of the body are log lines, each ended by LF; the items follow. */
interface PortionJson {
  /** Where the reading of the store resumes after this portion. */
  readonly position: Position;
  readonly lines: number;
  /** Totals up to and including this portion. */
  readonly tally: Tally;
}

/** Items by kind, and lines of the log. An item that changed while the backup was being made is counted more than once. */
export interface Tally {
  readonly items: Readonly<Record<string, number>>;
  readonly lines: number;
}

export interface BackupEnd extends Tally {
  readonly finishedAt: number;
  /** The backup holds the store as it was at this head of its log. */
  readonly head: ChainHead;
}

export const firstDigest = (): Buffer => createHash('sha256').update(MAGIC).digest();

export const portionFrame = ({ items, entries, position }: Portion, tally: Tally): Frame => {
  const lines = Buffer.from(entries.map((entry) => `${canonicalJson(entry)}\n`).join(''));
  return { kind: 'portion', json: { position, lines: lines.length, tally }, body: Buffer.concat([lines, encodeItems(items)]) };
};

/** The tally with one more portion added. */
export function counted({ items, lines }: Tally, portion: Pick<Portion, 'items' | 'entries'>): Tally {
  const sums: Record<string, number> = { ...items };
  for (const { kind } of portion.items) sums[kind] = (sums[kind] ?? 0) + 1;
  return { items: sums, lines: lines + portion.entries.length };
}

/** The content of a portion. @throws Error if it is malformed */
export function contentOfPortion({ json: { lines }, body }: Extract<Frame, { kind: 'portion' }>): { readonly entries: readonly AuditEntry[]; readonly items: Iterable<PortableItem> } {
  const text = body.toString('utf8', 0, lines);
  return { entries: text === '' ? [] : text.slice(0, -1).split('\n').map(parseLine), items: decodeItems(body.subarray(lines)) };
}

/** Encodes a frame that follows one with this digest; the last 32 octets are its own digest. */
export function encodeFrame(before: Buffer, frame: Frame): Buffer {
  const json = Buffer.from(JSON.stringify(frame.json));
  const body = frame.kind === 'portion' ? frame.body : Buffer.alloc(0);
  const prefix = Buffer.allocUnsafe(PREFIX);
  prefix.writeUInt8(KINDS[frame.kind], 0);
  prefix.writeUInt32BE(json.length, 1);
  prefix.writeUInt32BE(body.length, 5);
  const digest = createHash('sha256').update(before).update(prefix).update(json).update(body).digest();
  return Buffer.concat([prefix, json, body, digest]);
}

/** The total length that a frame's first octets announce; undefined if they cannot be those of a frame. */
export function frameLength(prefix: Buffer): number | undefined {
  const [json, body] = [prefix.readUInt32BE(1), prefix.readUInt32BE(5)];
  return json > LARGEST || body > LARGEST ? undefined : PREFIX + json + body + DIGEST_BYTES;
}

/** The frame in these octets, provided that it is intact and follows one with this digest. */
export function decodeFrame(before: Buffer, bytes: Buffer): Frame | undefined {
  const end = bytes.length - DIGEST_BYTES;
  const digest = createHash('sha256').update(before).update(bytes.subarray(0, end)).digest();
  const kind = (Object.keys(KINDS) as Frame['kind'][]).find((name) => KINDS[name] === bytes[0]);
  if (!digest.equals(bytes.subarray(end)) || kind === undefined) return undefined;
  const jsonEnd = PREFIX + bytes.readUInt32BE(1);
  const json = JSON.parse(bytes.toString('utf8', PREFIX, jsonEnd)) as never;
  return kind === 'portion' ? { kind, json, body: bytes.subarray(jsonEnd, end) } : { kind, json };
}

export const FRAME_PREFIX = PREFIX;
