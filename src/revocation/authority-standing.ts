import type { Authority } from '../authority/authority.ts';
import type { CrlStore } from '../store/crl-store.ts';
import { equalBytes } from '../x509/der/writer.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';
import { isSignedBy } from '../x509/signature.ts';

export interface AuthorityRevocation {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly reason: RevocationReason;
}

/** Which of our authorities have been revoked by their issuer, as far as that one's revocations are in this store. */
export interface AuthorityStanding {
  /** As of the last `look`. */
  readonly revocationOf: (authority: string) => AuthorityRevocation | undefined;
  readonly look: () => Promise<void>;
}

export function authorityStanding(store: Pick<CrlStore, 'change'>, authorities: readonly Authority[]): AuthorityStanding {
  const issued = authorities.flatMap((authority) => {
    const issuer = issuerOf(authority, authorities);
    return issuer === undefined ? [] : [{ authority, issuer }];
  });
  const revoked = new Map<string, AuthorityRevocation>();
  return {
    revocationOf: (authority) => revoked.get(authority),
    look: async () => {
      for (const { authority, issuer } of issued) {
        const change = await store.change(issuer.name, authority.certificate.serial);
        if (change === undefined || change.reason === 'removeFromCRL') revoked.delete(authority.name);
        else revoked.set(authority.name, { at: change.at, reason: change.reason });
      }
    },
  };
}

/** The authority of this deployment, whether its key is here or not, that signed a certificate; undefined for roots and external issuers. */
export const issuerOf = ({ certificate }: Authority, authorities: readonly Authority[]): Authority | undefined => authorities.find((other) =>
  other.certificate !== certificate && equalBytes(other.certificate.subject, certificate.issuer) && isSignedBy(certificate, other.certificate.publicKey));
