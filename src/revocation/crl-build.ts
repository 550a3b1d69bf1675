import type { Authority } from '../authority/authority.ts';
import type { Breathe } from '../breathe.ts';
import { sha256 } from '../digest.ts';
import { layCrl } from '../policy/lints.ts';
import type { CrlBase, PublishedCrl } from '../store/crl-store.ts';
import { cRLNumber, deltaCRLIndicator, freshestCRL, issuingDistributionPoint } from '../x509/crl-extensions.ts';
import type { EntrySelection } from '../x509/crl-entry-log.ts';
import { authorityKeyIdentifier } from '../x509/extensions.ts';

/** The contents of a CRL. */
export interface CrlContent {
  readonly number: bigint;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The revision that the entries correspond to. */
  readonly revision: number;
  readonly entries: EntrySelection;
  /** Delta CRLs only: the base, and the next one. */
  readonly bases?: readonly CrlBase[] | undefined;
  /** Full CRLs only: addresses of the delta CRL. */
  readonly freshest?: readonly string[];
  /** Shards only: their addresses as given in certificates. */
  readonly at?: readonly string[];
}

/** Signatures by a 16384-bit RSA key have this many octets, and no larger key is supported. */
const SIGNATURE_MOST = 2048;

/**
 * Builds and signs a CRL, yielding to the event loop through `breathe`.
 * @throws LintError, or what the key throws
 */
export async function buildCrl(authority: Authority, content: CrlContent, breathe: Breathe): Promise<PublishedCrl> {
  if (authority.signingKey === undefined) throw new Error(`authority ${authority.name} has no key here to sign its CRL`);
  const { number, thisUpdate, nextUpdate, revision, entries, bases, freshest = [], at = [] } = content;
  const base = bases?.[0];
  const { tbs, seal } = await layCrl({
    algorithm: authority.signatureAlgorithm.der,
    issuer: authority.certificate.subject,
    thisUpdate,
    nextUpdate,
    extensions: [
      authorityKeyIdentifier(authority.subjectKeyId),
      cRLNumber(number),
      ...(base === undefined ? [] : [deltaCRLIndicator(base.number)]),
      ...(at.length === 0 ? [] : [issuingDistributionPoint({ urls: at })]),
      ...(freshest.length === 0 ? [] : [freshestCRL(freshest)]),
    ],
  }, entries, { issuer: authority.certificate, signatureOctets: SIGNATURE_MOST, breathe });
  const signature = await authority.signingKey.sign(tbs);
  // The signature represents all octets: hashing them again would take as long as signing.
  const etag = `"${number.toString(16)}-${sha256(signature).slice(0, 32)}"`;
  return { der: seal(signature), number, etag, thisUpdate, nextUpdate, revision, entries: entries.count, ...(bases === undefined ? {} : { bases }) };
}
