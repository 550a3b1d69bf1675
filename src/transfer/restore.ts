import type { AuditDraft } from '../audit/entry.ts';
import type { ChainHead } from '../audit/chain.ts';
import type { CrlDocument } from '../store/crl-store.ts';
import type { LoadCounts, PortableItem, PortableObject, WholeStore } from '../store/transfer.ts';
import type { Progress } from './backup.ts';
import { beginning, contentOf, continues, objectsAlone, takenUp } from './content.ts';
import type { Position, Source } from './content.ts';
import { TransferError } from './errors.ts';
import { contentOfPortion } from './frames.ts';
import { FIRST_PLACE, readFrames } from './read-backup.ts';
import type { Place } from './read-backup.ts';
import { verifyBackup } from './verify-backup.ts';

export type Target = Pick<WholeStore, 'transfer' | 'audit' | 'crls' | 'replicas'>;

export interface RestoreOptions {
  readonly target: Target;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Whether another backup of the same store will follow: the log is then left as it is in the backup, so that it can be continued. */
  readonly more: boolean;
  readonly actor: string;
  /** The number of shards of each CRL in this deployment; 0 for none. They may be newer than the backup. */
  readonly shards: number;
  readonly progress: Progress;
}

export interface Restored extends LoadCounts {
  /** The number of log lines that were not in the store before. */
  readonly lines: number;
  /** The head of the log that was restored. */
  readonly head: ChainHead;
  /** True if the store already held all of it, and more. */
  readonly older: boolean;
  readonly resumed: boolean;
}

/**
 * At most one CRL a second is published of each document, so this many numbers beyond those of the elapsed time cannot have been used, even
 * if two clocks differ by an hour. CRL numbers have up to 20 octets (RFC 5280 section 5.2.3), so they do not run out.
 */
const SPARE = 3600n;
/** More changes than a feed can have had since the backup. */
const REVISIONS_SPARE = 2 ** 30;
/** Milliseconds; a process that serves reports so every ten seconds. */
export const SERVES_WITHIN = 35_000;
/** Stands in place of a backup's id when a store is copied directly. */
const STRAIGHT = 'store';

/**
 * Loads the content of a backup into a store, after checking all of it. State in the store only moves forward (`TransferStore.load`). An
 * interrupted restore is resumed when it is given the same file.
 * @throws TransferError, StoreUnavailable
 */
export async function restoreFile(path: string, options: RestoreOptions): Promise<Restored> {
  const { target, progress } = options;
  await refuseRunning(target, options.clock());
  const here = await target.audit.head();
  const backup = await verifyBackup(path, progress, here.sequence);
  const mark = parseMark(await target.transfer.mark());
  // Reading a large backup takes minutes, during which a service may have been started.
  await refuseRunning(target, options.clock());
  await refuseOtherLog(target, here, backup.end.head, backup.hashAt);
  const older = isOlder(mark, here, backup.end.head);
  const resumed = mark?.of === backup.head.id && mark.older === older;
  const from: Place = resumed && mark.place !== undefined ? { offset: mark.place.offset, digest: Buffer.from(mark.place.digest, 'hex') } : FIRST_PLACE;
  const counts = await load(options, resumed ? mark : { of: backup.head.id, older }, async function* () {
    for await (const { frame, place } of readFrames(path, from)) {
      if (frame.kind !== 'portion') continue;
      const { entries, items } = contentOfPortion(frame);
      progress('restoring', place.offset, backup.bytes);
      yield { items: [...items], entries, mark: { of: backup.head.id, older, place: { offset: place.offset, digest: place.digest.toString('hex') } } };
    }
  });
  return finish(options, { counts, head: backup.end.head, madeAt: backup.head.startedAt, authorities: backup.authorities, older, resumed, of: backup.head.id });
}

/**
 * The same directly from another store, without a file. The source may be in use if `more` says that this is not the last pass.
 */
export async function restoreStore(source: Source & { readonly store: Pick<WholeStore, 'replicas'> }, options: RestoreOptions): Promise<Restored> {
  const { target, progress, clock, more } = options;
  await refuseRunning(target, clock());
  if (!more) await refuseRunning(source.store, clock());
  const here = await target.audit.head();
  const there = await source.store.audit.head();
  await refuseOtherLog(target, here, there, here.sequence === 0 || here.sequence > there.sequence ? undefined : (await source.store.audit.list({ after: here.sequence - 1, limit: 1 }))[0]?.hash);
  const mark = parseMark(await target.transfer.mark());
  const older = isOlder(mark, here, there);
  const resumed = mark?.position !== undefined && mark.older === older && await continues(source, mark.position);
  let position = resumed && mark?.position !== undefined ? takenUp(mark.position) : await (older ? objectsAlone(source, there) : beginning(source));
  const madeAt = clock();
  const counts = await load(options, { of: STRAIGHT, older, position }, async function* () {
    for await (const portion of contentOf(source, position)) {
      ({ position } = portion);
      const { begun: { sequence: lines }, head: { sequence }, requests } = position;
      progress(`${requests} requests, ${sequence} lines of the log`, sequence > 0 ? lines + Math.min(sequence, lines) : Math.min(requests, lines), 2 * lines);
      yield { ...portion, mark: { of: STRAIGHT, older, position } };
    }
  });
  return finish(options, { counts, head: older ? there : position.head, madeAt, authorities: position.authorities, older, resumed, of: STRAIGHT });
}

/** The progress of a load; kept in the store that is being loaded. */
interface Mark {
  readonly of: string;
  /** See `isOlder`. */
  readonly older: boolean;
  readonly place?: { readonly offset: number; readonly digest: string };
  readonly position?: Position;
}

