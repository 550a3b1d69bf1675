import { decodeCrlNumber, decodeIssuingDistributionPoint, type IssuingDistributionPoint } from '../../x509/crl-extensions.ts';
import { parseTbsCrl, type TbsCrl } from '../../x509/crl.ts';
import { valueOf } from '../../x509/extension.ts';
import { decodeAuthorityKeyIdentifier, decodeCrlDistributionPoints } from '../../x509/extensions.ts';
import { OID, oidName } from '../../x509/oids.ts';
import type { Lint } from './lint.ts';
import type { ReadCertificate } from './read-values.ts';
import { algorithmFault, authorityKeyIdentifierFault, issuerNameFault, urlFault } from './signing.ts';

/** A CRL about to be signed, with its extensions decoded, and its issuer's certificate. */
export interface CrlSubject {
  readonly tbs: TbsCrl;
  readonly issuer: ReadCertificate;
  readonly number: bigint | undefined;
  /** Delta CRLs only: the number of the base. */
  readonly base: bigint | undefined;
  readonly authorityKeyIdentifier: Uint8Array | undefined;
  readonly scope: IssuingDistributionPoint | undefined;
  readonly freshest: readonly string[] | undefined;
}

/** Parses the bytes of a CRL. Throws an `X509Error`. */
export function readCrl(bytes: Uint8Array, issuer: ReadCertificate): CrlSubject {
  const tbs = parseTbsCrl(bytes);
  return {
    tbs, issuer,
    number: valueOf(tbs, OID.cRLNumber, decodeCrlNumber),
    base: valueOf(tbs, OID.deltaCRLIndicator, decodeCrlNumber),
    authorityKeyIdentifier: valueOf(tbs, OID.authorityKeyIdentifier, decodeAuthorityKeyIdentifier),
    scope: valueOf(tbs, OID.issuingDistributionPoint, decodeIssuingDistributionPoint),
    freshest: valueOf(tbs, OID.freshestCRL, decodeCrlDistributionPoints),
  };
}

/** Every CRL extension that Chancery issues, whether it is critical, and the citation. */
const KNOWN: ReadonlyMap<string, readonly [boolean, string]> = new Map<string, readonly [boolean, string]>([
  [OID.authorityKeyIdentifier, [false, 'RFC 5280 5.2.1']],
  [OID.cRLNumber, [false, 'RFC 5280 5.2.3']],
  [OID.deltaCRLIndicator, [true, 'RFC 5280 5.2.4']],
  [OID.issuingDistributionPoint, [true, 'RFC 5280 5.2.5']],
  [OID.freshestCRL, [false, 'RFC 5280 5.2.6']],
]);

/** Lints for CRLs, beyond what the strict parser has checked. */
export const CRL_LINTS: readonly Lint<CrlSubject>[] = [
  {
    name: 'crl-signature-algorithm',
    citation: 'RFC 5280 5.1.1.2, BR 7.1.3.2',
    fault: ({ tbs, issuer }) => algorithmFault(tbs, issuer),
  },
  {
    name: 'crl-issuer-name',
    citation: 'RFC 5280 5.1.2.3',
    fault: ({ tbs, issuer }) => issuerNameFault(tbs, issuer),
  },
  {
    name: 'crl-issuer-may-sign',
    citation: 'RFC 5280 4.2.1.3, 6.3.3 (f)',
    fault: ({ issuer: { values } }) => values.keyUsage === undefined || values.keyUsage.includes('cRLSign') ? undefined : "the issuer's key usage lacks cRLSign",
  },
  {
    name: 'crl-times',
    citation: 'RFC 5280 5.1.2.4, 5.1.2.5',
    fault: ({ tbs }) => tbs.nextUpdate <= tbs.thisUpdate ? 'nextUpdate is not after thisUpdate' : undefined,
  },
  {
    name: 'crl-authority-key-identifier',
    citation: 'RFC 5280 5.2.1',
    fault: ({ authorityKeyIdentifier, issuer }) => authorityKeyIdentifierFault(authorityKeyIdentifier, issuer),
  },
  {
    name: 'crl-number',
    citation: 'RFC 5280 5.2.3',
    fault: ({ number }) => number === undefined ? 'there is no CRL number' : undefined,
  },
  {
    name: 'crl-extensions-known',
    citation: 'RFC 5280 5.2',
    fault: ({ tbs }) => {
      const unknown = tbs.extensions.find(({ oid }) => !KNOWN.has(oid));
      return unknown === undefined ? undefined : `there is an extension ${oidName(unknown.oid)}, which no CRL here has`;
    },
  },
  {
    name: 'crl-extension-criticality',
    citation: 'RFC 5280 5.2',
    fault: ({ tbs }) => {
      const wrong = tbs.extensions.find(({ oid, critical }) => (KNOWN.get(oid)?.[0] ?? critical) !== critical);
      return wrong === undefined ? undefined : `${oidName(wrong.oid)} is ${wrong.critical ? '' : 'not '}critical, contrary to ${KNOWN.get(wrong.oid)?.[1]}`;
    },
  },
  {
    name: 'crl-url',
    citation: 'RFC 5280 5.2.5, 5.2.6, BR 7.2.2.1',
    fault: ({ scope, freshest = [] }) => urlFault([...(scope?.urls ?? []), ...freshest]),
  },
  {
    name: 'crl-delta-base',
    citation: 'RFC 5280 5.2.4',
    fault: ({ base, number }) => base !== undefined && number !== undefined && base > number ? `the base, ${base}, is after the delta CRL, ${number}` : undefined,
  },
  {
    name: 'crl-freshest-not-in-delta',
    citation: 'RFC 5280 5.2.6',
    fault: ({ base, freshest }) => base !== undefined && freshest !== undefined ? 'a delta CRL does not point at another' : undefined,
  },
  {
    name: 'crl-removal-only-in-delta',
    citation: 'RFC 5280 5.3.1',
    fault: ({ base, tbs }) => base === undefined && tbs.summary.reasons.has('removeFromCRL') ? 'the reason removeFromCRL is for delta CRLs only' : undefined,
  },
];
