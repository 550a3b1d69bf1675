import type { RequestRecord, RequestState } from '../../issuance/request.ts';
import type { CertificateFilter, RequestFilter } from '../store.ts';
import { STATES } from './keys.ts';

/**
 * A filter in two halves: what the script asks about a request's value, which may say yes too often but keeps what is of no interest in
 * Redis, and the exact question.
 */
export interface Test {
  /** Where set, only requests in this state are of interest, and they have an index. */
  readonly state?: number;
  /** For each state, by its number, `1` where it is of interest. */
  readonly states: string;
  /** Milliseconds: nothing created before this is of interest, nor anything behind it in the order of arrival. */
  readonly since: number;
  /** Milliseconds: only what ends before, or not before; 0 where that does not matter. */
  readonly endsBefore: number;
  readonly endsFrom: number;
  /** Octets that a record's value must have in it. */
  readonly needles: readonly Buffer[];
  readonly is: (record: RequestRecord) => boolean;
}

/** How far the service's clock may have been set back without `since` missing a record: milliseconds. */
const CLOCK_SLACK = 86_400_000;
const ALL = '111111';

export function requestTest(filter: RequestFilter): Test {
  const { state, since } = filter;
  return {
    ...common(filter),
    states: state === undefined ? ALL : statesOf(state),
    ...(state === undefined || state === 'issued' ? {} : { state: STATES[state] }),
    since: since === undefined ? 0 : Math.max(0, since - CLOCK_SLACK),
    is: (record) => matches(filter, record) && (since === undefined || record.createdAt >= since),
  };
}

/** `now` in seconds since the epoch. A revoked certificate is `revoked` also when its time is over. */
export function certificateTest(filter: CertificateFilter, now: number): Test {
  const { status, expiresBefore } = filter;
  const states = { revoked: only(STATES.revoked), valid: only(STATES.issued), expired: only(STATES.issued) };
  const ends = [expiresBefore === undefined ? 0 : expiresBefore * 1000, status === 'expired' ? now * 1000 : 0].filter((end) => end > 0);
  return {
    ...common(filter),
    states: status === undefined ? statesOf('issued') : states[status],
    ...(status === 'revoked' ? { state: STATES.revoked } : {}),
    since: 0,
    endsBefore: ends.length === 0 ? 0 : Math.min(...ends),
    endsFrom: status === 'valid' ? now * 1000 : 0,
    is: (record) => matches(filter, record) && (expiresBefore === undefined || (record.notAfter ?? 0) < expiresBefore),
  };
}

const only = (wanted: number): string => Array.from(ALL, (_, state) => (state === wanted ? '1' : '0')).join('');

const statesOf = (state: RequestState): string =>
  Array.from(ALL, (_, one) => (one === STATES[state] || (state === 'issued' && one === STATES.revoked) ? '1' : '0')).join('');

/** A name is asked for as it is, or with a leading `*.` for all below it; a requester as `kind:name`, or by the name alone. */
function matches({ name, profile, requester }: CertificateFilter, record: RequestRecord): boolean {
  const below = name?.startsWith('*.') === true ? name.slice(1) : undefined;
  if (name !== undefined && !record.names.some((one) => one === name || (below !== undefined && one.endsWith(below)))) return false;
  if (profile !== undefined && record.profile !== profile) return false;
  return requester === undefined || record.requester.name === requester || `${record.requester.kind}:${record.requester.name}` === requester;
}

function common({ name, profile, requester }: CertificateFilter): Pick<Test, 'needles' | 'endsBefore' | 'endsFrom'> {
  // As it stands within a JSON string. A requester may be asked for with the kind in front, which is another member.
  const needles = [name?.replace(/^\*\./, '.'), profile, requester?.replace(/^[a-z-]+:/, '')]
    .filter((text) => text !== undefined && text !== '')
    .map((text) => Buffer.from(JSON.stringify(text).slice(1, -1)));
  return { needles, endsBefore: 0, endsFrom: 0 };
}
