import type { QuotaClaim, RequestStore } from '../store/store.ts';
import { AcmeError } from './problem.ts';

/** Limits per hour, counted in the store across all processes; 0 for no limit. */
export interface LimitSettings {
  readonly accountsPerAddress: number;
  readonly ordersPerAccount: number;
  readonly ordersPerName: number;
  /** Failed validations per account and name. */
  readonly failuresPerName: number;
}

/** Each throws AcmeError `rateLimited` with Retry-After (RFC 8555 6.6) when its limit is exceeded; a refusal consumes nothing. */
export interface Limits {
  readonly account: (address: string, now: number) => Promise<void>;
  readonly order: (account: string, names: readonly string[], now: number) => Promise<void>;
  /** Checks whether the account may try to validate the name again. */
  readonly validation: (account: string, name: string, now: number) => Promise<void>;
  /** Counts a failed validation. */
  readonly failed: (account: string, name: string, now: number) => Promise<void>;
}

/** Seconds; windows are those of quotas, aligned to the epoch. */
const WINDOW = 3600;

/** What is limited: its name in the store, its setting, and how refusals refer to it. */
const LIMITED = {
  accounts: { setting: 'accountsPerAddress', words: () => 'new accounts from this address' },
  orders: { setting: 'ordersPerAccount', words: () => 'new orders by this account' },
  names: { setting: 'ordersPerName', words: (name: string) => `orders for ${name}` },
  failures: { setting: 'failuresPerName', words: (name: string) => `failed validations of ${name}` },
} as const satisfies Readonly<Record<string, { readonly setting: keyof LimitSettings; readonly words: (name: string) => string }>>;
type Limited = keyof typeof LIMITED;

interface Counted extends QuotaClaim {
  readonly words: string;
}

export function limitsOf(settings: LimitSettings, store: Pick<RequestStore, 'takeQuotas' | 'quotaUsed'>): Limits {
  const counted = (what: Limited, of: string, name = of): readonly Counted[] => {
    const { setting, words } = LIMITED[what];
    return settings[setting] === 0 ? [] : [{ key: `acme/${what}/${of}`, limit: settings[setting], window: WINDOW, words: words(name) }];
  };
  const take = async (wanted: readonly Counted[], now: number): Promise<void> => {
    const full = await store.takeQuotas(wanted, now);
    const refused = full && wanted.find(({ key }) => key === full.quota.key);
    if (refused !== undefined) throw tooMany(refused.words, full?.retryAfter ?? 1);
  };
  const failures = (account: string, name: string): readonly Counted[] => counted('failures', `${account} ${name}`, name);
  return {
    account: (address, now) => take(counted('accounts', address), now),
    order: (account, names, now) => take([...names.flatMap((name) => counted('names', name)), ...counted('orders', account)], now),
    validation: async (account, name, now) => {
      for (const { key, limit, window, words } of failures(account, name)) {
        if (await store.quotaUsed(key, window, now) >= limit) throw tooMany(words, window - Math.floor(now / 1000) % window);
      }
    },
    failed: async (account, name, now) => void await store.takeQuotas(failures(account, name), now),
  };
}

const tooMany = (what: string, seconds: number): AcmeError => new AcmeError('rateLimited', `Too many ${what}; try again in ${seconds} s.`, { retryAfter: seconds });
