import { parseStrictJson } from '../../strict-json.ts';

const DECISIONS = ['allow', 'deny', 'wait'] as const;

export interface Answer {
  readonly decision: (typeof DECISIONS)[number];
  /** One line for the requester; may be empty for `allow`. */
  readonly reason: string;
  /** Only for `wait`: seconds after which to ask again. */
  readonly retryAfter?: number;
}

/** The webhook did not respond, or not as required: no decision was made. `message` is for the log. */
export class WebhookFailed extends Error {
  override readonly name = 'WebhookFailed';
}

const MEMBERS: readonly string[] = ['decision', 'reason', 'retryAfter'];
const MOST_REASON = 512;
const MOST_RETRY = 86_400;

/**
 * Parses an answer. Only the exact form is accepted: an ambiguous answer must not issue certificates.
 * @throws WebhookFailed
 */
export function readAnswer(body: Uint8Array): Answer {
  let value: unknown;
  try {
    value = parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new WebhookFailed('the answer is not JSON', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WebhookFailed('the answer is not a JSON object');
  const answer = value as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(answer).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined) throw new WebhookFailed(`the answer has a member ${JSON.stringify(unknown.slice(0, 64))}; expected only ${MEMBERS.join(', ')}`);
  const decision = DECISIONS.find((one) => one === answer['decision']);
  if (decision === undefined) throw new WebhookFailed(`the answer's decision is none of ${DECISIONS.join(', ')}`);
  return { decision, reason: readReason(answer['reason'], decision), ...readRetryAfter(answer['retryAfter'], decision) };
}

function readReason(reason: unknown, decision: Answer['decision']): string {
  if (reason === undefined && decision === 'allow') return '';
  if (typeof reason !== 'string' || reason === '' || reason.length > MOST_REASON) throw new WebhookFailed(`the answer's reason is not a string of 1 to ${MOST_REASON} characters`);
  // The reason ends up in the request, in the audit log and on terminals.
  if (/\p{Cc}/u.test(reason)) throw new WebhookFailed('the answer\'s reason has control characters');
  return reason;
}

function readRetryAfter(seconds: unknown, decision: Answer['decision']): Pick<Answer, 'retryAfter'> {
  if (seconds === undefined) return {};
  if (decision !== 'wait') throw new WebhookFailed(`the answer has a retryAfter with ${decision}`);
  if (!Number.isSafeInteger(seconds) || Number(seconds) < 1 || Number(seconds) > MOST_RETRY) throw new WebhookFailed(`the answer's retryAfter is not a whole number of seconds from 1 to ${MOST_RETRY}`);
  return { retryAfter: Number(seconds) };
}
