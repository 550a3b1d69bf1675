import type { Authentication } from '../../http/authentication.ts';
import type { AcmeContext } from '../context.ts';

/** What operators' calls work with. */
export interface OperatorContext {
  readonly acme: AcmeContext;
  readonly authentication: Authentication;
}
