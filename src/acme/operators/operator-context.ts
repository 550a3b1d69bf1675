import type { Authentication } from '../../http/authentication.ts';
import type { AcmeContext } from '../context.ts';

/** The dependencies of the operators' routes. */
export interface OperatorContext {
  readonly acme: AcmeContext;
  readonly authentication: Authentication;
}
