import { EMPTY_CHAIN, hashOf } from './chain.ts';
import type { ChainHead } from './chain.ts';
import type { AuditEntry } from './entry.ts';

/** Everything that can be wrong with a log. */
type ChainFaultKind =
  /** The entry's content does not match its hash. */
  | 'changed'
  /** Its hash is right, but it does not follow from the preceding line: one of the two was replaced. */
  | 'unlinked'
  /** Lines between the preceding one and this one are missing. */
  | 'missing'
  /** The line comes after one with the same or a higher number. */
  | 'reordered'
  /** The log ends before, after or differently than the store's head says. */
  | 'wrong-head';

export interface ChainFault {
  readonly kind: ChainFaultKind;
  /** Number of the line where the fault appears. */
  readonly sequence: number;
  readonly detail: string;
}

/** Checks a log line by line, in bounded memory. `start` is the head that the first line must follow. */
export function chainVerifier(start: ChainHead = EMPTY_CHAIN): {
  /** The faults found at this line, usually none. */
  readonly check: (entry: AuditEntry) => ChainFault[];
  /** The faults found at the end of the log, given the head according to the store. */
  readonly finish: (head: ChainHead) => ChainFault[];
} {
  let last = start;
  return {
    check(entry) {
      const faults: ChainFault[] = [];
      const { sequence } = entry;
      const fault = (kind: ChainFaultKind, detail: string): void => void faults.push({ kind, sequence, detail });
      if (hashOf(entry) !== entry.hash) fault('changed', `line ${sequence} was changed: its content does not match its hash`);
      if (sequence <= last.sequence) {
        // Continue from the highest line, so that a single misplaced line is reported once.
        fault('reordered', `line ${sequence} stands after line ${last.sequence}`);
        return faults;
      }
      if (sequence > last.sequence + 1) fault('missing', `${gap(last.sequence + 1, sequence - 1)} missing`);
      else if (entry.previous !== last.hash) fault('unlinked', `line ${sequence} does not follow from line ${last.sequence} as it stands`);
      last = { sequence, hash: entry.hash };
      return faults;
    },
    finish(head) {
      if (head.sequence === last.sequence && head.hash === last.hash) return [];
      const fault = (sequence: number, detail: string): ChainFault[] => [{ kind: 'wrong-head', sequence, detail }];
      if (head.sequence > last.sequence) return fault(last.sequence + 1, `${gap(last.sequence + 1, head.sequence)} missing at the end`);
      if (head.sequence < last.sequence) return fault(last.sequence, `the log goes on to line ${last.sequence}, its head says ${head.sequence}`);
      return fault(last.sequence, `the head's hash is not that of line ${last.sequence}`);
    },
  };
}

const gap = (from: number, to: number): string => (from === to ? `line ${from} is` : `lines ${from} to ${to} are`);

/** All faults of a log, oldest first; empty if it is genuine. */
export async function verifyChain(
  entries: Iterable<AuditEntry> | AsyncIterable<AuditEntry>, head: ChainHead, start: ChainHead = EMPTY_CHAIN,
): Promise<ChainFault[]> {
  const verifier = chainVerifier(start);
  const faults: ChainFault[] = [];
  for await (const entry of entries) faults.push(...verifier.check(entry));
  return [...faults, ...verifier.finish(head)];
}
