import type { Authority } from '../authority/authority.ts';
import { type CrlContext, crlIsDue, publishCrl } from './crl-publisher.ts';

export interface CrlKeeperOptions {
  /** Authorities whose CRL is signed here. */
  readonly authorities: readonly Authority[];
  /** At most one publication of an authority in this time, milliseconds. */
  readonly coalesce: number;
  /** How often the store is asked whether a CRL is due: another process may have revoked, and died before it published. */
  readonly lookEvery: number;
  readonly published: (authority: string, milliseconds: number) => void;
  readonly failed: (authority: string, error: unknown) => void;
}

export interface CrlKeeper {
  /** Publishes whatever is due, and resolves when it stands. */
  readonly start: () => Promise<void>;
  /** A revocation was written: publish soon, and many at once as one. */
  readonly due: (authority: string) => void;
  /** Resolves when nothing is under way any more. */
  readonly stop: () => Promise<void>;
}

/** Keeps the CRL of each authority fresh: at once after a revocation, before its end, and after somebody else's crash. */
export function crlKeeper(context: CrlContext, options: CrlKeeperOptions): CrlKeeper {
  const lanes = new Map(options.authorities.map((authority) => [authority.name, lane(context, authority, options)]));
  let timer: NodeJS.Timeout | undefined;
  return {
    start: async () => {
      await Promise.all([...lanes.values()].map(({ look }) => look()));
      timer = setInterval(() => lanes.forEach(({ look }) => void look()), options.lookEvery);
      timer.unref();
    },
    due: (authority) => void lanes.get(authority)?.look(),
    stop: async () => {
      clearInterval(timer);
      await Promise.all([...lanes.values()].map(({ idle }) => idle()));
    },
  };
}

/** One authority: one publication at a time, and the next no sooner than `coalesce` after the last. */
function lane(context: CrlContext, authority: Authority, { coalesce, published, failed }: CrlKeeperOptions): { look: () => Promise<void>; idle: () => Promise<void> } {
  let running: Promise<void> | undefined;
  let again = false;
  let last = -Infinity;
  const run = async (): Promise<void> => {
    do {
      again = false;
      try {
        if (!(await crlIsDue(context, authority))) continue;
        const wait = last + coalesce - performance.now();
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        last = performance.now();
        await publishCrl(context, authority, 'system');
        published(authority.name, performance.now() - last);
      } catch (error) {
        failed(authority.name, error);
      }
    } while (again);
    running = undefined;
  };
  const look = (): Promise<void> => {
    if (running === undefined) running = run();
    else again = true;
    return running;
  };
  return { look, idle: () => running ?? Promise.resolve() };
}
