import type { Failure } from '../../client/failure.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../context.ts';

export type Outcome = 'ok' | 'warn' | 'fail' | 'skip';

/** What one look found. `advice` says what to do about it. */
export interface Finding {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly advice?: string;
  /** Each fault by itself, where there are several. */
  readonly faults?: readonly string[];
  /** Of `skip`: the check whose failure left nothing to look at. */
  readonly because?: string;
}

/** What the checks look at. */
export interface Patient {
  readonly context: Context;
  /** Absolute path of the data folder. */
  readonly data: string;
  /** Undefined where it cannot be used; its own check says why. */
  readonly config: Config | undefined;
  readonly configFault: unknown;
  readonly url: URL | Failure;
  /** The roots that the service must lead to, PEM; or why there are none. */
  readonly roots: string | Failure;
}

/** One thing to look at. What `look` throws is a `fail`, and leaves nothing to look at for the checks that need this one. */
export interface Check {
  readonly name: string;
  /** The checks, earlier ones, without which there is nothing to look at here. */
  readonly needs?: readonly string[];
  readonly look: (patient: Patient) => Finding | Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ outcome: 'ok', detail });
export const warn = (detail: string, advice: string): Finding => ({ outcome: 'warn', detail, advice });
/** Of a check that an earlier one has left nothing to look at. */
export const skipped = (because: string): Finding => ({ outcome: 'skip', detail: `not looked at, since ${because} failed`, because });
export const fail = (detail: string, advice: string): Finding => ({ outcome: 'fail', detail, advice });
