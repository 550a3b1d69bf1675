import { Refused } from '../../errors.ts';
import { within } from '../../outgoing/deadline.ts';
import type { Passage, Question } from '../../policy/eligibility.ts';
import { type Answer, readAnswer, WebhookFailed } from './answer.ts';
import { type Post, poster } from './post.ts';
import { questionBody } from './question.ts';
import type { WebhookEndpoint } from './settings.ts';
import { SIGNATURE_HEADER, signatureOf, TIMESTAMP_HEADER } from './signature.ts';

/** Concurrent calls per process and webhook; further requesters are told to come back. */
const MOST_AT_ONCE = 64;
/** Seconds after which a requester may retry when the webhook did not answer. */
const RETRY_AFTER = 10;

export interface WebhookOptions {
  readonly endpoint: WebhookEndpoint;
  /** Called with the outcome of each call and its duration in milliseconds. */
  readonly told: (webhook: string, outcome: Answer['decision'] | 'failed', milliseconds: number) => void;
  /** Reports why there was no answer, for the log. */
  readonly report: (what: string, error: unknown) => void;
  readonly post?: Post;
}

/** Asks the webhook. Throws Refused `unavailable` if there is no answer: an outage must not become a permanent refusal. */
export type Ask = (question: Question, before: readonly Passage[]) => Promise<Answer>;

export function webhook({ endpoint, told, report, post = poster(endpoint) }: WebhookOptions): Ask {
  const { name, secret, timeout } = endpoint;
  let underWay = 0;
  return async (question, before) => {
    if (underWay >= MOST_AT_ONCE) throw unavailable(name, 1);
    underWay += 1;
    const began = performance.now();
    let outcome: Answer['decision'] | 'failed' = 'failed';
    try {
      const body = questionBody(name, question, before);
      const timestamp = String(Math.floor(question.time / 1000));
      const headers = { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: signatureOf(secret, timestamp, body) };
      const answer = readAnswer(await within(timeout * 1000, new AbortController().signal, (signal) => post(headers, body, signal)));
      outcome = answer.decision;
      return answer;
    } catch (error) {
      report(`webhook ${name} gave no answer: ${error instanceof WebhookFailed ? error.message : String(error)}`, error);
      throw unavailable(name, RETRY_AFTER, error);
    } finally {
      underWay -= 1;
      told(name, outcome, performance.now() - began);
    }
  };
}

const unavailable = (name: string, retryAfter: number, cause?: unknown): Refused =>
  new Refused('unavailable', `The webhook ${name}, which decides about this request, is not answering now; nothing was decided; try again.`, { retryAfter, cause });
