import { Resolver as NodeResolver } from 'node:dns/promises';
import { CallFailed } from './call-failed.ts';
import { inTime, TimeUp } from './deadline.ts';

/** Time for one query including retries, and for the first attempt, milliseconds. A resolver may have to query several servers itself. */
const LOOKUP = 6_000;
const FIRST_TRY = 2_000;
const TRIES = 2;

/** Records examined per response. No honest name has more. */
const MOST_RECORDS = 200;

/** A CAA record (RFC 8659 4.1). */
export interface CaaRecord {
  /** Bit 7 of the flags. */
  readonly critical: boolean;
  /** In lower case; empty if it could not be read. */
  readonly tag: string;
  readonly value: string;
}

/**
 * Queries to a recursive resolver. An empty list means that the name has no such records. Nothing is cached, except that concurrent CAA queries for the
 * same name share a response. Throws CallFailed `dns` if there was no valid response, and the reason of `signal` if that fires; `caa` treats a name that
 * does not exist like one without records.
 */
export interface Resolver {
  /** IPv6 first (RFC 6724). */
  readonly addresses: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Each record as a single string. */
  readonly texts: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  readonly caa: (name: string, signal: AbortSignal) => Promise<readonly CaaRecord[]>;
}

/** @param server `host:port`, `[::1]:53`; the system's if undefined */
export function makeResolver(server?: string): Resolver {
  // Node's resolver (c-ares) falls back to TCP for truncated responses, randomises port and id of each query, and does not cache.
  const node = new NodeResolver({ timeout: FIRST_TRY, tries: TRIES });
  if (server !== undefined) node.setServers([server]);

  // Names validated concurrently mostly share their parents.
  const underWay = new Map<string, Promise<readonly object[]>>();
  const resolveCaa = (name: string): Promise<readonly object[]> => {
    const known = underWay.get(name);
    if (known !== undefined) return known;
    const asked = node.resolveCaa(name).finally(() => underWay.delete(name));
    underWay.set(name, asked);
    return asked;
  };

  const ask = async <T>(name: string, type: string, question: () => Promise<readonly T[]>, signal: AbortSignal, none = ['ENODATA']): Promise<readonly T[]> => {
    try {
      return (await inTime(LOOKUP, signal, question())).slice(0, MOST_RECORDS);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const code = error instanceof TimeUp ? 'ETIMEOUT' : (error as NodeJS.ErrnoException).code ?? '';
      if (none.includes(code)) return [];
      throw new CallFailed('dns', `looking up ${type} of ${name}: ${REASONS[code] ?? 'no usable answer'}`, { cause: error, again: AGAIN.includes(code) });
    }
  };

  return {
    async addresses(name, signal) {
      const [v6, v4] = await Promise.allSettled([
        ask(name, 'AAAA', () => node.resolve6(name), signal),
        ask(name, 'A', () => node.resolve4(name), signal),
      ]);
      const found = [v6, v4].flatMap((one) => one.status === 'fulfilled' ? one.value : []);
      // Servers that do not know AAAA respond with all kinds of errors: the result of the other query suffices.
      const failed = [v4, v6].find((one) => one.status === 'rejected');
      if (found.length === 0 && failed !== undefined) throw failed.reason;
      return found;
    },
    texts: (name, signal) => ask(name, 'TXT', async () => (await node.resolveTxt(name)).map((parts) => parts.join('')), signal),
    caa: (name, signal) => ask(name, 'CAA', async () => (await resolveCaa(name)).map(readCaa), signal, ['ENODATA', 'ENOTFOUND']),
  };
}

const AGAIN = ['ENOTFOUND', 'ETIMEOUT', 'ESERVFAIL', 'ECONNREFUSED', 'EREFUSED', 'ECANCELLED'];

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name (NXDOMAIN)',
  ETIMEOUT: 'no answer in time',
  ESERVFAIL: 'the name servers have failed (SERVFAIL)',
  EREFUSED: 'the name servers refuse (REFUSED)',
  ENOTIMP: 'the name servers do not support this (NOTIMP)',
  EFORMERR: 'the name servers did not understand (FORMERR)',
  EBADRESP: 'the answer is malformed',
  EBADNAME: 'that is not a DNS name',
  ECONNREFUSED: 'the resolver cannot be reached',
};

/**
 * Node returns a record as an object whose member is named after the tag, next to `critical` for the flags. A tag that is itself `critical` or
 * `__proto__` is lost that way: such a record is treated as a critical one with an unknown tag, which forbids issuance (RFC 8659 4.1).
 */
function readCaa(record: object): CaaRecord {
  const members = Object.entries(record as Readonly<Record<string, unknown>>);
  const flags = members.find(([name]) => name === 'critical')?.[1];
  const [tag, value] = members.find(([name, member]) => name !== 'critical' && typeof member === 'string') ?? [];
  if (typeof flags !== 'number' || tag === undefined) return { critical: true, tag: '', value: '' };
  return { critical: (flags & 0x80) !== 0, tag: tag.toLowerCase(), value: String(value) };
}
