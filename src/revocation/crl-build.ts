import type { Authority } from '../authority/authority.ts';
import type { Breathe } from '../breathe.ts';
import { sha256 } from '../digest.ts';
import { layCrl } from '../policy/lints.ts';
import type { CrlBase, PublishedCrl } from '../store/crl-store.ts';
import { cRLNumber, deltaCRLIndicator, freshestCRL, issuingDistributionPoint } from '../x509/crl-extensions.ts';
import type { EntrySelection } from '../x509/crl-entry-log.ts';
import { authorityKeyIdentifier } from '../x509/extensions.ts';

/** What a CRL is to say. */
export interface CrlContent {
  readonly number: bigint;
  /** Seconds since the epoch. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** The revision that the entries stand at. */
  readonly revision: number;
  readonly entries: EntrySelection;
  /** Of a delta: its base, and the next one. */
  readonly bases?: readonly CrlBase[] | undefined;
  /** Of a full CRL: where the delta is. */
  readonly freshest?: readonly string[];
  /** Of a shard: where it is, as certificates say it. */
  readonly at?: readonly string[];
}

/** An RSA key of 16384 bits has signatures of this many octets: no key here is larger. */
const SIGNATURE_MOST = 2048;

/**
 * Builds and signs a CRL, without holding up the event loop for longer than `breathe` lets it.
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
  // The signature stands for all octets: hashing them once more would take as long as signing did.
  const etag = `"${number.toString(16)}-${sha256(signature).slice(0, 32)}"`;
  return { der: seal(signature), number, etag, thisUpdate, nextUpdate, revision, entries: entries.count, ...(bases === undefined ? {} : { bases }) };
}
