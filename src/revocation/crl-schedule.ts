import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Authority } from '../authority/authority.ts';
import type { LeaseStore } from '../store/store.ts';
import { type CrlContext, type CrlPublisher, type Publication, crlPublisher } from './crl-publisher.ts';

export interface CrlKeeperOptions {
  /** Authorities whose CRLs are signed here. */
  readonly authorities: readonly Authority[];
  readonly leases: LeaseStore;
  /** Minimum interval between publications of an authority, milliseconds. */
  readonly coalesce: number;
  /** Interval of checks in milliseconds: another process may have revoked, and died before publishing. */
  readonly lookEvery: number;
  readonly published: (authority: string, publication: Publication, milliseconds: number) => void;
  readonly failed: (authority: string, error: unknown) => void;
}

export interface CrlKeeper {
  /** Publishes whatever is due, and resolves when that is done. */
  readonly start: () => Promise<void>;
  /** To be called after a revocation: publishes soon, combining revocations in quick succession. */
  readonly due: (authority: string) => void;
  /** Publishes an authority's full CRL now, together with everything else that is due. */
  readonly publish: (authority: string, actor: string) => Promise<Publication>;
  /** Resolves when nothing is in progress any more. */
  readonly stop: () => Promise<void>;
}

/**
 * Milliseconds for which a process reserves the publication of an authority, extended while it lasts. This only saves the others work: the store
 * ensures that each number is used once. If the process dies, the others are held up for that long.
 */
const LEASE = 2000;
const LEASE_LOOK = 50;

/** Keeps the documents of each authority current: right after a revocation, before they expire, and after a crash of another process. */
export function crlKeeper(context: CrlContext, options: CrlKeeperOptions): CrlKeeper {
  const holder = randomUUID();
  const lanes = new Map(options.authorities.map((authority) => [authority.name, lane(context, authority, options, holder)]));
  let timer: NodeJS.Timeout | undefined;
  let stopListening: (() => void) | undefined;
  return {
    start: async () => {
      await Promise.all([...lanes.values()].map(({ settle }) => settle()));
      timer = setInterval(() => lanes.forEach(({ look }) => void look()), options.lookEvery);
      timer.unref();
      stopListening = context.store.onHint((authority) => void lanes.get(authority)?.look());
    },
    due: (authority) => void lanes.get(authority)?.look(),
    publish: (authority, actor) => {
      const found = lanes.get(authority);
      return found === undefined ? Promise.reject(new Error(`authority ${authority} has no key here to sign its CRL`)) : found.force(actor);
    },
    stop: async () => {
      clearInterval(timer);
      stopListening?.();
      await Promise.all([...lanes.values()].map(({ idle }) => idle()));
    },
  };
}

interface Lane {
  readonly look: () => Promise<void>;
  /** Repeats until nothing is due, or publication is impossible here now. */
  readonly settle: () => Promise<void>;
  readonly force: (actor: string) => Promise<Publication>;
  readonly idle: () => Promise<void>;
}

/** Serialises the publications of one authority, at least `coalesce` apart. */
function lane(context: CrlContext, authority: Authority, { coalesce, leases, published, failed }: CrlKeeperOptions, holder: string): Lane {
  const publisher = crlPublisher(context, authority);
  const lease = `crl/${authority.name}`;
  let running: Promise<void> | undefined;
  let again = false;
  let last = -Infinity;
  let tail: Promise<unknown> = Promise.resolve();

  /** Runs tasks one after another, whoever asks. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work);
    tail = done.catch(() => undefined);
    return done;
  };

  /** Undefined if another process is publishing. */
  const withLease = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if ((await leases.acquire(lease, holder, context.clock(), LEASE)) === undefined) return undefined;
    const prolong = setInterval(() => void leases.acquire(lease, holder, context.clock(), LEASE).catch(() => undefined), LEASE / 2);
    try {
      return await work();
    } finally {
      clearInterval(prolong);
      await leases.release(lease, holder).catch(() => undefined);
    }
  };

  const publish = async (by: CrlPublisher['publish'], actor: string, force: boolean): Promise<Publication | undefined> => withLease(async () => {
    const pause = last + coalesce - performance.now();
    if (pause > 0) await wait(pause);
    last = performance.now();
    const publication = await by(actor, force);
    published(authority.name, publication, performance.now() - last);
    return publication;
  });

  /** True if another process was publishing. */
  const once = async (): Promise<boolean> => {
    try {
      if (!(await publisher.isDue())) return false;
      return (await publish(publisher.publish, 'system', false)) === undefined;
    } catch (error) {
      failed(authority.name, error);
      return false;
    }
  };

  const run = async (): Promise<void> => {
    do {
      again = false;
      await inTurn(once);
    } while (again);
    running = undefined;
  };
  const look = (): Promise<void> => {
    if (running === undefined) running = run();
    else again = true;
    return running;
  };
  return {
    look,
    settle: async () => {
      for (const end = performance.now() + 2 * LEASE; (await inTurn(once)) && performance.now() < end;) await wait(LEASE_LOOK);
    },
    force: (actor) => inTurn(async () => {
      for (;;) {
        const publication = await publish(publisher.publish, actor, true);
        if (publication !== undefined) return publication;
        await wait(LEASE_LOOK);
      }
    }),
    idle: async () => {
      await running;
      await tail;
    },
  };
}
