import type { FastifyRequest } from 'fastify';
import type { IssueInput } from '../issuance/input.ts';
import type { SignRequest } from './sign-request.ts';

/** What an authenticated caller may have issued. */
export interface Asking {
  readonly input: IssueInput;
  /**
   * HTTP status of final refusals. Clients of cfssl read the envelope, whatever the status; SwarmKit considers any status other than 200 temporary, and
   * asks again every ten seconds.
   */
  readonly refusedWith: 200 | 400;
}

/** One kind of caller that may use `sign`, and for what. */
export interface Asker {
  /** Undefined if the caller is not of this kind. @throws Refused, CfsslRefusal */
  readonly ask: (request: FastifyRequest, wanted: SignRequest) => Promise<Asking | undefined>;
}
