import type { QuotaClaim } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Reads } from './environment.ts';
import { quotaKey } from './keys.ts';

type Window = Pick<QuotaClaim, 'key' | 'window'>;

/** End of the fixed window that contains `now`, milliseconds since the epoch. */
const windowEnd = (window: number, now: number): number => (Math.floor(now / (window * 1000)) + 1) * window * 1000;

const keyAt = ({ key, window }: Window, now: number): Buffer => quotaKey(windowEnd(window, now), window, key);

/** Number of uses taken in the current window. `now` in milliseconds. */
export function quotaTaken(tables: Reads, quota: Window, now: number): number {
  return tables.quotas.getBinary(keyAt(quota, now))?.readUInt32BE(0) ?? 0;
}

/** Seconds until the window ends if its quota is used up; undefined otherwise. */
export function quotaExceeded(tables: Reads, quota: QuotaClaim, now: number): number | undefined {
  if (quotaTaken(tables, quota, now) < quota.limit) return undefined;
  return Math.max(1, Math.ceil((windowEnd(quota.window, now) - now) / 1000));
}

export function countQuota(transaction: Transaction, quota: QuotaClaim, now: number): void {
  const count = Buffer.allocUnsafe(4);
  count.writeUInt32BE(quotaTaken(transaction.tables, quota, now) + 1);
  transaction.put('quotas', keyAt(quota, now), count);
}
