import type { FastifyRequest } from 'fastify';
import type { IssueInput } from '../issuance/input.ts';
import type { SignRequest } from './sign-request.ts';

/** What somebody who was let in may have issued. */
export interface Asking {
  readonly input: IssueInput;
  /**
   * HTTP status of a refusal for good. Clients of cfssl read the envelope, whatever the status; SwarmKit takes any other than 200 for
   * something that passes, and asks again every ten seconds.
   */
  readonly refusedWith: 200 | 400;
}

/** Those of one kind who may ask `sign`, and for what. */
export interface Asker {
  /** Undefined where the caller is none of them. @throws Refused, CfsslRefusal */
  readonly ask: (request: FastifyRequest, wanted: SignRequest) => Promise<Asking | undefined>;
}
