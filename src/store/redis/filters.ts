import type { RequestRecord, RequestState } from '../../issuance/request.ts';
import type { CertificateFilter, RequestFilter } from '../store.ts';
import { STATES } from './keys.ts';

/**
 * A filter in two parts: conditions that the script checks on a request's value, which may have false positives but avoid transferring most values that
 * do not match, and the exact predicate.
 */
export interface Test {
  /** If set, only requests in this state match, and the index of states is used. */
  readonly state?: number;
  /** For each state, by number, `1` if it matches. */
  readonly states: string;
  /** Milliseconds: nothing created before this matches, nor anything that arrived before such a request. */
  readonly since: number;
  /** Milliseconds: matches only what ends before, or not before; 0 if irrelevant. */
  readonly endsBefore: number;
  readonly endsFrom: number;
  /** Octet strings that a record's value must contain. */
  readonly needles: readonly Buffer[];
  readonly is: (record: RequestRecord) => boolean;
}

/** Milliseconds by which the clock may have been set back without `since` missing a record. */
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

/** `now` in seconds since the epoch. A revoked certificate counts as `revoked` even after it has expired. */
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

/** A name matches exactly, or with a leading `*.` everything below it; a requester is `kind:name`, or the name alone. */
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
