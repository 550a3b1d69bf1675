import type { Failure } from '../../client/failure.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../context.ts';

export type Outcome = 'ok' | 'warn' | 'fail' | 'skip';

/** The result of one check. `advice` says what to do about it. */
export interface Finding {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly advice?: string;
  /** The individual faults, if there are several. */
  readonly faults?: readonly string[];
  /** For `skip`: the check whose failure made this one impossible. */
  readonly because?: string;
}

/** What the checks examine. */
export interface Patient {
  readonly context: Context;
  /** The absolute path of the data folder. */
  readonly data: string;
  /** Undefined if it cannot be used; its own check says why. */
  readonly config: Config | undefined;
  readonly configFault: unknown;
  readonly url: URL | Failure;
  /** The roots that the service must chain to, PEM; or why there are none. */
  readonly roots: string | Failure;
}

/** One check. An exception from `look` counts as `fail`, and makes the checks that need this one impossible. */
export interface Check {
  readonly name: string;
  /** Earlier checks without which this one is impossible. */
  readonly needs?: readonly string[];
  readonly look: (patient: Patient) => Finding | Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ outcome: 'ok', detail });
export const warn = (detail: string, advice: string): Finding => ({ outcome: 'warn', detail, advice });
/** The finding of a check that an earlier failure made impossible. */
export const skipped = (because: string): Finding => ({ outcome: 'skip', detail: `not checked, since ${because} failed`, because });
export const fail = (detail: string, advice: string): Finding => ({ outcome: 'fail', detail, advice });
