import type { AuditDraft } from '../audit/entry.ts';
import type { Authority } from '../authority/authority.ts';
import { type Breathe, breather } from '../breathe.ts';
import type { CrlBase, CrlDocument, CrlHead, CrlStore, PublishedCrl, ShardGeneration } from '../store/crl-store.ts';
import { buildCrl } from './crl-build.ts';
import { type CrlSchedule, type Heads, isEnding, nextBases, wantedDocuments } from './crl-documents.ts';
import { RevocationView, shardIn } from './revocation-view.ts';

export interface CrlContext {
  readonly store: CrlStore;
  readonly scheduleOf: (authority: Authority) => CrlSchedule;
  /** Public folder of an authority's documents, such as `http://…/crl/issuing/`; undefined if they are not served. */
  readonly folderOf: (authority: string) => string | undefined;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export type Documents = ReadonlyMap<CrlDocument, PublishedCrl>;

/** The result of a publication. */
export interface Publication {
  /** The documents stored, in order. */
  readonly documents: Documents;
  /** Time of the oldest revocation that none of these documents contained before, seconds since the epoch. */
  readonly oldest?: number;
}

export interface CrlPublisher {
  /** Whether a document must be published because it is missing, lacks a revocation, or is about to expire. Cheap. */
  readonly isDue: () => Promise<boolean>;
  /**
   * Publishes what is due, and the full CRL in any case if `force`. Several processes may publish concurrently: the store accepts each number once, and
   * the slower one checks whether anything is left to do. Calls must not overlap.
   */
  readonly publish: (actor: string, force?: boolean) => Promise<Publication>;
}

const TRIES = 5;
/** Approximate limits on the octets and the number of documents stored in one step. */
const STEP = { octets: 2 ** 20, documents: 32 };
/**
 * If deltas or shards report a revocation, the full CRL follows after this many times the duration of its last publication: immediately if it is small,
 * while one of 50 MB takes at most a tenth of the time.
 */
const FULL_PAUSE = 10;
const LONGEST_PAUSE = 60_000;
/** Upper bound of serials dropped per publication. */
const DROP_MOST = 5000;
/** Milliseconds for which a release stays in the feed, for its followers. */
const KEEP_RELEASES = 3_600_000;

/** Publishes the documents of one authority. From the first publication on, the authority's revocations are kept in memory. */
export function crlPublisher(context: CrlContext, authority: Authority): CrlPublisher {
  const { store, clock, scheduleOf } = context;
  const { name } = authority;
  const view = new RevocationView(store, name);
  const marks = new RevisionMarks();
  let known: { publications: number; readonly heads: Map<CrlDocument, CrlHead> } | undefined;
  const lastNumbers = new Map<CrlDocument, bigint>();
  /** In process time (`performance.now`): until then the full CRL can wait. */
  let fullWaits = -Infinity;

  const look = async (fresh = false) => {
    const [standing, generations] = await Promise.all([store.standing(name), store.shardGenerations(name)]);
    if (fresh || known?.publications !== standing.publications) known = { publications: standing.publications, heads: new Map(await store.heads(name)) };
    return { ...known, generations, revision: standing.revision };
  };

  /** Updates the cached heads with what this process published. If another process published too, the counts differ, and they are read again. */
  const follow = (documents: Documents): void => {
    if (known === undefined) return;
    known.publications += 1;
    for (const [document, { der: _der, ...head }] of documents) known.heads.set(document, head);
  };

  const plan = ({ heads, generations, revision }: { readonly heads: Heads; readonly generations: readonly ShardGeneration[]; readonly revision: number }, now: number) => {
    const schedule = scheduleOf(authority);
    const wanted = wantedDocuments(schedule, generations, heads, now);
    const ending = wanted.filter((document) => isEnding(document, heads.get(document), schedule, now));
    const unwanted = [...heads.keys()].filter((document) => !wanted.includes(document));
    return { schedule, heads, generations, wanted, ending, unwanted, behind: (heads.get('full')?.revision ?? -1) < revision };
  };

  const isDue = async (): Promise<boolean> => {
    // Anything signed after expiry would not be accepted; the last CRLs remain published.
    if (authority.certificate.notAfter < clock() / 1000) return false;
    const { ending, unwanted, behind, heads, wanted } = plan(await look(), clock() / 1000);
    if (ending.length > 0 || unwanted.length > 0) return true;
    if (!behind || performance.now() >= fullWaits) return behind;
    // The full CRL follows later, but the documents that report revocations earlier may be behind as well.
    const others = wanted.filter((document) => document !== 'full');
    const { revision } = await store.standing(name);
    return revision > Math.max(view.revision, ...others.map((document) => heads.get(document)?.revision ?? 0));
  };

  const attempt = async (actor: string, force: boolean, again: boolean, breathe: Breathe): Promise<Publication | undefined> => {
    const before = await look(again);
    // HTTP and CRL times have a resolution of seconds: `If-Modified-Since` could not tell two CRLs of the same second apart.
    await secondAfter(Math.max(0, ...[...before.heads.values()].map(({ thisUpdate }) => thisUpdate)), clock);
    // Measure the work without the wait: otherwise a small full CRL would be held back for ten seconds.
    const began = performance.now();
    view.widen(Math.max(0, ...before.generations.map(({ count }) => count)));
    const { oldest } = await view.follow(breathe, Math.max(0, ...[...before.heads.values()].map(({ revision }) => revision)));
    const now = Math.floor(clock() / 1000);
    const planned = plan({ ...before, revision: view.revision }, now);
    const { ending, unwanted } = planned;
    const heads = new Map(planned.heads);
    const isBehind = (document: CrlDocument): boolean => view.revisionOf(document) > (heads.get(document)?.revision ?? -1);
    const othersTell = planned.wanted.some((document) => document !== 'full');
    // The full CRL contains the address of the delta, so it is published again when deltas are turned on or off.
    const fullNow = force || ending.includes('full') || unwanted.includes('delta') || (planned.wanted.includes('delta') && !heads.has('delta'))
      || (planned.behind && (!othersTell || performance.now() >= fullWaits));
    const due = planned.wanted.filter((document) => (document === 'full' ? fullNow : ending.includes(document) || isBehind(document) || (document === 'delta' && fullNow)));
    const documents = new Map<CrlDocument, PublishedCrl>();
    // Shards first: a full CRL covering a revision implies that they do as well (`isDue`).
    for (const step of steps(due, heads)) {
      const built = new Map<CrlDocument, PublishedCrl>();
      for (const document of step) built.set(document, await build(document, step, { ...planned, heads }, now, breathe));
      if (await store.publish(name, built, [...built].map(([document, crl]) => draft(document, crl, actor))) === 'superseded') return undefined;
      for (const [document, crl] of built) documents.set(document, crl);
      follow(built);
    }
    if (unwanted.length > 0) await retire(unwanted, planned.generations, actor, now);
    if (fullNow) fullWaits = performance.now() + Math.min(LONGEST_PAUSE, (performance.now() - began) * FULL_PAUSE);
    marks.add(clock(), view.revision);
    await dropEnded(breathe);
    return { documents, ...(oldest === undefined ? {} : { oldest }) };
  };

  /** Groups documents into steps: full and delta always together, shards as many as are small. */
  const steps = (due: readonly CrlDocument[], heads: Heads): CrlDocument[][] => {
    const all: CrlDocument[][] = [];
    let octets = Infinity;
    for (const document of due.filter((one) => shardIn(one) !== undefined)) {
      const size = view.select(document, {}).octets;
      if (octets + size > STEP.octets || (all.at(-1)?.length ?? 0) >= STEP.documents) {
        all.push([]);
        octets = 0;
      }
      all.at(-1)?.push(document);
      octets += size;
    }
    const complete = due.filter((document) => shardIn(document) === undefined);
    if (complete.length === 0) return all;
    const size = view.select(complete.includes('full') ? 'full' : 'delta', complete.includes('full') ? {} : { since: heads.get('delta')?.bases?.[0]?.revision ?? 0 }).octets;
    if (all.length > 0 && octets + size <= STEP.octets) all.at(-1)?.push(...complete);
    else all.push(complete);
    return all;
  };

  /** Fetched from the store once; later numbers are in the heads. */
  const lastNumber = async (document: CrlDocument): Promise<bigint> => {
    const sequence = shardIn(document) === undefined ? 'full' : document;
    const asked = lastNumbers.get(sequence) ?? await store.lastNumber(name, document);
    lastNumbers.set(sequence, asked);
    return asked;
  };

  const build = async (document: CrlDocument, step: readonly CrlDocument[], { schedule, heads, generations }: Pick<ReturnType<typeof plan>, 'schedule' | 'heads' | 'generations'>, now: number, breathe: Breathe): Promise<PublishedCrl> => {
    const last = heads.get(document);
    const isDelta = document === 'delta';
    const sequence = shardIn(document) === undefined ? [heads.get('full'), heads.get('delta')] : [last];
    // After a restore, the sequence may be ahead of the current document (docs/operations.md).
    const number = highest([...sequence, { number: await lastNumber(document) }]) + 1n;
    const thisUpdate = Math.max(now, ...[...heads.values()].map((head) => head.thisUpdate + 1));
    const bases: readonly CrlBase[] | undefined = isDelta && schedule.delta !== undefined ? nextBases(last, heads.get('full'), schedule.delta.reach, now) : undefined;
    // RFC 5280 3.3: an entry may only be dropped after it was on a CRL issued after its certificate expired; a delta follows the full CRL.
    const previous = isDelta ? heads.get('full') : last;
    const entries = view.select(document, { previous, ...(bases === undefined ? {} : { since: bases[0]!.revision }) });
    const folder = context.folderOf(name);
    const shard = shardIn(document);
    const folders = new Set([...(generations.find(({ count }) => count === shard?.count)?.addresses ?? []), ...(folder === undefined ? [] : [folder])]);
    return buildCrl(authority, {
      number, thisUpdate, nextUpdate: thisUpdate + (isDelta && schedule.delta !== undefined ? schedule.delta.lifetime : schedule.lifetime),
      revision: view.revision, entries, bases,
      ...(document === 'full' && folder !== undefined && (step.includes('delta') || (schedule.delta !== undefined && heads.has('delta'))) ? { freshest: [`${folder}delta.crl`] } : {}),
      ...(shard === undefined ? {} : { at: [...folders].map((address) => `${address}${document}.crl`) }),
    }, breathe);
  };

  const draft = (document: CrlDocument, { number, nextUpdate, etag, entries }: PublishedCrl, actor: string): AuditDraft =>
    ({ time: clock(), event: 'crl.published', actor, subject: name, details: { document, number: number.toString(), nextUpdate, etag, entries } });

  const retire = async (unwanted: readonly CrlDocument[], generations: readonly ShardGeneration[], actor: string, now: number): Promise<void> => {
    await store.retire(name, unwanted, [{ time: clock(), event: 'crl.retired', actor, subject: name, details: { documents: unwanted } }]);
    for (const { count, until } of generations) if (until < now) await store.forgetShards(name, count, now);
  };

  /** Drops what no document needs any more from the store, which verifies that itself, and then from the view. */
  const dropEnded = async (breathe: Breathe): Promise<void> => {
    const { heads } = await look();
    const listing = [...heads].filter(([document]) => document !== 'delta').map(([, head]) => head);
    if (listing.length === 0) return;
    const thisUpdate = Math.min(...listing.map((head) => head.thisUpdate));
    const covered = Math.min(...listing.map((head) => head.revision));
    const releases = Math.min(covered, marks.before(clock() - KEEP_RELEASES), ...(heads.get('delta')?.bases ?? []).map(({ revision }) => revision));
    const serials = view.find((revision, notAfter, released) => (released ? revision <= releases : revision <= covered && notAfter < thisUpdate), thisUpdate, DROP_MOST);
    if (serials.length === 0) return;
    await breathe();
    const all = (await store.drop(name, serials)) === serials.length;
    const left = all ? [] : await Promise.all(serials.map((serial) => store.change(name, serial)));
    view.forget(serials.filter((_, at) => left[at] === undefined));
  };

  const publish = async (actor: string, force = false): Promise<Publication> => {
    const breathe = breather();
    for (let tried = 1; tried <= TRIES; tried += 1) {
      const done = await attempt(actor, force, tried > 1, breathe);
      if (done !== undefined) return done;
      lastNumbers.clear();
    }
    throw new Error(`CRL of ${name}: superseded ${TRIES} times in a row`);
  };

  return { isDue, publish };
}

const highest = (heads: readonly (Pick<CrlHead, 'number'> | undefined)[]): bigint => heads.reduce((most, head) => (head !== undefined && head.number > most ? head.number : most), 0n);

/** Waits until the second in which the last CRL was issued is over, unless the clock was set back. */
async function secondAfter(thisUpdate: number, clock: () => number): Promise<void> {
  if (thisUpdate === Math.floor(clock() / 1000)) await new Promise((resolve) => setTimeout(resolve, 1000 - (clock() % 1000)));
}

/** Remembers the revision of the feed at certain times. */
class RevisionMarks {
  readonly #marks: { readonly time: number; readonly revision: number }[] = [];
  static readonly #EVERY = 600_000;

  add(time: number, revision: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || time - last.time >= RevisionMarks.#EVERY) this.#marks.push({ time, revision });
  }

  /** The revision at the last mark before a time; 0 if there is none. */
  before(time: number): number {
    while (this.#marks.length > 1 && this.#marks[1]!.time < time) this.#marks.shift();
    const [first] = this.#marks;
    return first !== undefined && first.time < time ? first.revision : 0;
  }
}
