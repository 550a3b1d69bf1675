import type { RequestState } from '../../issuance/request.ts';
import type { CertificateFilter, RequestFilter } from '../store.ts';
import type { Entry } from './catalogue.ts';
import { STATES } from './keys.ts';

/** A filter as two questions about a catalogue entry: a cheap one about its octets, which may say yes too often, and the exact one. */
export interface Test {
  readonly may: (bytes: Buffer) => boolean;
  readonly is: (entry: Entry) => boolean;
  /** Where set, only requests in this state are of interest, and they have an index. */
  readonly state?: number;
  /** Where set, nothing created before this time (milliseconds) is of interest. */
  readonly since?: number;
}

type Question = (entry: Entry) => boolean;

export function requestTest(filter: RequestFilter): Test {
  const questions = commonQuestions(filter);
  const { state, since } = filter;
  if (state !== undefined) questions.push(stateQuestion(state));
  if (since !== undefined) questions.push(({ createdAt }) => createdAt >= since);
  return {
    ...test(filter, questions),
    ...(state === undefined || state === 'issued' ? {} : { state: STATES[state] }),
    ...(since === undefined ? {} : { since }),
  };
}

/** `now` in seconds since the epoch. A revoked certificate is `revoked` also when its time is over. */
export function certificateTest(filter: CertificateFilter, now: number): Test {
  const { status, expiresBefore } = filter;
  const questions = [stateQuestion('issued'), ...commonQuestions(filter)];
  const lasts = ({ ended }: Entry): boolean => ended >= now * 1000;
  if (status === 'revoked') questions.push(({ state }) => state === STATES.revoked);
  if (status === 'valid') questions.push((entry) => entry.state === STATES.issued && lasts(entry));
  if (status === 'expired') questions.push((entry) => entry.state === STATES.issued && !lasts(entry));
  if (expiresBefore !== undefined) questions.push(({ ended }) => Math.floor(ended / 1000) < expiresBefore);
  return { ...test(filter, questions), ...(status === 'revoked' ? { state: STATES.revoked } : {}) };
}

const stateQuestion = (wanted: RequestState): Question => ({ state }) =>
  state === STATES[wanted] || (wanted === 'issued' && state === STATES.revoked);

/** A name is asked for as it is, or with a leading `*.` for all below it; a requester as `kind:name`, or by the name alone. */
function commonQuestions({ name, profile, requester }: CertificateFilter): Question[] {
  const questions: Question[] = [];
  const below = name?.startsWith('*.') === true ? name.slice(1) : undefined;
  if (name !== undefined) questions.push(({ names }) => names.some((one) => one === name || (below !== undefined && one.endsWith(below))));
  if (profile !== undefined) questions.push((entry) => entry.profile === profile);
  if (requester !== undefined) questions.push((entry) => entry.requester === requester || nameOf(entry.requester) === requester);
  return questions;
}

/** A kind has no colon; a name may. */
const nameOf = (requester: string): string => requester.slice(requester.indexOf(':') + 1);

function test({ name, requester, profile }: CertificateFilter, questions: readonly Question[]): Test {
  const needles = [name?.replace(/^\*\./, '.'), requester, profile]
    .filter((text) => text !== undefined)
    // As it stands within a JSON string.
    .map((text) => Buffer.from(JSON.stringify(text).slice(1, -1)));
  return {
    may: (bytes) => needles.every((needle) => bytes.includes(needle)),
    is: (entry) => questions.every((holds) => holds(entry)),
  };
}
