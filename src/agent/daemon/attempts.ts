import { Failure } from '../../client/failure.ts';
import { ProblemFailure } from '../../client/problem.ts';
import { pauseAfter } from './schedule.ts';

/** Something that is tried until it is done, and how that went. Times in milliseconds since the Unix epoch. */
export interface Attempts {
  /** In a row; 0 after a success. */
  readonly failures: () => number;
  /** Since the start. */
  readonly failed: () => number;
  /** Not before this it is tried again; 0 where nothing speaks against it. */
  readonly notBefore: () => number;
  readonly waitUntil: (time: number) => void;
  /** Does it now. False where it failed: then `told` was told why and when it is tried again. `end`: of what there is time for. */
  readonly attempt: (work: () => Promise<void>, end: number, told: (failure: Failure, again: number) => void) => Promise<boolean>;
  /** What was waited for counts no more: the clock was set, or it is another thing now. */
  readonly forget: () => void;
}

export interface AttemptsSurroundings {
  readonly now: () => number;
  /** From 0 to 1. */
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

/** One certificate's trouble must not end the care for the others, whatever it is. */
function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, path, message = String(error) } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  return new Failure('file', code === undefined || path === undefined ? message : `${path}: ${code}`, { cause: error });
}
