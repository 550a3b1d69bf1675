import { setTimeout as sleep } from 'node:timers/promises';
import type { ChanceryClient } from '../client/chancery-client.ts';
import { Failure } from '../client/failure.ts';
import { ProblemFailure, toProblem } from '../client/problem.ts';
import type { RequestReply } from '../client/replies.ts';

export interface SettleOptions {
  /** Seconds after which to stop waiting for a pending request. */
  readonly wait: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Called before each wait with what is being waited for. */
  readonly onWaiting: (what: string) => void;
}

/** The seconds of one `Prefer: wait`, and the pause where the service does not hold its reply. */
const HOLD = 30;
const PAUSE = 1;
const LONGEST_PAUSE = 30;

/**
 * Sends a request and follows it until it is issued. If the service is busy, or briefly away after it received the request, it is asked
 * again; the request never changes, so repeating it is safe.
 * Throws Failure `waiting` when the time is over; ProblemFailure if it was refused.
 */
export async function settle(client: Pick<ChanceryClient, 'getRequest'>, send: () => Promise<RequestReply>, options: SettleOptions): Promise<RequestReply> {
  const end = options.now() + options.wait * 1000;
  let request = await patiently(send, busy, end, options);
  while (request.state === 'pending' || request.state === 'approved') {
    const left = Math.floor((end - options.now()) / 1000);
    if (left <= 0) throw stillWaiting(request);
    options.onWaiting(waitedFor(request));
    const began = options.now();
    const { id } = request;
    request = await patiently(() => client.getRequest(id, Math.min(HOLD, left)), passing, end, options);
    // A service that does not hold its reply must not be polled without a pause.
    if (options.now() - began < PAUSE * 1000 && request.state !== 'issued') await sleep(PAUSE * 1000);
  }
  if (request.state === 'issued') return request;
  const problem = toProblem(403, request.problem);
  throw new ProblemFailure({ ...problem, detail: problem.detail ?? `request ${request.id} was ${request.state}: ${failedSteps(request)}` });
}

/** Retries while `again` says that the failure is temporary and there is time left. */
async function patiently<T>(ask: () => Promise<T>, again: (error: unknown) => boolean, end: number, options: SettleOptions): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const pause = Math.min(LONGEST_PAUSE, (error instanceof ProblemFailure ? error.retryAfter : undefined) ?? PAUSE) * 1000;
      if (!again(error) || options.now() + pause > end) throw error;
      options.onWaiting(`the service (${error instanceof Failure ? error.message : 'busy'})`);
      await sleep(pause);
    }
  }
}

/** Whether a refusal is final, however often the request is repeated. */
export const isFinal = (error: unknown): boolean => error instanceof ProblemFailure && [400, 403, 409, 422].includes(error.status);

/** 429 and 503 say when to try again. */
const busy = (error: unknown): boolean => error instanceof ProblemFailure && (error.status === 429 || error.status === 503);
const passing = (error: unknown): boolean => busy(error) || (error instanceof Failure && (error.code === 'unreachable' || error.code === 'timeout'));

const waitedFor = (request: RequestReply): string =>
  request.steps.filter(({ outcome }) => outcome === 'waiting').map(({ name, reason }) => `${name} (${reason})`).join(', ') || 'the signature';

const failedSteps = (request: RequestReply): string =>
  request.steps.filter(({ outcome }) => outcome === 'failed').map(({ name, reason }) => `${name}: ${reason}`).join('; ');

const stillWaiting = (request: RequestReply): Failure => new Failure('waiting', `request ${request.id} still waits for ${waitedFor(request)}`, {
  advice: `an operator decides with 'chancery requests approve ${request.id} --reason WHY'; run the same command again to continue`,
});
