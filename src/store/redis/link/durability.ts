import type { Command, Reply } from './link.ts';
import { ErrorReply, listOf, meaningOf, textOf } from './replies.ts';

/** A setting required for a server not to lose what it has acknowledged. */
interface Demand {
  readonly setting: string;
  readonly good: string;
  /** What may happen otherwise. */
  readonly because: string;
}

const DEMANDS: readonly Demand[] = [
  { setting: 'appendonly', good: 'yes', because: 'what is written is only in memory' },
  { setting: 'appendfsync', good: 'always', because: 'what is answered is not on the disk yet' },
  { setting: 'no-appendfsync-on-rewrite', good: 'no', because: 'what is answered while the file is rewritten is not on the disk yet' },
  { setting: 'maxmemory-policy', good: 'noeviction', because: 'what is stored is thrown away when memory is full' },
];

/**
 * Queries sent to a server before it is used: one setting each, since servers before 7.0 accept no more. INFO reveals some if CONFIG is
 * forbidden.
 */
export const DURABILITY_QUESTIONS: readonly Command[] = [
  ...DEMANDS.map(({ setting }): Command => ['CONFIG', 'GET', setting]),
  ['INFO', 'persistence'],
  ['INFO', 'memory'],
];

/**
 * The reasons why the server may lose what it has acknowledged, in words; empty if it does not.
 * @param replies to DURABILITY_QUESTIONS
 */
export function volatility(replies: readonly (Reply | ErrorReply)[]): string[] {
  const info = infoFields(replies.slice(DEMANDS.length).map((reply) => textOf(reply) ?? '').join('\n'));
  return DEMANDS.flatMap(({ setting, good, because }, index) => {
    const reply = replies[index];
    const forbidden = reply instanceof ErrorReply;
    const value = forbidden ? INFERRED[setting]?.(info) : textOf(listOf(reply)[1]);
    if (value === good) return [];
    if (value !== undefined) return [`${setting} is ${value}, must be ${good}: else ${because}`];
    // A server without the setting does not have the problem.
    if (!forbidden) return setting === 'no-appendfsync-on-rewrite' ? [] : [`${setting} cannot be read: CONFIG GET does not return it`];
    return [`${setting} cannot be read: ${reply.code === 'NOPERM' ? 'the user needs the right +config|get' : meaningOf(reply)}`];
  });
}

/** What INFO reveals about a setting. It does not mention appendfsync. */
const INFERRED: Readonly<Record<string, (info: ReadonlyMap<string, string>) => string | undefined>> = {
  appendonly: (info) => ({ 0: 'no', 1: 'yes' })[info.get('aof_enabled') ?? ''],
  'maxmemory-policy': (info) => info.get('maxmemory_policy'),
};

const infoFields = (text: string): ReadonlyMap<string, string> =>
  new Map(text.split(/\r?\n/).flatMap((line) => (line.includes(':') ? [[line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]] : [])));
