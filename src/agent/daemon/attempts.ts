import { Failure } from '../../client/failure.ts';
import { ProblemFailure } from '../../client/problem.ts';
import { pauseAfter } from './schedule.ts';

/** Retries of one piece of work. Times in milliseconds since the Unix epoch. */
export interface Attempts {
  /** Consecutive failures; 0 after a success. */
  readonly failures: () => number;
  /** Failures since the start. */
  readonly failed: () => number;
  /** No retry before this time; 0 if there is no restriction. */
  readonly notBefore: () => number;
  readonly waitUntil: (time: number) => void;
  /** Attempts it now. False on failure, after reporting the reason and the time of the retry to `told`. `end` is the deadline for retries. */
  readonly attempt: (work: () => Promise<void>, end: number, told: (failure: Failure, again: number) => void) => Promise<boolean>;
  /** Discards the back-off: the clock was set, or the work is now a different one. */
  readonly forget: () => void;
}

export interface AttemptsSurroundings {
  readonly now: () => number;
  /** A random number from 0 to 1. */
  readonly random: () => number;
}

export function attempts({ now, random }: AttemptsSurroundings): Attempts {
  let failures = 0;
  let failed = 0;
  let notBefore = 0;
  return {
    failures: () => failures,
    failed: () => failed,
    notBefore: () => notBefore,
    waitUntil: (time) => { notBefore = time; },
    forget: () => { notBefore = 0; },
    attempt: async (work, end, told) => {
      try {
        await work();
        failures = 0;
        notBefore = 0;
        return true;
      } catch (error) {
        failures += 1;
        failed += 1;
        const retryAfter = error instanceof ProblemFailure && error.retryAfter !== undefined ? error.retryAfter * 1000 : undefined;
        notBefore = now() + pauseAfter({ failures, left: end - now(), retryAfter }, random);
        told(failureOf(error), notBefore);
        return false;
      }
    },
  };
}

/** Trouble with one certificate, whatever it is, must not affect the others. */
function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, path, message = String(error) } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  return new Failure('file', code === undefined || path === undefined ? message : `${path}: ${code}`, { cause: error });
}
