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

/**
 * Watches the replicas of a primary, and says when they give reason to ask whether it still is the only one. In a failover that somebody
 * asked for, or where the network is cut in two, the old primary lives on for a while, and those replicas that were not promoted still
 * acknowledge what it will soon throw away. But the one that was promoted has left it, or is silent.
 */
export function watchFollowers(): (now: Following, clock: number) => boolean {
  let known: ReadonlyMap<string, { readonly wanted: number; readonly since: number }> = new Map();
  return ({ offset, replicas }, clock) => {
    const left = [...known.keys()].some((one) => !replicas.has(one));
    known = new Map([...replicas].map(([one, at]) => {
      const before = known.get(one);
      return [one, before === undefined || at >= before.wanted ? { wanted: offset, since: clock } : before];
    }));
    return left || [...known.values()].some(({ since }) => clock - since > SILENT);
  };
}
