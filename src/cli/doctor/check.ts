import type { Failure } from '../../client/failure.ts';
import type { Config } from '../../config/config.ts';
import type { Context } from '../context.ts';

export type Outcome = 'ok' | 'warn' | 'fail';

/** What one look found. `advice` says what to do about it. */
export interface Finding {
  readonly outcome: Outcome;
  readonly detail: string;
  readonly advice?: string;
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
  /** The roots that the service must lead to, PEM. */
  readonly roots: string | undefined;
}

/** One thing to look at. Whatever `look` throws is a `fail`. */
export interface Check {
  readonly name: string;
  readonly look: (patient: Patient) => Finding | Promise<Finding>;
}

export const ok = (detail: string): Finding => ({ outcome: 'ok', detail });
export const warn = (detail: string, advice: string): Finding => ({ outcome: 'warn', detail, advice });
export const fail = (detail: string, advice: string): Finding => ({ outcome: 'fail', detail, advice });
