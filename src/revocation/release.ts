import { Refused } from '../errors.ts';
import { type Identity, mayAct, requesterKey } from '../identity/identity.ts';
import type { RequestRecord } from '../issuance/request.ts';
import { encodeRevokedEntry } from '../x509/crl.ts';
import { type RevocationContext, unknownSerial } from './revoke.ts';

/**
 * Releases a certificateHold: the certificate is valid again, absent from the next full CRL, and listed in the next delta CRL as removeFromCRL
 * (RFC 5280 5.3.1). No other revocation can be undone.
 * @throws Refused `forbidden`, `not-found`, `not-held`
 */
export async function release(context: RevocationContext, { identity, serial }: { readonly identity: Identity; readonly serial: string }): Promise<RequestRecord> {
  if (!mayAct(identity, 'revoke')) throw new Refused('forbidden', 'Only an operator with scope revoke may release a certificate.');
  const now = context.clock();
  const at = Math.floor(now / 1000);
  const outcome = await context.store.release(serial, at, (time) => encodeRevokedEntry({ serial, at: time, reason: 'removeFromCRL' }), [
    { time: now, event: 'certificate.released', actor: requesterKey(identity), subject: serial },
  ]);
  switch (outcome.outcome) {
    case 'unknown': throw unknownSerial(serial);
    case 'not-held': {
      const { revocation } = outcome.record;
      const how = revocation === undefined ? 'is not revoked' : `was revoked for good at ${new Date(revocation.at * 1000).toISOString()} (${revocation.reason})`;
      throw new Refused('not-held', `Certificate ${serial} ${how}; only one on hold can be released.`, { instance: `/v1/certificates/${serial}` });
    }
    case 'released':
      context.revoked(outcome.record.authority, 'removeFromCRL');
      return outcome.record;
  }
}
