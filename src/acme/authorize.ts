import { compileNamePattern } from '../policy/name-pattern.ts';
import type { AcmeContext, Directory } from './context.ts';
import { AcmeError } from './problem.ts';
import { type Account, type Authorization, type Challenge, nameOf, policyName } from './state/model.ts';
import { fresh, type Held, newId } from './state/records.ts';
import type { ChallengeType, Identifier } from './validators/validator.ts';

export interface Wanted {
  readonly directory: Directory;
  readonly account: Held<Account>;
  readonly identifier: Identifier;
  /** Milliseconds since the epoch: expiry of a new authorization that is not met. */
  readonly expires: number;
  readonly now: number;
}

/** Milliseconds for which an existing authorization must remain valid to be reused. */
const LEAST_LEFT = 60_000;

/**
 * The authorization for one identifier of an order: an existing valid one of the account, or a new one, which has version 0.
 * @throws AcmeError `rejectedIdentifier` if no challenge can prove control of it
 */
export async function authorizationFor(context: AcmeContext, { directory, account, identifier, expires, now }: Wanted): Promise<Held<Authorization>> {
  const wildcard = identifier.value.startsWith('*.');
  const plain = wildcard ? { type: identifier.type, value: identifier.value.slice(2) } : identifier;
  const known = await context.records.validAuthorization(account.id, plain, wildcard);
  if (known !== undefined && known.value.expires > now + LEAST_LEFT) return known;
  const about = { authority: directory.name, account: account.id, identifier: plain, wildcard, createdAt: now };
  const id = newId(now, context.random);
  if (isPreauthorized(account.value, identifier)) {
    const challenge: Challenge = { type: wildcard ? 'dns-01' : 'http-01', token: newToken(context), status: 'valid', validatedAt: now };
    return fresh(id, { ...about, status: 'valid', expires: now + context.settings.authorizationLifetime, challenges: [challenge] });
  }
  const types = context.settings.challenges.filter((type) => fits(type, plain, wildcard));
  if (types.length === 0) throw new AcmeError('rejectedIdentifier', `None of the challenges offered here can validate ${nameOf({ identifier: plain, wildcard })}.`);
  // All challenges share a token: each has a place of its own for it.
  const token = newToken(context);
  return fresh(id, { ...about, status: 'pending', expires, challenges: types.map((type) => ({ type, token: type === 'dns-persist-01' ? '' : token, status: 'pending' })) });
}

/** The key of an external account may take the place of authorizations (closed networks). */
const isPreauthorized = ({ preauthorized = [] }: Account, identifier: Identifier): boolean =>
  preauthorized.some((pattern) => compileNamePattern(pattern).matches(policyName(identifier)));

/** RFC 8738 4, CA/Browser Forum BR 3.2.2.4: only DNS proves control of all names below another one; it does not apply to addresses. */
function fits(type: ChallengeType, { type: kind }: Identifier, wildcard: boolean): boolean {
  const byDns = type.startsWith('dns-');
  return kind === 'ip' ? !byDns : byDns || !wildcard;
}

const TOKEN_BYTES = 32;

const newToken = ({ random }: Pick<AcmeContext, 'random'>): string => Buffer.from(random(TOKEN_BYTES)).toString('base64url');
