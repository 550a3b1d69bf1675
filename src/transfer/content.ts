import type { AuditEntry } from '../audit/entry.ts';
import { EMPTY_CHAIN } from '../audit/chain.ts';
import type { ChainHead } from '../audit/chain.ts';
import type { DumpedKind, PortableItem, WholeStore } from '../store/transfer.ts';

/** How far a store has been read: everything needed to resume later, even in another process. */
export interface Position {
  readonly phase: Phase;
  /** The place within the phase. */
  readonly cursor?: string;
  /** The last line of the log that was delivered. */
  readonly head: ChainHead;
  /** The head of the log when the reading began. */
  readonly begun: ChainHead;
  /** The known authorities: those of the deployment, and those that records name. */
  readonly authorities: readonly string[];
  /** The last change in the feed of objects that was delivered. */
  readonly objects: number;
  /** The number of requests delivered. */
  readonly requests: number;
}

/** In the order in which they are read. */
const DUMPED: readonly DumpedKind[] = ['request', 'token', 'api-key', 'claim', 'quota', 'blocked-key'];
const PHASES = [...DUMPED, 'revocations', 'log', 'changes', 'whole'] as const;
type Phase = (typeof PHASES)[number];

/** A part of a store's content; `position` is where to resume after it. */
export interface Portion {
  readonly items: readonly PortableItem[];
  readonly entries: readonly AuditEntry[];
  readonly position: Position;
}

export interface Source {
  readonly store: Pick<WholeStore, 'transfer' | 'audit' | 'crls'>;
  /** The names of the deployment's authorities. */
  readonly authorities: readonly string[];
}

/** Items and lines in one portion: a few MB. */
const ITEMS = 1000;
const LINES = 1000;

/** The position at which a full reading starts. */
export async function beginning({ store, authorities }: Source): Promise<Position> {
  return { phase: 'request', head: EMPTY_CHAIN, begun: await store.audit.head(), authorities: [...new Set(authorities)].sort(), objects: 0, requests: 0 };
}

/** The position at which a reading of objects alone starts: everything else that it delivers lies after this head. */
export async function objectsAlone(source: Source, head: ChainHead): Promise<Position> {
  return { ...await beginning(source), phase: 'changes', head };
}

/** Whether the store's log still contains the head at which this reading began; if not, it is another store, or was restored. */
export async function continues({ store }: Source, { begun }: Position): Promise<boolean> {
  if (begun.sequence === 0) return true;
  const [entry] = await store.audit.list({ after: begun.sequence - 1, limit: 1 });
  return entry?.hash === begun.hash;
}

/** The position for resuming in another process. All objects are read again: the change numbers may be those of another store with the same log. */
export const takenUp = (position: Position): Position => ({ ...position, objects: 0 });

/**
 * Reads the whole content of a store that may be in use, in bounded memory. First everything is read as it stands; then the log up to
 * where it ended at the beginning; then, step by step, each further line together with what it refers to, and the objects in the order of
 * their changes, all in one view. Once a step reaches both the log's head and the end of that feed, everything read adds up to the store
 * as it was at that head.
 */
export async function* contentOf(source: Source, from: Position): AsyncGenerator<Portion> {
  let position = from;
  while (position.phase !== 'whole') {
    for await (const portion of PHASE_READERS[position.phase](source, position)) {
      position = portion.position;
      yield portion;
    }
  }
}

type Reader = (source: Source, from: Position) => AsyncGenerator<Portion>;

const next = ({ cursor: _, ...position }: Position): Position =>
  ({ ...position, phase: PHASES[PHASES.indexOf(position.phase) + 1] ?? 'whole' });

async function* dumped({ store }: Source, from: Position): AsyncGenerator<Portion> {
  const { items, next: cursor } = await store.transfer.dump(from.phase as DumpedKind, from.cursor, ITEMS);
  const seen = { ...from, requests: from.requests + (from.phase === 'request' ? items.length : 0), authorities: withThoseOf(from.authorities, items) };
  yield { items, entries: [], position: cursor === undefined ? next(seen) : { ...seen, cursor } };
}

function withThoseOf(known: readonly string[], items: readonly PortableItem[]): readonly string[] {
  const more = new Set<string>();
  for (const item of items) if (item.kind === 'request' && !known.includes(item.record.authority)) more.add(item.record.authority);
  return more.size === 0 ? known : [...known, ...more];
}

/** For each authority in turn: its feed, its documents, and its counters. The cursor is `<index of the authority> <revision>`. */
async function* revocations({ store }: Source, from: Position): AsyncGenerator<Portion> {
  const [at = 0, after = 0] = (from.cursor ?? '').split(' ').filter((part) => part !== '').map(Number);
  const authority = from.authorities[at];
  if (authority === undefined) {
    yield { items: [], entries: [], position: next(from) };
    return;
  }
  const { changes, restart } = await store.crls.changes(authority, after, ITEMS);
  const items: PortableItem[] = changes.map((change) => ({ kind: 'revocation', authority, change }));
  const last = changes.at(-1);
  if (restart && after > 0) {
    yield { items: [], entries: [], position: { ...from, cursor: `${at} 0` } };
    return;
  }
  if (last !== undefined && changes.length === ITEMS) {
    yield { items, entries: [], position: { ...from, cursor: `${at} ${last.revision}` } };
    return;
  }
  yield { items, entries: [], position: from };
  for (const document of (await store.crls.heads(authority)).keys()) {
    const crl = await store.crls.current(authority, document);
    // One at a time: a full CRL may be 50 MB.
    if (crl !== undefined) yield { items: [{ kind: 'crl', authority, document, crl }], entries: [], position: from };
  }
  yield { items: [await store.transfer.authority(authority)], entries: [], position: { ...from, cursor: `${at + 1} 0` } };
}

async function* log({ store }: Source, from: Position): AsyncGenerator<Portion> {
  const entries = (await store.audit.list({ after: from.head.sequence, limit: LINES })).filter(({ sequence }) => sequence <= from.begun.sequence);
  const behind = { ...from, head: headOf(entries) ?? from.head };
  yield { items: [], entries, position: behind.head.sequence >= from.begun.sequence || entries.length === 0 ? next(behind) : behind };
}

async function* changes({ store }: Source, from: Position): AsyncGenerator<Portion> {
  const { head, entries, items, objects } = await store.transfer.changes(from.head.sequence, ITEMS, from.authorities, from.objects);
  const behind = { ...from, head: headOf(entries) ?? from.head, objects: objects.last, authorities: withThoseOf(from.authorities, items) };
  yield { items, entries, position: behind.head.sequence >= head.sequence && !objects.more ? next(behind) : behind };
}

function headOf(entries: readonly AuditEntry[]): ChainHead | undefined {
  const last = entries.at(-1);
  return last && { sequence: last.sequence, hash: last.hash };
}

const PHASE_READERS: Readonly<Record<Exclude<Phase, 'whole'>, Reader>> = {
  request: dumped, token: dumped, 'api-key': dumped, claim: dumped, quota: dumped, 'blocked-key': dumped, revocations, log, changes,
};
