import { Refused } from '../errors.ts';
import type { RequestRecord } from '../issuance/request.ts';
import { encodePem } from '../x509/pem.ts';
import { bundleOf } from './bundle.ts';
import type { CfsslContext } from './context.ts';
import { violation } from './refusal.ts';
import type { SignRequest } from './sign-request.ts';

/** Retry-After for requests that wait for a decision, seconds. */
const LOOK_AGAIN = 10;

/**
 * The result of `sign`: the certificate alone, with a final line feed, since clients append others to it.
 * @throws Refused `unavailable` while it waits; CfsslRefusal if there will be no certificate, or none that is valid
 */
export function certificateReply(context: Pick<CfsslContext, 'authorities' | 'clock'>, record: RequestRecord, { bundle }: SignRequest): object {
  const { id, state, steps, certificate, revocation, notAfter = 0, refusal } = record;
  if (state === 'pending' || state === 'approved') {
    const reasons = steps.filter(({ outcome }) => outcome === 'waiting').map(({ reason }) => reason);
    throw new Refused('unavailable', `Request ${id} waits${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}. Send the same request again.`, { retryAfter: LOOK_AGAIN });
  }
  if (certificate === undefined) throw violation(`Policy violation request: ${refusal?.detail ?? 'it was refused'} (request ${id})`);
  // A certificate found again may have ended.
  if (revocation !== undefined) throw violation(`Policy violation request: this very request yielded certificate ${id}, which is revoked (${revocation.reason}); make a new CSR.`);
  if (notAfter < Math.floor(context.clock() / 1000)) throw violation(`Policy violation request: this very request yielded certificate ${id}, which has expired; make a new CSR.`);
  return { certificate: encodePem('CERTIFICATE', certificate), ...(bundle ? { bundle: bundleOf(certificate, context.authorities) } : {}) };
}
