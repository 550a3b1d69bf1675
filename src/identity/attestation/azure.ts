import { createHash } from 'node:crypto';
import type { Certificate } from '../../x509/certificate.ts';
import { equalBytes } from '../../x509/der/writer.ts';
import { X509Error } from '../../x509/errors.ts';
import { certificateNames } from '../../x509/extensions.ts';
import { decodeBase64 } from '../../x509/pem.ts';
import { compileNamePattern } from '../../policy/name-pattern.ts';
import { subjectKeyIdOf } from '../../authority/ca-extensions.ts';
import { type Attestor, attributesOf, needed, unproved } from './attestor.ts';
import { readPresented, type Trust, trustedPath } from './certification-path.ts';
import type { Challenge } from './challenge.ts';
import { parseSignedData, type SignerId, verifySignedData } from './cms/signed-data.ts';
import { membersOf, readDocument, texts } from './document.ts';
import { PathError } from './path-error.ts';

export interface AzureSettings {
  /** For the certificates with which Azure signs: TLS server certificates of a public CA. */
  readonly trust: Trust;
  /** Patterns, one of which must match a name in the signer's certificate. */
  readonly signers: readonly string[];
}

const SKEW = 300;
const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const FORMS = { vmId: UUID, subscriptionId: UUID, nonce: /^\d{10}$/ } as const;
const NONCE_DIGITS = 10;

/**
 * Ten digits, the only form of nonce that Azure accepts. The challenge's random octets are chosen by the service, so no one can search for one
 * that fits an older document.
 */
export const azureNonce = ({ text }: Challenge): string =>
  (createHash('sha256').update(`azure:${text}`).digest().readBigUInt64BE(0) % 10n ** BigInt(NONCE_DIGITS)).toString().padStart(NONCE_DIGITS, '0');

/**
 * Proof by attested data (`signature`, base64 of PKCS#7) that the metadata service signed over the challenge's nonce, with a certificate for its
 * name under a configured root. The issuer's certificate is often not included, and must then be among the configured ones.
 */
export function azureAttestor({ trust, signers }: AzureSettings): Attestor {
  const patterns = signers.map(compileNamePattern);
  const signerOf = (certificates: readonly Uint8Array[], id: SignerId, now: number): Certificate => {
    const presented = certificates.length === 0 ? [] : readPresented(certificates);
    const signer = presented.find((one) => isNamed(one, id));
    if (signer === undefined) throw new PathError('it does not carry the certificate of its signer');
    if (!certificateNames(signer.extensions).some((name) => patterns.some(({ matches }) => matches(name)))) {
      throw new PathError(`it is signed by ${certificateNames(signer.extensions).map(({ value }) => value).join(', ') || 'nobody by name'}, not by ${signers.join(' or ')}`);
    }
    trustedPath([signer, ...presented.filter((one) => one !== signer)], trust, now);
    return signer;
  };
  return {
    kind: 'azure',
    demands: (challenge) => ({ nonce: azureNonce(challenge) }),
    attest: ({ proof, challenge, now }) => {
      let content: Uint8Array;
      try {
        const signed = parseSignedData(decodeBase64(needed('azure', proof, 'signature').replace(/\s/g, '')));
        if (signed.content === undefined) throw unproved('azure', 'it carries no document');
        verifySignedData(signed, signed.content, signerOf(signed.certificates, signed.signer, now).publicKey);
        content = signed.content;
      } catch (error) {
        throw error instanceof PathError || error instanceof X509Error ? unproved('azure', error instanceof X509Error ? error.detail : error.message, error) : error;
      }
      const document = readDocument('azure', content);
      const { vmId, subscriptionId, nonce } = texts('azure', document, FORMS);
      if (nonce !== azureNonce(challenge)) throw unproved('azure', 'the document was made for another challenge: its nonce is different');
      checkTimes(document, now);
      const plan = membersOf('azure', '"plan"', document.get('plan') ?? {});
      const optional = (members: ReadonlyMap<string, unknown>, name: string): string | undefined => (typeof members.get(name) === 'string' ? String(members.get(name)) : undefined);
      return {
        name: `${subscriptionId.toLowerCase()}/${vmId.toLowerCase()}`,
        attributes: attributesOf({
          vmId: vmId.toLowerCase(), subscriptionId: subscriptionId.toLowerCase(), sku: optional(document, 'sku'), licenseType: optional(document, 'licenseType'),
          planName: optional(plan, 'name'), planProduct: optional(plan, 'product'), planPublisher: optional(plan, 'publisher'),
        }),
        proof: `virtual machine ${vmId.toLowerCase()} of Azure subscription ${subscriptionId.toLowerCase()}, by attested data`,
      };
    },
  };
}

function isNamed(certificate: Certificate, id: SignerId): boolean {
  if ('keyId' in id) {
    const own = subjectKeyIdOf(certificate.extensions);
    return own !== undefined && equalBytes(own, id.keyId);
  }
  return equalBytes(certificate.issuer, id.issuer) && certificate.serial === id.serial;
}

function checkTimes(document: ReadonlyMap<string, unknown>, now: number): void {
  const times = membersOf('azure', '"timeStamp"', document.get('timeStamp'));
  const [created, expires] = ['createdOn', 'expiresOn'].map((name) => azureTime(times.get(name)));
  if (created === undefined || expires === undefined) throw unproved('azure', '"timeStamp" lacks createdOn or expiresOn as MM/DD/YY HH:MM:SS -0000');
  if (now < created - SKEW) throw unproved('azure', 'the document was created in the future');
  if (now > expires) throw unproved('azure', 'the document has expired');
}

/** Seconds since the epoch from `11/28/18 00:16:17 -0000`, the format that Azure uses. */
function azureTime(value: unknown): number | undefined {
  const [, month, day, year, time] = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) -0000$/.exec(String(value)) ?? [];
  const milliseconds = Date.parse(`20${year}-${month}-${day}T${time}Z`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}
