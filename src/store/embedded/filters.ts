import type { RequestState } from '../../issuance/request.ts';
import type { CertificateFilter, RequestFilter } from '../store.ts';
import type { Entry } from './catalogue.ts';
import { STATES } from './keys.ts';

/** A filter as two predicates on a catalogue entry: a cheap one on its octets, which may have false positives, and the exact one. */
export interface Test {
  readonly may: (bytes: Buffer) => boolean;
  readonly is: (entry: Entry) => boolean;
  /** If set, only requests in this state match, and the index of states is used. */
  readonly state?: number;
  /** If set, nothing created before this time (milliseconds) matches. */
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

/** `now` in seconds since the epoch. A revoked certificate counts as `revoked` even after it has expired. */
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

/** A name matches exactly, or with a leading `*.` everything below it; a requester is `kind:name`, or the name alone. */
function commonQuestions({ name, profile, requester }: CertificateFilter): Question[] {
  const questions: Question[] = [];
  const below = name?.startsWith('*.') === true ? name.slice(1) : undefined;
  if (name !== undefined) questions.push(({ names }) => names.some((one) => one === name || (below !== undefined && one.endsWith(below))));
  if (profile !== undefined) questions.push((entry) => entry.profile === profile);
  if (requester !== undefined) questions.push((entry) => entry.requester === requester || nameOf(entry.requester) === requester);
  return questions;
}

/** A kind contains no colon; a name may. */
const nameOf = (requester: string): string => requester.slice(requester.indexOf(':') + 1);

function test({ name, requester, profile }: CertificateFilter, questions: readonly Question[]): Test {
  const needles = [name?.replace(/^\*\./, '.'), requester, profile]
    .filter((text) => text !== undefined)
    // Escaped as within a JSON string.
    .map((text) => Buffer.from(JSON.stringify(text).slice(1, -1)));
  return {
    may: (bytes) => needles.every((needle) => bytes.includes(needle)),
    is: (entry) => questions.every((holds) => holds(entry)),
  };
}
