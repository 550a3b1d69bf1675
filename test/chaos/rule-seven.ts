import type { RevocationReason } from '../../src/x509/revocation-reason.ts';
import { shardOf } from '../../src/x509/crl-shard.ts';
import { apply, type ReadCrl } from '../helpers/revocations.ts';

/** Everything that tells of an authority's revocations at one moment, as relying parties read it. */
export interface Published {
  readonly full: ReadCrl;
  readonly delta: ReadCrl;
  /** Full CRLs of before, ascending. */
  readonly earlier: readonly ReadCrl[];
  /** Shards by their number: each list is whole and in order. */
  readonly shards: ReadonlyMap<number, readonly ReadCrl[]>;
  /** Serial -> reason of what OCSP calls revoked. */
  readonly ocsp: ReadonlyMap<string, RevocationReason>;
}

/**
 * Rule 7: what is revoked is in the next full CRL, in base plus delta, in the union of the shards and in OCSP, with its reason, and nothing
 * else is. Rule 8: numbers rise, thisUpdate never goes back. Empty when both hold.
 */
export function faultsOfPublished(truth: ReadonlyMap<string, RevocationReason>, { full, delta, earlier, shards, ocsp }: Published): string[] {
  const faults: string[] = [];
  const same = (what: string, entries: ReadonlyMap<string, RevocationReason>): void => {
    for (const [serial, reason] of truth) if (entries.get(serial) !== reason) faults.push(`${what}: ${serial} is ${entries.get(serial) ?? 'missing'}, not ${reason}`);
    for (const [serial, reason] of entries) if (!truth.has(serial)) faults.push(`${what}: ${serial} is listed as ${reason} and is good`);
  };
  same(`full CRL ${full.number}`, full.entries);
  same('OCSP', ocsp);
  if (delta.number !== full.number) faults.push(`delta ${delta.number} came with full CRL ${full.number}`);
  const based = earlier.filter(({ number }) => number >= (delta.base ?? 0n) && number < delta.number);
  if (based.length === 0) faults.push(`no CRL that stood can be brought up to date by delta ${delta.number}, which is against ${delta.base}`);
  for (const base of based) same(`CRL ${base.number} and delta ${delta.number}`, apply(base, delta));
  for (const [count, documents] of shards) {
    const union = new Map<string, RevocationReason>();
    for (const [index, { entries, at }] of documents.entries()) {
      if (at?.some((url) => url.endsWith(`/${count}-${index}.crl`)) !== true) faults.push(`shard ${count}-${index} says it is at ${String(at)}`);
      for (const [serial, reason] of entries) {
        if (shardOf(serial, count) !== index) faults.push(`${serial} is in shard ${count}-${index}`);
        union.set(serial, reason);
      }
    }
    if (documents.length !== count) faults.push(`of ${count} shards there are ${documents.length}`);
    same(`${count} shards`, union);
  }
  const sequence = [...earlier, full];
  for (const [at, crl] of sequence.entries()) {
    const before = sequence[at - 1];
    if (before !== undefined && crl.number <= before.number) faults.push(`CRL ${crl.number} came after ${before.number}`);
    if (before !== undefined && crl.crl.thisUpdate < before.crl.thisUpdate) faults.push(`CRL ${crl.number} is of before CRL ${before.number}`);
    if ([...crl.entries.values()].includes('removeFromCRL')) faults.push(`full CRL ${crl.number} removes`);
  }
  return faults;
}
