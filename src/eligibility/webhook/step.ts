import { formatDuration } from '../../config/duration.ts';
import type { WebhookSetting } from '../../policy/compile-steps.ts';
import { concerns, type EligibilityStep, failed, isOwn, OWN, passed, type Passage, type Question, type Verdict, waiting } from '../../policy/eligibility.ts';
import type { Ask } from './ask.ts';

/** Seconds until a webhook that answers `wait` without `retryAfter` is asked again; doubled each time up to the second value. */
const FIRST_PAUSE = 30;
const LONGEST_PAUSE = 3600;

/** Consults an external service. Its answer applies to this request only, and it is asked only if nothing else refuses the request. */
export const webhookStep = ({ webhook, profiles, giveUp }: WebhookSetting, ask: Ask): EligibilityStep => {
  const endOf = ({ waiting: before, time }: Question): number => (before?.since ?? time) + giveUp * 1000;
  const undecided = (said: string): Verdict => failed([{ code: 'webhook-undecided', detail: `${webhook} did not decide within ${formatDuration(giveUp)}; ${said}` }]);
  const judge = async (question: Question, before: readonly Passage[]): Promise<Verdict> => {
    const { decision, reason, retryAfter } = await ask(question, before);
    const said = `${webhook}: ${reason}`;
    if (decision === 'allow') return passed(reason === '' ? `${webhook} allows it` : said);
    if (decision === 'deny') return failed([{ code: 'webhook-denied', detail: said }]);
    const { time } = question;
    const end = endOf(question);
    if (time >= end) return undecided(`it says: ${reason}`);
    const pause = retryAfter ?? Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, Math.ceil((time - (question.waiting?.since ?? time)) / 1000)));
    return waiting(`${said}; it is asked again, or an operator approves the request`, Math.min(end, time + pause * 1000));
  };
  return {
    name: `webhook-${webhook}`,
    outside: true,
    check: ({ profile }, facts, before) => {
      if (!concerns(profiles, profile.name)) return passed(`${webhook} is not asked about profile ${profile.name}`);
      const question = facts.question();
      return isOwn(question) ? passed(OWN) : judge(question, before);
    },
    again: async (question, before) => {
      try {
        return await judge(question, before);
      } catch (error) {
        if (question.time >= endOf(question)) return undecided('it gives no answer');
        throw error;
      }
    },
  };
};
