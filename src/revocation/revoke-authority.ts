import type { Authority } from '../authority/authority.ts';
import { sha256 } from '../digest.ts';
import { Refused } from '../errors.ts';
import { type Identity, mayAct, requesterKey } from '../identity/identity.ts';
import type { CrlStore, RevocationChange } from '../store/crl-store.ts';
import { encodeRevokedEntry } from '../x509/crl.ts';
import { equalBytes } from '../x509/der/writer.ts';
import { distinguishedNameToText } from '../x509/distinguished-name.ts';
import type { RevocationReason } from '../x509/revocation-reason.ts';
import { issuerOf } from './authority-standing.ts';

export interface AuthorityRevocationContext {
  readonly store: Pick<CrlStore, 'add' | 'change'>;
  readonly authorities: readonly Authority[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Called with the authority whose CRL is now outdated, and awaited: from then on the revoked authority issues nothing in this process. */
  readonly revoked: (issuer: string, reason: RevocationReason) => Promise<void> | void;
}

/** The revocation of an authority's own certificate, if any. */
export async function authorityRevocation({ store, authorities }: Pick<AuthorityRevocationContext, 'store' | 'authorities'>, authority: Authority): Promise<RevocationChange | undefined> {
  const issuer = issuerOf(authority, authorities);
  return issuer === undefined ? undefined : store.change(issuer.name, authority.certificate.serial);
}

/**
 * Revokes an authority's certificate permanently: it is listed on its issuer's CRL, whose key must be here to sign that. The authority stops issuing
 * (docs/decisions/0018-revoking-an-authority.md); its own CRL continues, since relying parties may still ask about what it signed.
 * @throws Refused `forbidden`, `not-found`, `not-revocable` with what to request from whom, `already-revoked`
 */
export async function revokeAuthority(
  { store, authorities, clock, revoked }: AuthorityRevocationContext, { identity, name, reason }: { readonly identity: Identity; readonly name: string; readonly reason: RevocationReason },
): Promise<RevocationChange> {
  if (!mayAct(identity, 'admin')) throw new Refused('forbidden', 'Only an operator with scope admin may revoke an authority.');
  const authority = authorities.find((one) => one.name === name);
  if (authority === undefined) throw new Refused('not-found', `There is no authority ${JSON.stringify(name)}; expected one of ${authorities.map((one) => one.name).join(', ')}.`);
  const issuer = signerAbove(authority, authorities);
  const { serial, notAfter } = authority.certificate;
  const now = clock();
  const outcome = await store.add(issuer.name, { serial, notAfter }, { at: Math.floor(now / 1000), reason }, (at) => encodeRevokedEntry({ serial, at, reason }), [
    { time: now, event: 'authority.revoked', actor: requesterKey(identity), subject: name, details: { reason, serial, issuer: issuer.name } },
  ]);
  if (outcome.outcome === 'already-revoked') {
    const when = new Date(outcome.change.at * 1000).toISOString();
    throw new Refused('already-revoked', `Authority ${name} was revoked at ${when} (${outcome.change.reason}).`, { instance: `/v1/authorities/${name}` });
  }
  await revoked(issuer.name, reason);
  return outcome.change;
}

function signerAbove(authority: Authority, authorities: readonly Authority[]): Authority {
  const { certificate, name, der } = authority;
  if (equalBytes(certificate.subject, certificate.issuer)) {
    throw new Refused('not-revocable', `Authority ${name} is a root: no CRL revokes it (RFC 5280 6.1). Take it out of every trust store, and its key from here.`);
  }
  const issuer = issuerOf(authority, authorities);
  if (issuer?.canSign === true) return issuer;
  const whom = issuer === undefined
    ? `Its issuer is ${distinguishedNameToText(certificate.issuerName)}: ask the operators of that CA`
    : `The key of ${issuer.name} is not here: bring it back for as long as this takes, or use it where it is,`;
  throw new Refused('not-revocable', `Authority ${name} cannot be revoked here. ${whom} to revoke the certificate with the serial ${certificate.serial} (SHA-256 ${sha256(der)}) and to publish a CRL. To issue nothing more at once, take away authorities/${name}/key.pem and start the service again.`);
}
