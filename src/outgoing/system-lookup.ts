import { lookup } from 'node:dns/promises';
import { CallFailed } from './call-failed.ts';
import { inTime, TimeUp } from './deadline.ts';
import type { AddressLookup } from './dial.ts';

/** Milliseconds. */
const LOOKUP = 5_000;

/**
 * Addresses of names as the machine itself knows them: its hosts file, its search domains (`kubernetes.default.svc`), its caches. For names that
 * an operator has configured; those that strangers name are asked for by `resolver.ts`. Throws CallFailed `dns`, and what `signal` says.
 */
export const systemLookup: AddressLookup = {
  async addresses(name, signal) {
    try {
      const found = await inTime(LOOKUP, signal, lookup(name, { all: true, verbatim: true }));
      return found.map(({ address }) => address);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const code = error instanceof TimeUp ? 'ETIMEOUT' : (error as NodeJS.ErrnoException).code ?? '';
      throw new CallFailed('dns', `looking up ${name}: ${REASONS[code] ?? 'no usable answer'}`, { cause: error, again: true });
    }
  },
};

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'the name servers do not answer',
  ETIMEOUT: 'no answer in time',
};
