import { fractionOf } from '../digest.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { Campaign, Scope } from './campaign.ts';

/** When a certificate is best renewed: at any time from `start` to `end`, seconds since the Unix epoch. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
}

export interface RenewalAdvice extends RenewalWindow {
  /** The reason, in words; undefined if it is merely the certificate's age. */
  readonly explanation: string | undefined;
  /** Seconds after which to ask again. */
  readonly askAgain: number;
}

/** What is known about a certificate's issuer, beyond the certificate itself. */
export interface IssuerStanding {
  /** Whether the authority has a new certificate by now, or a successor. */
  readonly replaced: boolean;
  readonly revoked: boolean;
}

/** Begin and end of the renewal window, as shares of a certificate's lifetime. */
const [BEGINS, ENDS] = [2 / 3, 3 / 4];
/** Seconds: length of the window for certificates to be renewed immediately, which lies entirely in the past (RFC 9773 4.2). */
const AT_ONCE = 3600;
/** A campaign's window is divided into this many parts, each of at least this many seconds; every certificate gets one. */
const [PARTS, LEAST_PART] = [12, 60];
/** Seconds (RFC 9773 4.3.2 recommends 6 hours); less for short-lived certificates, so that they ask at least four times in their life. */
const ASK_AGAIN = { most: 6 * 3600, least: 60, share: 1 / 4 };

/**
 * When a certificate is best renewed: according to its age; sooner if an operator requests that, each certificate at a time of its own; immediately
 * if it is revoked, or its issuer is no longer valid. A pure function, so that every process gives the same answer.
 * @param now seconds since the Unix epoch
 */
export function renewalAdvice(record: RequestRecord, issuer: IssuerStanding, campaigns: readonly Campaign[], now: number): RenewalAdvice {
  const { notBefore = 0, notAfter = 0, revocation } = record;
  const life = notAfter + 1 - notBefore;
  const askAgain = Math.max(ASK_AGAIN.least, Math.min(ASK_AGAIN.most, Math.floor(life * ASK_AGAIN.share)));
  const atOnce = (explanation: string): RenewalAdvice => ({ start: now - 2 * AT_ONCE, end: now - AT_ONCE, explanation, askAgain });
  if (revocation !== undefined) return atOnce(`The certificate is revoked (${revocation.reason}).`);
  if (issuer.revoked) return atOnce(`The authority ${record.authority} is revoked.`);
  const called = campaigns.filter((campaign) => covers(campaign, record)).map((campaign) => ({ ...partOf(campaign, record.id), explanation: campaign.reason, askAgain }));
  // If an authority was rolled, a campaign determines how fast its certificates follow.
  if (called.length === 0 && issuer.replaced) return atOnce(`The authority ${record.authority} has a new certificate, or another authority issues in its place.`);
  const byAge = { start: notBefore + Math.floor(life * BEGINS), end: notBefore + Math.floor(life * ENDS), explanation: undefined, askAgain };
  return [byAge, ...called].reduce((first, one) => (one.start < first.start ? one : first));
}

/** Whether a campaign applies to a certificate: it is within scope, and was requested before the campaign began. */
function covers({ scope, startedAt }: Campaign, record: RequestRecord): boolean {
  if (record.createdAt >= startedAt) return false;
  return (Object.keys(MATCHES) as (keyof Scope)[]).every((key) => scope[key] === undefined || MATCHES[key](record, scope[key]));
}

const MATCHES: Readonly<Record<keyof Scope, (record: RequestRecord, value: string) => boolean>> = {
  authority: ({ authority }, value) => authority === value,
  profile: ({ profile }, value) => profile === value,
  // As in searches: the name alone, or `kind:name`.
  requester: ({ requester: { kind, name } }, value) => name === value || `${kind}:${name}` === value,
};

/** This certificate's part of a campaign's window. */
function partOf({ id, startedAt, endsAt }: Campaign, serial: string): RenewalWindow {
  const [start, end] = [Math.floor(startedAt / 1000), Math.ceil(endsAt / 1000)];
  const width = Math.min(end - start, Math.max(LEAST_PART, Math.floor((end - start) / PARTS)));
  const begins = start + Math.floor(fractionOf(`${id}/${serial}`) * (end - start - width));
  return { start: begins, end: begins + width };
}
