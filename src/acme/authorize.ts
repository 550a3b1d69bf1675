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
  /** Milliseconds since the epoch: when a new one ends if it is not met. */
  readonly expires: number;
  readonly now: number;
}

/** A valid authorization must last at least this much longer to be used again, milliseconds. */
const LEAST_LEFT = 60_000;

/**
 * The authorization for one identifier of an order: a valid one that the account has, or a new one. One that is new has version 0.
 * @throws AcmeError `rejectedIdentifier` where there is no way to show control of it
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
  if (types.length === 0) throw new AcmeError('rejectedIdentifier', `None of the challenges that are offered here is for ${nameOf({ identifier: plain, wildcard })}.`);
  // One token for all: each challenge has a place of its own for it.
  const token = newToken(context);
  return fresh(id, { ...about, status: 'pending', expires, challenges: types.map((type) => ({ type, token: type === 'dns-persist-01' ? '' : token, status: 'pending' })) });
}

/** An external account's key may stand for the authorization of names (closed networks). */
const isPreauthorized = ({ preauthorized = [] }: Account, identifier: Identifier): boolean =>
  preauthorized.some((pattern) => compileNamePattern(pattern).matches(policyName(identifier)));

/** RFC 8738 4, CA/Browser Forum BR 3.2.2.4: only DNS shows control of all names below another; addresses are not in it. */
function fits(type: ChallengeType, { type: kind }: Identifier, wildcard: boolean): boolean {
  const byDns = type.startsWith('dns-');
  return kind === 'ip' ? !byDns : byDns || !wildcard;
}

const TOKEN_BYTES = 32;

const newToken = ({ random }: Pick<AcmeContext, 'random'>): string => Buffer.from(random(TOKEN_BYTES)).toString('base64url');
