import { sha256 } from '../digest.ts';
import { Refused } from '../errors.ts';
import type { RequestRecord } from '../issuance/request.ts';
import { normaliseSerial } from '../issuance/serial.ts';
import { type CertificationRequest, parseCertificationRequest, verifyPossession } from '../x509/csr.ts';
import { X509Error } from '../x509/errors.ts';
import { type RevocationContext, unknownSerial, writeRevocation } from './revoke.ts';

/** Prefix of the proof's common name, followed by the serial: no other CSR with that key, wherever it was seen, is a proof. */
export const PROOF_PREFIX = 'chancery revoke ';

/**
 * Revokes a certificate for anyone who proves possession of its key, with reason keyCompromise: a key in someone else's hands is compromised, and its
 * holder may declare it so (RFC 8555 7.6; CA/Browser Forum BR 4.9.1.1, 4.9.12). Blocks the key permanently. The CSR names the serial, so that it proves
 * this and nothing else; if it is sent twice, the certificate is already revoked (docs/decisions/0017-compromise-by-proof-of-possession.md).
 * @param csr DER
 * @throws Refused `not-found`, `csr-malformed`, `csr-possession`, `forbidden`, `already-revoked`
 */
export async function revokeByProof(context: RevocationContext, { serial, csr }: { readonly serial: string; readonly csr: Uint8Array }): Promise<RequestRecord> {
  const record = await context.store.get(serial);
  if (record === undefined) throw unknownSerial(serial);
  const proof = understood(() => parseCertificationRequest(csr), 'csr-malformed');
  // Cheap checks first: verifying the signature costs the most.
  if (sha256(proof.publicKey.der) !== record.keyHash) throw new Refused('forbidden', `The proof was made with another key than that of certificate ${serial}.`);
  if (!names(proof, serial)) {
    throw new Refused('forbidden', `The proof is not meant for this: its common name must be "${PROOF_PREFIX}${serial}".`);
  }
  understood(() => verifyPossession(proof), 'csr-possession');
  return writeRevocation(context, { serial, reason: 'keyCompromise', actor: `key:${record.keyHash}`, details: { holder: true, proof: 'possession' } });
}

function names({ commonName = '' }: CertificationRequest, serial: string): boolean {
  return commonName.startsWith(PROOF_PREFIX) && normaliseSerial(commonName.slice(PROOF_PREFIX.length)) === serial;
}

function understood<T>(read: () => T, code: 'csr-malformed' | 'csr-possession'): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    throw new Refused(code, `The proof is refused: ${error.detail}`, { cause: error, faults: [{ code: error.code, detail: error.detail, at: '/proof' }] });
  }
}
