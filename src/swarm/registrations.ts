import type { AuditDraft } from '../audit/entry.ts';
import { Refused } from '../errors.ts';
import { NEVER, type ObjectChange, type ObjectStore, type StoredObject } from '../store/objects.ts';
import type { Page, PageQuery } from '../store/store.ts';
import type { RegisteredRoot, Swarm } from './swarm.ts';

const KIND = 'swarm';
/** Assigns a root's key to a single swarm. */
const ROOT_KIND = 'swarm-root';
const INDEX = 'swarms';

/** A rotation involves one root before and one after; twice that is enough for one that went wrong. */
const MOST_ROOTS = 4;
/** Milliseconds for which registrations are listed after they end. */
const REMEMBERED = 30 * 86_400_000;

export interface Registered {
  readonly clusterId: string;
  readonly swarm: Swarm;
}

/** Who acts, and when (milliseconds since the epoch). */
export interface Act {
  readonly actor: string;
  readonly now: number;
}

/**
 * What operators have registered about swarms: kept in the store, so that it takes effect at once in every process. Each change is one atomic,
 * audited write.
 */
export interface Registrations {
  readonly get: (clusterId: string) => Promise<Swarm | undefined>;
  readonly list: (page: PageQuery) => Promise<Page<Registered>>;
  /** Registering the same root again has no effect. @throws Refused `swarm-root-taken`, `body-invalid` */
  readonly register: (clusterId: string, root: Omit<RegisteredRoot, 'addedAt' | 'addedBy'>, act: Act) => Promise<Swarm>;
  /** Removes one root (by its digest), or all. @throws Refused `not-found` */
  readonly unregister: (clusterId: string, digest: string | undefined, act: Act) => Promise<Swarm>;
  /** Opens the grace window until then, or closes it. Also for swarms without a root, whose managers have certificates of this service. */
  readonly grace: (clusterId: string, until: number | undefined, act: Act) => Promise<Swarm>;
}

interface Change {
  readonly swarm: Swarm;
  readonly audit: readonly AuditDraft[];
  /** Roots added and removed together with it. */
  readonly added?: RegisteredRoot;
  readonly removed?: readonly RegisteredRoot[];
}

