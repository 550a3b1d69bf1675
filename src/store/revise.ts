import type { Revocation } from '../issuance/request.ts';

/**
 * The revocation after another one is requested; undefined if it stays as it is. The time never changes: a hold that becomes permanent keeps
 * "the date the certificate was placed on hold" (X.509, hold instruction code extension). The reason may change from certificateHold to any
 * permanent one, and from any to keyCompromise, which matters most to relying parties.
 */
export function revise(before: Revocation | undefined, wanted: Revocation): Revocation | undefined {
  if (before === undefined) return wanted;
  if (wanted.reason === before.reason || wanted.reason === 'certificateHold') return undefined;
  return before.reason === 'certificateHold' || wanted.reason === 'keyCompromise' ? { at: before.at, reason: wanted.reason } : undefined;
}
