import type { Claim } from '../store.ts';
import type { Reads } from './environment.ts';
import { name } from './keys.ts';

/** What a claim of this table may stand for; each kind has its own keys. Claims on requests are marks (`marks.ts`). */
export type ClaimKind = 'token' | 'api-key';

export interface StandingClaim extends Omit<Claim, 'key'> {
  /** The id of what it stands for. */
  readonly target: string;
}

export const claimKey = (kind: ClaimKind, key: string): Buffer => name(kind, key);

export const encodeClaim = (claim: Claim, target: string): Buffer => {
  const { key: _, ...rest } = claim;
  return Buffer.from(JSON.stringify({ ...rest, target } satisfies StandingClaim));
};

export const decodeClaim = (bytes: Buffer): StandingClaim => JSON.parse(bytes.toString()) as StandingClaim;

/** The claim under a key, if its time is not over. `now` in milliseconds. */
export function standingClaim(tables: Reads, key: Buffer, now: number): StandingClaim | undefined {
  const bytes = tables.claims.getBinary(key);
  const claim = bytes === undefined ? undefined : decodeClaim(bytes);
  return claim === undefined || claimEnded(claim, now) ? undefined : claim;
}

/** `now` in milliseconds. */
export const claimEnded = ({ expires }: Pick<Claim, 'expires'>, now: number): boolean => expires * 1000 <= now;
