import type { QuotaClaim } from '../store.ts';
import type { Transaction } from './batch.ts';
import type { Reads } from './environment.ts';
import { ORDINAL_BYTES, ordinal, quotaKey, readOrdinal } from './keys.ts';

type Window = Pick<QuotaClaim, 'key' | 'window'>;

/** Milliseconds since the epoch: the start and the end of the fixed window that `now` lies in. */
function windowAt(window: number, now: number): { readonly start: number; readonly end: number } {
  const length = window * 1000;
  const start = Math.floor(now / length) * length;
  return { start, end: start + length };
}

const keyAt = ({ key, window }: Window, now: number): Buffer => quotaKey(key, window, windowAt(window, now).start);

/** How many of the current window are taken. `now` in milliseconds. */
export function quotaTaken(tables: Reads, quota: Window, now: number): number {
  return tables.quotas.getBinary(keyAt(quota, now))?.readUInt32BE(0) ?? 0;
}

/** Seconds until the window ends, where its quota is used up; undefined where there is room. */
export function quotaExceeded(tables: Reads, quota: QuotaClaim, now: number): number | undefined {
  if (quotaTaken(tables, quota, now) < quota.limit) return undefined;
  return Math.max(1, Math.ceil((windowAt(quota.window, now).end - now) / 1000));
}

export function countQuota(transaction: Transaction, quota: QuotaClaim, now: number): void {
  const count = Buffer.allocUnsafe(4);
  count.writeUInt32BE(quotaTaken(transaction.tables, quota, now) + 1);
  transaction.put('quotas', keyAt(quota, now), Buffer.concat([count, ordinal(windowAt(quota.window, now).end)]));
}

/** When the window of this value ends: milliseconds since the epoch. */
export const quotaEnd = (value: Buffer): number => readOrdinal(value, value.length - ORDINAL_BYTES);
