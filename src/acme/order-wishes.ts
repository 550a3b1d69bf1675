import { formatDuration } from '../config/duration.ts';
import type { IssuingProfile } from '../issuance/context.ts';
import { decodeBase64Url } from '../base64url.ts';
import type { AcmeContext, Directory } from './context.ts';
import { replacedSerial } from './order-status.ts';
import { AcmeError, malformed, unauthorized } from './problem.ts';
import type { Account, Order } from './state/model.ts';
import type { Held } from './state/records.ts';
import { parseTime } from './times.ts';
import type { Identifier } from './validators/validator.ts';

type Payload = Readonly<Record<string, unknown>>;

/** The profile requested by the client, or the directory's default. @throws AcmeError `invalidProfile`, `malformed` */
export function profileOf({ profiles, defaultProfile }: Directory, { profile }: Payload): IssuingProfile {
  if (profile === undefined) return defaultProfile;
  if (typeof profile !== 'string') throw malformed('"profile" is not a string.');
  const found = profiles.get(profile);
  if (found === undefined) throw new AcmeError('invalidProfile', `There is no profile ${JSON.stringify(profile.slice(0, 64))}; the directory lists those offered.`);
  return found;
}

/** Seconds by which notBefore may lie in the past (CA/Browser Forum BR 7.1.2.7: 48 hours). */
const MOST_BACK = 48 * 3600;
/** Seconds by which it may lie in the future. */
const MOST_AHEAD = 30 * 86_400;

/**
 * notBefore and notAfter of an order (RFC 8555 7.4), in whole seconds. Dates that no certificate could have are refused immediately.
 * @param now milliseconds since the epoch
 * @throws AcmeError `malformed`
 */
export function datesOf(payload: Payload, { profile, authority }: IssuingProfile, now: number): Pick<Order, 'notBefore' | 'notAfter'> {
  const [notBefore, notAfter] = ['notBefore', 'notAfter'].map((name) => {
    if (payload[name] === undefined) return undefined;
    const time = parseTime(payload[name]);
    if (time === undefined) throw malformed(`"${name}" is not a date and time as in RFC 3339.`);
    return time;
  });
  const seconds = Math.floor(now / 1000);
  const from = notBefore ?? seconds;
  if (from < seconds - MOST_BACK || from > seconds + MOST_AHEAD) throw malformed(`notBefore must lie between ${MOST_BACK / 3600} hours ago and ${MOST_AHEAD / 86_400} days ahead.`);
  const until = notAfter ?? from + profile.lifetime - 1;
  if (until <= from || until <= seconds) throw malformed('notAfter must be later than notBefore, and in the future.');
  if (until - from + 1 > profile.maxLifetime) throw malformed(`A certificate of profile ${profile.name} is valid for at most ${formatDuration(profile.maxLifetime)}.`);
  if (from < authority.certificate.notBefore || (notAfter ?? 0) > authority.certificate.notAfter) throw malformed('The certificate would be valid before its issuer is, or after it.');
  return { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) };
}

/**
 * The identifier of the certificate that this order replaces (RFC 9773 5), as sent.
 * @throws AcmeError `malformed`, `unauthorized`, `alreadyReplaced`
 */
export async function replacesOf({ records, store }: AcmeContext, account: Held<Account>, { replaces }: Payload, identifiers: readonly Identifier[]): Promise<string | undefined> {
  if (replaces === undefined) return undefined;
  if (typeof replaces !== 'string' || !/^[\w-]{1,64}\.[\w-]{1,64}$/.test(replaces)) throw malformed('"replaces" is not a certificate identifier (RFC 9773 4.1).');
  const [keyId = '', serialOctets = ''] = replaces.split('.');
  const serial = replacedSerial(replaces);
  const record = serial === undefined || decodeBase64Url(keyId) === undefined || decodeBase64Url(serialOctets) === undefined ? undefined : await store.certificates.get(serial);
  if (record === undefined || serial === undefined) throw malformed('"replaces" names no certificate that was issued here.');
  if (record.requester.kind !== 'acme' || record.requester.name !== account.id) throw unauthorized('"replaces" names a certificate of another account.');
  if (!identifiers.some(({ value }) => record.names.includes(value))) throw malformed('"replaces" names a certificate that shares no identifier with this order.');
  if (await records.isReplaced(serial)) throw new AcmeError('alreadyReplaced', 'That certificate was replaced by another order already.');
  return replaces;
}
