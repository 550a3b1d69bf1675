import { fractionOf } from '../digest.ts';
import type { RequestRecord } from '../issuance/request.ts';
import type { Campaign, Scope } from './campaign.ts';

/** When a certificate is best renewed: any moment from `start` to `end`, seconds since the Unix epoch. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
}

export interface RenewalAdvice extends RenewalWindow {
  /** Why then, in words; undefined where it is just its age. */
  readonly explanation: string | undefined;
  /** Seconds after which to ask again. */
  readonly askAgain: number;
}

/** What is known of a certificate's issuer, beyond the certificate. */
export interface IssuerStanding {
  /** Whether another certificate of the authority, or another authority, has taken its place. */
  readonly replaced: boolean;
  readonly revoked: boolean;
}

/** Of a certificate's life: where the window for its renewal begins, and ends. */
const [BEGINS, ENDS] = [2 / 3, 3 / 4];
/** Seconds: the window of one that should be renewed at once, and all of which lies in the past (RFC 9773 4.2). */
const AT_ONCE = 3600;
/** A campaign's window is laid out in so many parts, or parts of a minute: each certificate gets one of that width. */
const [PARTS, LEAST_PART] = [12, 60];
/** Seconds (RFC 9773 4.3.2 recommends 6 hours), and less for those that live shortly: four looks in a life at the least. */
const ASK_AGAIN = { most: 6 * 3600, least: 60, share: 1 / 4 };

/**
 * When a certificate is best renewed: at its age; sooner where an operator asks for that, each certificate at a moment of its own; at once
 * where it is revoked, or its issuer is good no more. A pure function: every process gives the same answer.
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
  // Whoever rolls an authority says by a campaign how fast the certificates follow.
  if (called.length === 0 && issuer.replaced) return atOnce(`The authority ${record.authority} has another certificate by now, or another one issues in its place.`);
  const byAge = { start: notBefore + Math.floor(life * BEGINS), end: notBefore + Math.floor(life * ENDS), explanation: undefined, askAgain };
  return [byAge, ...called].reduce((first, one) => (one.start < first.start ? one : first));
}

/** Whether a campaign means this certificate: it is in its scope, and was asked for before it began. */
function covers({ scope, startedAt }: Campaign, record: RequestRecord): boolean {
  if (record.createdAt >= startedAt) return false;
  return (Object.keys(MATCHES) as (keyof Scope)[]).every((key) => scope[key] === undefined || MATCHES[key](record, scope[key]));
}

const MATCHES: Readonly<Record<keyof Scope, (record: RequestRecord, value: string) => boolean>> = {
  authority: ({ authority }, value) => authority === value,
  profile: ({ profile }, value) => profile === value,
  // As in a search: by the name alone, or as `kind:name`.
  requester: ({ requester: { kind, name } }, value) => name === value || `${kind}:${name}` === value,
};

/** The part of a campaign's window that is this certificate's. */
function partOf({ id, startedAt, endsAt }: Campaign, serial: string): RenewalWindow {
  const [start, end] = [Math.floor(startedAt / 1000), Math.ceil(endsAt / 1000)];
  const width = Math.min(end - start, Math.max(LEAST_PART, Math.floor((end - start) / PARTS)));
  const begins = start + Math.floor(fractionOf(`${id}/${serial}`) * (end - start - width));
  return { start: begins, end: begins + width };
}
