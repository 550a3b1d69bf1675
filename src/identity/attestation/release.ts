import { Refused } from '../../errors.ts';
import { type Identity, requesterKey } from '../identity.ts';
import type { AttestationContext } from './admit.ts';
import { type Claim, dropClaim, readClaim } from './claims.ts';

const ATTEMPTS = 5;

/**
 * Allows a node to attest again, with any key: its claim is removed and the token that it earned is revoked. Certificates remain.
 * @throws Refused `not-found`
 */
export async function release({ objects, tokens, clock }: Pick<AttestationContext, 'objects' | 'tokens' | 'clock'>, id: string, operator: Identity): Promise<Claim> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const held = await readClaim(objects, id);
    if (held === undefined) throw new Refused('not-found', `There is no attested node ${JSON.stringify(id)}.`);
    const { kind, name, keyHash, tokenId } = held.claim;
    const now = clock();
    const actor = requesterKey(operator);
    // The token comes first: a failure between the two steps is fixed by calling again.
    await tokens.revoke(tokenId, now, []);
    const written = await objects.write([dropClaim(held)], [{ time: now, event: 'attestation.released', actor, subject: `${kind}/${name}`, details: { id, keyHash, token: tokenId } }]);
    if (written.outcome === 'stored') return held.claim;
  }
  throw new Refused('unavailable', 'The claim is being changed at the moment; try again.', { retryAfter: 1 });
}
