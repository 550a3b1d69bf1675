import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { signatureAlgorithmFor } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { X509Error } from '../x509/errors.ts';
import { importPublicKey } from '../x509/public-key.ts';
import { keyInput } from '../x509/signature.ts';
import { subjectKeyIdOf } from './ca-extensions.ts';
import { type Faults, refuse } from './errors.ts';
import { readKeyFile } from './keys/key-file.ts';
import { authorityFiles } from './layout.ts';
import { readCertificate, readCertificates } from './pem-files.ts';

/** An authority's files, parsed and consistent. */
export interface OnDisk {
  readonly name: string;
  readonly certificate: Certificate;
  /** Certificates from the issuer up. */
  readonly chain: readonly Certificate[];
  readonly key: KeyObject | undefined;
}

/** Signed to check that a key works. No certificate, CRL or OCSP response starts like this. */
const PROBE = Buffer.from('Chancery: does this key belong to this certificate?');

/**
 * Reads an authority's files, collecting every fault; the result is complete only if there were none.
 * `keyMayBeAway`: a missing key file is not a fault, since a root's key may be kept offline.
 */
export function readAuthority(data: string, name: string, passphrase: string | undefined, faults: Faults, { keyMayBeAway = false } = {}): OnDisk {
  const files = authorityFiles(data, name);
  const at = (which: string): string => `authorities/${name}/${which}`;
  const certificate = faults.catch(() => onlyCertificate(files.certificate, at('cert.pem')));
  const chain = faults.catch(() => (readCertificates(files.chain, at('chain.pem')) ?? []).map((der) => readCertificate(der, at('chain.pem'))));
  const key = keyMayBeAway && !existsSync(files.key) ? undefined : faults.catch(() => readKeyFile(files.key, at('key.pem'), passphrase));
  if (key !== undefined && certificate !== undefined) faults.catch(() => checkBelongs(key, certificate, at('key.pem')));
  return { name, certificate: certificate as Certificate, chain: chain ?? [], key };
}

function onlyCertificate(path: string, at: string): Certificate {
  const [der, ...more] = readCertificates(path, at) ?? refuse('certificate-missing', 'is not there', at);
  if (der === undefined || more.length > 0) return refuse('certificate-unreadable', `holds ${more.length + 1} certificates; expected one`, at);
  const certificate = readCertificate(der, at);
  if (keyIdentifierLacks(certificate)) refuse('subject-key-identifier-lacks', 'has no subject key identifier that can be read (RFC 5280 4.2.1.2)', at);
  return certificate;
}

function keyIdentifierLacks({ extensions }: Certificate): boolean {
  try {
    return subjectKeyIdOf(extensions) === undefined;
  } catch {
    return true;
  }
}

/**
 * Checks that the public key is the certificate's, and that it verifies what the private key signs: a file may contain a private key together with
 * the public part of another.
 */
function checkBelongs(key: KeyObject, { publicKey }: Certificate, at: string): void {
  try {
    const algorithm = signatureAlgorithmFor(key);
    const same = Buffer.compare(createPublicKey(key).export({ type: 'spki', format: 'der' }), publicKey.der) === 0;
    const works = same && verify(algorithm.hash, PROBE, keyInput(importPublicKey(publicKey), algorithm), sign(algorithm.hash, PROBE, keyInput(key, algorithm)));
    if (!works) refuse('key-mismatch', 'is not the key of the certificate beside it', at);
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    refuse('key-unsupported', cause.detail, at, { cause });
  }
}
