import type { Revocation } from '../issuance/request.ts';

/**
 * What a revocation becomes when another is asked for; undefined where it stays. Its time never changes: a hold that becomes final keeps
 * "the date the certificate was placed on hold" (X.509, hold instruction code extension). Its reason changes from certificateHold to any
 * permanent one, and from any to keyCompromise (RFC 5280 5.3.1: what relying parties must know most).
 */
export function revise(before: Revocation | undefined, wanted: Revocation): Revocation | undefined {
  if (before === undefined) return wanted;
  if (wanted.reason === before.reason || wanted.reason === 'certificateHold') return undefined;
  return before.reason === 'certificateHold' || wanted.reason === 'keyCompromise' ? { at: before.at, reason: wanted.reason } : undefined;
}
