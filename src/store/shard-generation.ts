import { MOST_ADDRESSES, type ShardGeneration } from './crl-store.ts';

/** Merges a generation that is recorded again; undefined if nothing changes. */
export function widen(before: ShardGeneration | undefined, { count, until, addresses }: ShardGeneration): ShardGeneration | undefined {
  if (before === undefined) return { count, until, addresses: addresses.slice(-MOST_ADDRESSES) };
  const added = addresses.filter((address) => !before.addresses.includes(address));
  if (until <= before.until && added.length === 0) return undefined;
  return { count, until: Math.max(until, before.until), addresses: [...before.addresses, ...added].slice(-MOST_ADDRESSES) };
}
