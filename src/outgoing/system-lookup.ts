import { lookup } from 'node:dns/promises';
import { CallFailed } from './call-failed.ts';
import { inTime, TimeUp } from './deadline.ts';
import type { AddressLookup } from './dial.ts';

/** Milliseconds. */
const LOOKUP = 5_000;

/**
 * Addresses of names as resolved by the machine itself: with its hosts file, search domains (`kubernetes.default.svc`) and caches. For names configured by
 * an operator; names given by clients are resolved by `resolver.ts`. Throws CallFailed `dns`, and the reason of `signal`.
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
