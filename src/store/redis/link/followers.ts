import type { Reply } from './link.ts';
import { type ErrorReply, listOf, textOf } from './replies.ts';

/** What ROLE says about a primary. */
export interface Following {
  /** End of its replication stream. */
  readonly offset: number;
  /** The offset that each connected replica has reported. */
  readonly replicas: ReadonlyMap<string, number>;
}

/** Undefined unless the reply is that of a primary. */
export function followingOf(reply: Reply | ErrorReply | undefined): Following | undefined {
  const [role, offset, replicas] = listOf(reply);
  if (textOf(role) !== 'master') return undefined;
  const each = listOf(replicas).map((one) => listOf(one).map((part) => textOf(part) ?? ''));
  return { offset: Number(offset), replicas: new Map(each.map(([host = '', port = '', at = '']) => [`${host} ${port}`, Number(at)])) };
}

/** Milliseconds for which a replica may be silent: it reports its offset every second, and sentinels wait longer before they act. */
const SILENT = 2000;

/** What the replicas' offsets mean for acknowledgements. */
export interface Standing {
  /** Whether they give reason to verify that this is still the only primary. */
  readonly doubt: boolean;
  /** The number of replicas in step: they have received everything, and have not been silent since. */
  readonly inStep: number;
}

/**
 * Milliseconds after the departure of a replica during which it may already be the primary without everyone knowing: sentinels check a replica's role
 * every second, and inform each other every two.
 */
const UNSETTLED = 5000;

interface Seen {
  readonly wanted: number;
  /** When it last reached the offset it was supposed to. */
  readonly since: number;
  readonly inStep: boolean;
}

/**
 * Watches the replicas of a primary.
 *
 * During a manual failover, or a network partition, the old primary lives on for a while, and the replicas that were not promoted still acknowledge
 * what it will soon discard. But the promoted one has left, or is silent: that raises doubt.
 *
 * Any replica in step may be the one that a failover promotes: sentinels choose by the offsets that they saw last, possibly seconds ago. So whatever is
 * acknowledged must be on all of these.
 */
export function watchFollowers(): (now: Following, clock: number) => Standing {
  let known: ReadonlyMap<string, Seen> = new Map();
  let lastLeft = -Infinity;
  return ({ offset, replicas }, clock) => {
    if ([...known.keys()].some((one) => !replicas.has(one))) lastLeft = clock;
    known = new Map([...replicas].map(([one, at]) => {
      const before = known.get(one);
      if (before === undefined) return [one, { wanted: offset, since: clock, inStep: at >= offset }];
      if (at >= before.wanted) return [one, { wanted: offset, since: clock, inStep: true }];
      return [one, { ...before, inStep: before.inStep && clock - before.since <= SILENT }];
    }));
    const each = [...known.values()];
    return { doubt: clock - lastLeft < UNSETTLED || each.some(({ since }) => clock - since > SILENT), inStep: each.filter(({ inStep }) => inStep).length };
  };
}