/**
 * Whether all lines of that log are already here. In that case only objects are loaded: they change without a log line, and their versions
 * tell which is newer. Nothing else is: a hold in the backup may since have been released and forgotten.
 */
const isOlder = (mark: Mark | undefined, here: ChainHead, there: ChainHead): boolean =>
  (mark === undefined || mark.older) && here.sequence >= there.sequence && there.sequence > 0;

const parseMark = (text: string | undefined): Mark | undefined => (text === undefined ? undefined : JSON.parse(text) as Mark);

interface Loadable {
  readonly items: readonly PortableItem[];
  readonly entries: Parameters<WholeStore['transfer']['loadAudit']>[0];
  readonly mark: Mark;
}

async function load({ target: { transfer }, clock }: RestoreOptions, before: Mark, portions: () => AsyncIterable<Loadable>): Promise<LoadCounts & { readonly lines: number }> {
  const sums = { added: 0, advanced: 0, kept: 0, lines: 0 };
  let done = JSON.stringify(before);
  // First of all: a store with part of the content and no mark would be taken for complete.
  await transfer.load([], done);
  for await (const { items, entries, mark } of portions()) {
    const now = JSON.stringify(mark);
    const time = clock();
    const taken = items.filter((item) => (item.kind === 'object' ? !hasEnded(item, time) : !before.older));
    const lines = before.older ? [] : entries;
    // Log lines come last: a log that contains a line also has what the line refers to.
    const { added, advanced, kept } = await transfer.load(taken, lines.length === 0 ? now : done);
    sums.lines += lines.length === 0 ? 0 : await transfer.loadAudit(lines, now);
    done = now;
    sums.added += added;
    sums.advanced += advanced;
    sums.kept += kept;
  }
  return sums;
}

/** An object that was swept here has expired, and so has every copy of it (`objects.ts`): it does not come back. */
const hasEnded = ({ object }: PortableObject, now: number): boolean => object.expires <= now;

interface Loaded {
  readonly counts: LoadCounts & { readonly lines: number };
  readonly head: ChainHead;
  /** Milliseconds since the epoch: anything published after this time is unknown here. */
  readonly madeAt: number;
  readonly authorities: readonly string[];
  readonly older: boolean;
  readonly resumed: boolean;
  readonly of: string;
}

async function finish({ target, clock, more, actor, shards }: RestoreOptions, { counts, head, madeAt, authorities, older, resumed, of }: Loaded): Promise<Restored> {
  const { transfer, audit } = target;
  const now = await audit.head();
  if (now.sequence < head.sequence) throw new TransferError('wrong-content', `the log here ends at line ${now.sequence}, not ${head.sequence}`);
  // Content older than what is already here does not advance any counter.
  if (!older) await transfer.load(await jumps(target, authorities, shards, madeAt, clock()), JSON.stringify({ of, older }));
  if (!more && !older) {
    const line: AuditDraft = {
      time: clock(), event: 'store.restored', actor, subject: 'store',
      details: { head: `${head.sequence}:${head.hash}`, backupAt: madeAt, added: counts.added, advanced: counts.advanced, lines: counts.lines },
    };
    await audit.append([line]);
  }
  await transfer.load([], undefined);
  return { ...counts, head, older, resumed };
}

/**
 * Advances the counters of the authorities: to CRL numbers that no CRL since the backup can have used, no thisUpdate before now, and
 * revisions that no feed has shown to anybody.
 */
async function jumps({ transfer }: Target, authorities: readonly string[], shards: number, madeAt: number, now: number): Promise<PortableItem[]> {
  const numbers = BigInt(Math.max(0, Math.ceil((now - madeAt) / 1000))) + SPARE;
  const thisUpdate = Math.floor(now / 1000);
  const published: readonly CrlDocument[] = ['full', ...Array.from({ length: shards }, (_, index) => `${shards}-${index}` as const)];
  return Promise.all(authorities.map(async (name) => {
    const standing = await transfer.authority(name);
    // Documents the backup does not know may have been published since, too.
    const unknown = published.filter((document) => !standing.sequences.some((one) => one.document === document)).map((document) => ({ document, number: 0n, thisUpdate, revision: 0 }));
    return {
      ...standing,
      revision: standing.revision + REVISIONS_SPARE,
      sequences: [...standing.sequences, ...unknown].map((sequence) => ({ ...sequence, number: sequence.number + numbers, thisUpdate: Math.max(sequence.thisUpdate, thisUpdate) })),
    };
  }));
}

/** A running service would answer from a half-loaded store, and append to a log that is about to be replaced. */
async function refuseRunning({ replicas }: Pick<WholeStore, 'replicas'>, now: number): Promise<void> {
  const running = (await replicas.list()).find(({ seenAt }) => now - seenAt < SERVES_WITHIN);
  if (running === undefined) return;
  const seconds = Math.max(0, Math.round((now - running.seenAt) / 1000));
  throw new TransferError('in-use', `a service runs on this store: ${running.name}, seen ${seconds} s ago`, `stop it; one that died is forgotten after ${SERVES_WITHIN / 1000} s`);
}

/** One of the two logs must be a prefix of the other. `hashAt` is the hash in the other log at the line that is the last one here. */
async function refuseOtherLog({ audit }: Target, here: ChainHead, there: ChainHead, hashAt: string | undefined): Promise<void> {
  if (here.sequence === 0 || there.sequence === 0) return;
  const same = here.sequence <= there.sequence
    ? hashAt === here.hash
    : (await audit.list({ after: there.sequence - 1, limit: 1 }))[0]?.hash === there.hash;
  if (same) return;
  throw new TransferError('other-log', `this store has a log of its own (head ${here.sequence}:${here.hash.slice(0, 16)}…), which neither continues nor begins that of the backup`, 'restore into an empty store, or the one that the backup was made from: two logs cannot be merged');
}

