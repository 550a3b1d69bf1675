import type { OrderStanding } from './order-status.ts';
import { type Account, type Authorization, authorizationStatus, type Challenge, type Order } from './state/model.ts';
import type { Held } from './state/records.ts';
import { isoTime } from '../iso-time.ts';
import type { Urls } from './urls.ts';

// Protocol objects as sent to clients (RFC 8555 7.1).

export const accountView = ({ id, value: { status, contact, termsAgreedAt, binding } }: Held<Account>, urls: Urls): object => ({
  status, contact, orders: urls.orders(id),
  ...(termsAgreedAt === undefined ? {} : { termsOfServiceAgreed: true }),
  ...(binding === undefined ? {} : { externalAccountBinding: binding }),
});

export function orderView({ id, value }: Held<Order>, { status, error }: OrderStanding, urls: Urls): object {
  const { identifiers, authorizations, expires, notBefore, notAfter, replaces, request, profile, profileAsked } = value;
  return {
    status, expires: isoTime(expires), identifiers,
    authorizations: authorizations.map(urls.authorization), finalize: urls.finalize(id),
    ...(notBefore === undefined ? {} : { notBefore: isoTime(notBefore * 1000) }),
    ...(notAfter === undefined ? {} : { notAfter: isoTime(notAfter * 1000) }),
    ...(profileAsked ? { profile } : {}),
    ...(replaces === undefined ? {} : { replaces }),
    ...(error === undefined ? {} : { error }),
    ...(status === 'valid' && request !== undefined ? { certificate: urls.certificate(request) } : {}),
  };
}

export function authorizationView({ id, value }: Held<Authorization>, urls: Urls, now: number): object {
  const { identifier, wildcard, expires, challenges } = value;
  const status = authorizationStatus(value, now);
  return {
    identifier, status, expires: isoTime(expires),
    challenges: shown(challenges, status).map((challenge) => challengeView(challenge, id, urls)),
    ...(wildcard ? { wildcard } : {}),
  };
}

/** RFC 8555 7.1.4: a valid authorization shows the challenge that was met, an invalid one that which failed. */
function shown(challenges: readonly Challenge[], status: string): readonly Challenge[] {
  const met = challenges.filter((one) => one.status === (status === 'invalid' ? 'invalid' : 'valid'));
  return status === 'pending' || met.length === 0 ? challenges : met;
}

export const challengeView = ({ type, token, status, validatedAt, error }: Challenge, authorization: string, urls: Urls): object => ({
  type, status, url: urls.challenge(authorization, type),
  ...(token === '' ? {} : { token }),
  ...(status === 'valid' && validatedAt !== undefined ? { validated: isoTime(validatedAt) } : {}),
  ...(error === undefined ? {} : { error }),
});
