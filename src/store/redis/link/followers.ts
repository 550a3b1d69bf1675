import type { Reply } from './link.ts';
import { type ErrorReply, listOf, textOf } from './replies.ts';

/** What ROLE says of a primary. */
export interface Following {
  /** Where its replication stream ends. */
  readonly offset: number;
  /** Of each replica that follows, how far it has said that it is. */
  readonly replicas: ReadonlyMap<string, number>;
}

/** Undefined where the reply is not that of a primary. */
export function followingOf(reply: Reply | ErrorReply | undefined): Following | undefined {
  const [role, offset, replicas] = listOf(reply);
  if (textOf(role) !== 'master') return undefined;
  const each = listOf(replicas).map((one) => listOf(one).map((part) => textOf(part) ?? ''));
  return { offset: Number(offset), replicas: new Map(each.map(([host = '', port = '', at = '']) => [`${host} ${port}`, Number(at)])) };
}

/** Milliseconds that a replica may be silent: it tells how far it is each second, and sentinels wait longer before they act. */
const SILENT = 2000;

/** What the replicas' places in the stream mean for what is acknowledged. */
export interface Standing {
  /** Whether they give reason to ask if the primary still is the only one. */
  readonly doubt: boolean;
  /** How many keep step: have had all that there was, and not been silent since. */
  readonly inStep: number;
}

/**
 * Milliseconds after a replica has left in which it may be the primary already, and not all who should know have heard of it: sentinels look
 * at a replica's role each second, and tell each other every two.
 */
const UNSETTLED = 5000;

interface Seen {
  readonly wanted: number;
  /** When it had last come to where it was to be. */
  readonly since: number;
  readonly inStep: boolean;
}

/**
 * Watches the replicas of a primary.
 *
 * In a failover that somebody asked for, or where the network is cut in two, the old primary lives on for a while, and those replicas that
 * were not promoted still acknowledge what it will soon throw away. But the one that was promoted has left it, or is silent: that is doubt.
 *
 * And any replica that keeps step may be the one that a failover promotes: a sentinel chooses by how far they were when it last asked, which
 * may be seconds ago. So what is acknowledged must be on all of these.
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
