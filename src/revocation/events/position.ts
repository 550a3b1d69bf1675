import { MOST_SHARDS } from '../../x509/crl-shard.ts';
import type { CrlDocument } from '../../store/crl-store.ts';

/** A follower's position in the feed of one authority: it knows all changes up to `revision`, and for each document the CRL with this number. */
export interface AuthorityPosition {
  readonly revision: number;
  readonly numbers: ReadonlyMap<CrlDocument, bigint>;
}

/** Keyed by authority name. Immutable. */
export type Position = ReadonlyMap<string, AuthorityPosition>;

const NAME = /^[a-z0-9-]{1,64}$/;
const REVISION = /^(0|[1-9][0-9]{0,14})$/;
const NUMBER = /^[0-9a-z]{1,32}$/;
const SHARDS = /^[1-9][0-9]{0,5}$/;
/** Upper bound for an id, which is sent as a header value. */
const MOST_TEXT = 8192;

/**
 * The position as an event id, which clients send back as `Last-Event-ID`: for each authority
 * `<name>/<revision>/<number of the full CRL>/<of the delta>`, and for each set of shards `/<count>:<lowest number>:<excess of the first>.<second>…`.
 * Authorities are separated by `;`, numbers are in base 36, and an empty excess means 0. The id is self-contained, so it works in any process and after
 * any restart. If that would be too long, only the lowest number of the shards is included: a follower may then hear of some CRLs twice.
 */
export function positionText(position: Position): string {
  const whole = textWith(position, true);
  return whole.length <= MOST_TEXT ? whole : textWith(position, false);
}

const textWith = (position: Position, each: boolean): string => Array.from(position, ([name, { revision, numbers }]) =>
  [name, revision, numberText(numbers.get('full')), numberText(numbers.get('delta')), ...shardTexts(numbers, each)].join('/')).join(';');

const numberText = (number: bigint | undefined): string => (number ?? 0n).toString(36);

function shardTexts(numbers: AuthorityPosition['numbers'], each: boolean): string[] {
  const counts = new Set(Array.from(numbers.keys(), (document) => /^([0-9]+)-[0-9]+$/.exec(document)?.[1]).filter((count) => count !== undefined));
  return Array.from(counts, (count) => {
    const all = Array.from({ length: Number(count) }, (_, index) => numbers.get(`${Number(count)}-${index}`) ?? 0n);
    const lowest = all.reduce((least, number) => (number < least ? number : least));
    const more = all.map((number) => (number === lowest ? '' : numberText(number - lowest)));
    return `${count}:${numberText(lowest)}${each ? `:${more.join('.')}` : ''}`;
  });
}

/** The position that an id stands for; undefined if the text is not an id. */
export function parsePosition(text: string): Position | undefined {
  if (text.length > MOST_TEXT) return undefined;
  const position = new Map<string, AuthorityPosition>();
  for (const part of text.split(';')) {
    const [name = '', revision = '', full = '', delta = '', ...shards] = part.split('/');
    if (!NAME.test(name) || !REVISION.test(revision) || position.has(name)) return undefined;
    const numbers = new Map<CrlDocument, bigint>();
    if (!put(numbers, 'full', full) || !put(numbers, 'delta', delta) || !shards.every((group) => putShards(numbers, group))) return undefined;
    position.set(name, { revision: Number(revision), numbers });
  }
  return position;
}

function putShards(numbers: Map<CrlDocument, bigint>, group: string): boolean {
  const [count = '', lowest = '', all, ...rest] = group.split(':');
  if (!SHARDS.test(count) || Number(count) > MOST_SHARDS || !NUMBER.test(lowest) || rest.length > 0) return false;
  const texts = all === undefined ? Array.from({ length: Number(count) }, () => '') : all.split('.');
  return texts.length === Number(count) && texts.every((text, index) => put(numbers, `${Number(count)}-${index}`, text === '' ? '0' : text, fromBase36(lowest)));
}

function put(numbers: Map<CrlDocument, bigint>, document: CrlDocument, text: string, more = 0n): boolean {
  if (!NUMBER.test(text)) return false;
  const number = more + fromBase36(text);
  if (number > 0n) numbers.set(document, number);
  return true;
}

/** CRL numbers may have up to 20 octets, too many for parseInt. */
function fromBase36(text: string): bigint {
  let number = 0n;
  for (const digit of text) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  return number;
}
