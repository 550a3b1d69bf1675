import { type RateLimit, rateLimit } from '../http/rate-limit.ts';
import { AcmeError } from './problem.ts';

/** How often in an hour, each counted by one process; 0 for no limit. */
export interface LimitSettings {
  readonly accountsPerAddress: number;
  readonly ordersPerAccount: number;
  readonly ordersPerName: number;
  /** Failed validations of one account for one name. */
  readonly failuresPerName: number;
}

export interface Limits {
  /** Each throws AcmeError `rateLimited` with Retry-After (RFC 8555 6.6) where it is too often. */
  readonly account: (address: string, now: number) => void;
  readonly order: (account: string, names: readonly string[], now: number) => void;
  /** Whether the account may try to validate the name once more. */
  readonly validation: (account: string, name: string, now: number) => void;
  readonly failed: (account: string, name: string, now: number) => void;
}

const HOUR = 3_600_000;

export function limitsOf(settings: LimitSettings): Limits {
  const [accounts, orders, names, failures] = [settings.accountsPerAddress, settings.ordersPerAccount, settings.ordersPerName, settings.failuresPerName].map((most) => rateLimit(most, HOUR)) as [RateLimit, RateLimit, RateLimit, RateLimit];
  const refuse = (seconds: number, what: string): void => {
    if (seconds > 0) throw new AcmeError('rateLimited', `Too many ${what}; try again in ${seconds} s.`, { retryAfter: seconds });
  };
  return {
    account: (address, now) => refuse(accounts.take(address, now), 'new accounts from this address'),
    order: (account, asked, now) => {
      // Looked at before any is taken, so that a refusal uses nothing up.
      for (const name of asked) refuse(names.wait(name, now), `orders for ${name}`);
      refuse(orders.take(account, now), 'new orders of this account');
      for (const name of asked) names.take(name, now);
    },
    validation: (account, name, now) => refuse(failures.wait(`${account} ${name}`, now), `failed validations of ${name}`),
    failed: (account, name, now) => void failures.take(`${account} ${name}`, now),
  };
}
