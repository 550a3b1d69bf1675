import { Resolver as NodeResolver } from 'node:dns/promises';
import { CallFailed } from './call-failed.ts';
import { inTime, TimeUp } from './deadline.ts';

/** Time for one question with its retries, and for the first answer, milliseconds. A resolver may itself have to ask a few servers. */
const LOOKUP = 6_000;
const FIRST_TRY = 2_000;
const TRIES = 2;

/** Records in one answer; more are not looked at. No honest name has so many. */
const MOST_RECORDS = 200;

/** A CAA record (RFC 8659 4.1). */
export interface CaaRecord {
  /** Bit 7 of the flags. */
  readonly critical: boolean;
  /** Lower case; empty where it could not be read. */
  readonly tag: string;
  readonly value: string;
}

/**
 * Questions to a recursive resolver. An empty list means that the name has none. Nothing is kept: each call asks anew, only that those for
 * CAA of one name at one time share an answer. Throws CallFailed `dns` where no good answer came, and what `signal` says when it fires;
 * `caa` takes a name that does not exist for one without records.
 */
export interface Resolver {
  /** IPv6 first (RFC 6724). */
  readonly addresses: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Each record as one text. */
  readonly texts: (name: string, signal: AbortSignal) => Promise<readonly string[]>;
  readonly caa: (name: string, signal: AbortSignal) => Promise<readonly CaaRecord[]>;
}

/** @param server `host:port`, `[::1]:53`; those of the system where undefined */
export function makeResolver(server?: string): Resolver {
  // Node's own (c-ares): it goes to TCP when an answer was cut short, has a random port and number for each question, and keeps no answers.
  const node = new NodeResolver({ timeout: FIRST_TRY, tries: TRIES });
  if (server !== undefined) node.setServers([server]);

  // Names that are validated at the same time mostly lie below the same ones.
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
      // Servers that know no AAAA answer with all sorts of faults: what the other question brought is good enough.
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
  ENOTIMP: 'the name servers do not do this (NOTIMP)',
  EFORMERR: 'the name servers did not understand (FORMERR)',
  EBADRESP: 'the answer is malformed',
  EBADNAME: 'that is no name for DNS',
  ECONNREFUSED: 'the resolver cannot be reached',
};

/**
 * Node puts a record into an object, flags as `critical` beside the tag as a member's name. A tag that is itself called `critical` or
 * `__proto__` is lost that way: such a record is taken for a critical one of an unknown tag, which forbids (RFC 8659 4.1).
 */
function readCaa(record: object): CaaRecord {
  const members = Object.entries(record as Readonly<Record<string, unknown>>);
  const flags = members.find(([name]) => name === 'critical')?.[1];
  const [tag, value] = members.find(([name, member]) => name !== 'critical' && typeof member === 'string') ?? [];
  if (typeof flags !== 'number' || tag === undefined) return { critical: true, tag: '', value: '' };
  return { critical: (flags & 0x80) !== 0, tag: tag.toLowerCase(), value: String(value) };
}
