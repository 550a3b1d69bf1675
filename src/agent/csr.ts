import { isIP } from 'node:net';
import { certificationRequest } from '../authority/keys/certification-request.ts';
import type { KeyPair } from '../authority/keys/generate.ts';
import { Failure } from '../client/failure.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { commonNameOf } from '../x509/distinguished-name.ts';
import { X509Error } from '../x509/errors.ts';
import { certificateNames, subjectAltName } from '../x509/extensions.ts';
import { type GeneralName, textToName } from '../x509/general-name.ts';
import { OID } from '../x509/oids.ts';

/** ub-common-name in characters, RFC 5280 appendix A.1. */
const MOST_COMMON_NAME = 64;

/** The requested names, sorted by where a CSR carries them. */
export interface AskedNames {
  readonly names: readonly GeneralName[];
  /** A host name is repeated here for old readers; a text that is not a SAN (`Alice Smith`) appears only here; an IP address never does. */
  readonly commonName: string | undefined;
}

/**
 * Sorts names as a person writes them. One of them may be plain text, which becomes the common name only.
 * Throws Failure `usage`.
 */
export function sortNames(texts: readonly string[]): AskedNames {
  const names: GeneralName[] = [];
  let plain: string | undefined;
  for (const text of texts) {
    try {
      names.push(textToName(text));
    } catch (error) {
      if (!(error instanceof X509Error)) throw error;
      if (plain !== undefined || !/^[^.@:/*]+$/u.test(text) || text.length > MOST_COMMON_NAME) {
        throw new Failure('usage', `--name '${text}' is not a name for a certificate`, { advice: error.detail, cause: error });
      }
      plain = text;
    }
  }
  const first = names.find(({ kind }) => kind === 'dns')?.value;
  return { names, commonName: plain ?? (first !== undefined && first.length <= MOST_COMMON_NAME ? first : undefined) };
}

/** The names in a certificate (DER), for its renewal. */
export function namesOf(certificate: Uint8Array): AskedNames {
  const { extensions, subjectName } = parseCertificate(certificate);
  const commonName = commonNameOf(subjectName);
  // A common name that looks like an address is refused (x509/csr.ts); the service sets it again.
  return { names: certificateNames(extensions), commonName: commonName === undefined || isIP(commonName) === 0 ? commonName : undefined };
}

/** Builds a certification request for these names, DER. */
export function buildCertificationRequest(pair: KeyPair, { names, commonName }: AskedNames): Uint8Array {
  const subject = commonName === undefined ? [] : [{ type: OID.commonName, value: commonName }];
  // The SAN is critical if the subject is empty (RFC 5280 section 4.2.1.6).
  return certificationRequest(pair, subject, names.length === 0 ? [] : [subjectAltName(names, subject.length === 0)]);
}
