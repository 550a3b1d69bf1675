import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { Refused } from '../../../src/errors.ts';
import type { Attestor, Attested, Evidence } from '../../../src/identity/attestation/attestor.ts';
import { type Challenge, challenges } from '../../../src/identity/attestation/challenge.ts';

export const seconds = (): number => Math.floor(Date.now() / 1000);

/** A challenge for some key, as a service gives it out. */
export const newChallenge = (): Challenge =>
  challenges({ master: randomBytes(32), random: randomBytes, clock: Date.now, lifetime: 300_000 }).issue(randomBytes(32).toString('hex'));

export const evidence = (proof: Evidence['proof'], more: Partial<Evidence> = {}): Evidence => ({ proof, challenge: newChallenge(), presented: [], now: seconds(), ...more });

/** The proof is good. */
export const accepted = async (attestor: Attestor, given: Evidence): Promise<Attested> => attestor.attest(given);

/** The proof is refused as such, in words that match. */
export async function refused(t: Test, attestor: Attestor, given: Evidence, why: RegExp, name: string): Promise<void> {
  try {
    await attestor.attest(given);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    t.equal(error.code, 'unauthenticated', name);
    t.match(error.message, why, name);
    return;
  }
  t.fail(`${name}: it was taken`);
}

/** The values of an attribute. */
export const values = ({ attributes }: Attested, name: string): readonly string[] => attributes.get(name) ?? [];
