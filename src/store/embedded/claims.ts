import { credentialClaimName } from '../name.ts';
import type { Claim } from '../store.ts';
import type { Transaction } from './batch-transaction.ts';
import type { Reads } from './environment.ts';
import { ENDS, NOTHING, endKey } from './keys.ts';

/** What a claim in this table may stand for; each kind has its own keys. Claims on requests are marks (`marks.ts`). */
export type ClaimKind = 'token' | 'api-key';

export interface StandingClaim extends Omit<Claim, 'key'> {
  /** Id of the token or API key. */
  readonly target: string;
}

export const claimKey = (kind: ClaimKind, key: string): Buffer => credentialClaimName(kind, key);

/** Writes a claim, and schedules its removal. */
export function putClaim(transaction: Transaction, key: Buffer, { fingerprint, expires, livesWithRequest }: Claim, target: string): void {
  const before = transaction.tables.claims.getBinary(key);
  if (before !== undefined) transaction.remove('ends', endKey(ENDS.claim, decodeClaim(before).expires * 1000, key));
  transaction.put('claims', key, Buffer.from(JSON.stringify({ fingerprint, expires, livesWithRequest, target } satisfies StandingClaim)));
  transaction.put('ends', endKey(ENDS.claim, expires * 1000, key), NOTHING);
}

export const decodeClaim = (bytes: Buffer): StandingClaim => JSON.parse(bytes.toString()) as StandingClaim;

/** The claim under a key, unless it has expired. `now` in milliseconds. */
export function standingClaim(tables: Reads, key: Buffer, now: number): StandingClaim | undefined {
  const bytes = tables.claims.getBinary(key);
  const claim = bytes === undefined ? undefined : decodeClaim(bytes);
  return claim === undefined || claimEnded(claim, now) ? undefined : claim;
}

/** `now` in milliseconds. */
export const claimEnded = ({ expires }: Pick<Claim, 'expires'>, now: number): boolean => expires * 1000 <= now;