export function registrationsIn(objects: ObjectStore): Registrations {
  /** Reads, applies the change and writes; repeats if another writer was faster. */
  const change = async (clusterId: string, now: number, keyHashes: readonly string[], make: (swarm: Swarm | undefined, owners: readonly (string | undefined)[]) => Change | undefined): Promise<Swarm> => {
    for (;;) {
      const [held, ...owners] = await objects.getAll([{ kind: KIND, id: clusterId }, ...keyHashes.map((id) => ({ kind: ROOT_KIND, id }))]);
      const before = swarmOf(held);
      const made = make(before, owners.map(ownerOf));
      if (made === undefined) return before as Swarm;
      const { swarm, audit, added, removed = [] } = made;
      const changes = [
        put(clusterId, held?.version ?? 0, swarm, now),
        ...(added === undefined ? [] : [ownRoot(clusterId, added, owners[keyHashes.indexOf(added.keyHash)]?.version ?? 0)]),
        ...await freed(objects, removed, swarm.roots),
      ];
      if ((await objects.write(changes, audit)).outcome === 'stored') return swarm;
    }
  };

  return {
    get: async (clusterId) => swarmOf(await objects.get(KIND, clusterId)),
    list: async (page) => {
      const { items, ...rest } = await objects.list(INDEX, page, { newestFirst: true });
      return { ...rest, items: items.map((item) => ({ clusterId: item.id, swarm: item.value as unknown as Swarm })) };
    },
    register: (clusterId, root, { actor, now }) => change(clusterId, now, [root.keyHash], (before, [owner]) => {
      if (before?.roots.some(({ digest }) => digest === root.digest) === true) return undefined;
      if (owner !== undefined && owner !== clusterId) {
        throw new Refused('swarm-root-taken', `The key of this root is registered for swarm ${owner}: it vouches for only one swarm. Unregister it there first.`);
      }
      const roots = before?.roots ?? [];
      if (roots.length >= MOST_ROOTS) throw new Refused('body-invalid', `Swarm ${clusterId} has ${roots.length} roots, which is the maximum; unregister one first.`, {
        faults: [{ code: 'maxItems', detail: `at most ${MOST_ROOTS} roots`, at: '/root' }],
      });
      const added = { ...root, addedAt: now, addedBy: actor };
      return { swarm: { createdAt: now, ...before, roots: [...roots, added] }, added, audit: [{ time: now, event: 'swarm.registered', actor, subject: clusterId, details: { root: root.digest, subject: root.subject } }] };
    }),
    unregister: (clusterId, digest, { actor, now }) => change(clusterId, now, [], (before) => {
      const removed = (before?.roots ?? []).filter((root) => digest === undefined || root.digest === digest);
      if (before === undefined || removed.length === 0) {
        throw new Refused('not-found', digest === undefined ? `No root is registered for swarm ${clusterId}.` : `Root ${digest} is not registered for swarm ${clusterId}.`);
      }
      const swarm = { ...before, roots: before.roots.filter((root) => !removed.includes(root)) };
      return { swarm, removed, audit: [{ time: now, event: 'swarm.unregistered', actor, subject: clusterId, details: { roots: removed.map((root) => root.digest) } }] };
    }),
    grace: (clusterId, until, { actor, now }) => change(clusterId, now, [], (before) => {
      const { graceUntil, graceBy: _by, ...rest } = before ?? { roots: [], createdAt: now };
      if (until === undefined) {
        if (graceUntil === undefined) throw new Refused('not-found', `No grace window is open for swarm ${clusterId}.`);
        return { swarm: rest, audit: [{ time: now, event: 'swarm.grace-closed', actor, subject: clusterId }] };
      }
      return { swarm: { ...rest, graceUntil: until, graceBy: actor }, audit: [{ time: now, event: 'swarm.grace-opened', actor, subject: clusterId, details: { until: new Date(until).toISOString() } }] };
    }),
  };
}

const swarmOf = (object: StoredObject | undefined): Swarm | undefined => object && object.value as unknown as Swarm;
const ownerOf = (object: StoredObject | undefined): string | undefined => object && (object.value as { readonly clusterId: string }).clusterId;

/** The change that stores a swarm, or removes it once nothing about it is left to keep. */
function put(clusterId: string, expected: number, swarm: Swarm, now: number): ObjectChange {
  const ends = Math.max(0, swarm.graceUntil ?? 0, ...swarm.roots.map(({ notAfter }) => notAfter * 1000));
  if (swarm.roots.length === 0 && ends <= now) return { kind: KIND, id: clusterId, expected, put: undefined };
  return { kind: KIND, id: clusterId, expected, put: { value: { ...swarm, roots: swarm.roots.map((root) => ({ ...root })) }, expires: expiryOf(ends), indexes: [{ index: INDEX, order: swarm.createdAt }] } };
}

const ownRoot = (clusterId: string, { keyHash, notAfter }: RegisteredRoot, expected: number): ObjectChange =>
  ({ kind: ROOT_KIND, id: keyHash, expected, put: { value: { clusterId }, expires: expiryOf(notAfter * 1000), indexes: [] } });

const expiryOf = (ends: number): number => Math.min(ends + REMEMBERED, NEVER);

/** Releases keys that no root of the swarm uses any more, so that they can be registered elsewhere. */
async function freed(objects: ObjectStore, removed: readonly RegisteredRoot[], left: readonly RegisteredRoot[]): Promise<ObjectChange[]> {
  const keys = [...new Set(removed.map(({ keyHash }) => keyHash))].filter((keyHash) => !left.some((root) => root.keyHash === keyHash));
  const found = await objects.getAll(keys.map((id) => ({ kind: ROOT_KIND, id })));
  return found.flatMap((object) => (object === undefined ? [] : [{ kind: ROOT_KIND, id: object.id, expected: object.version, put: undefined }]));
}
