import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from '../../src/authority/authority.ts';
import { octetString, sequence, contextExplicit } from '../../src/x509/der/writer.ts';
import { encodeExtension } from '../../src/x509/extension.ts';
import { certIdIssuers } from '../../src/x509/ocsp-cert-id.ts';
import { OID } from '../../src/x509/oids.ts';
import { encodeSerial } from '../../src/x509/serial.ts';
import { openssl } from './openssl.ts';

/** The forms returned by `certIdIssuers`, in its order. */
export const FORMS = ['sha1', 'sha1 without parameters', 'sha256', 'sha256 without parameters'] as const;

/** A CertID for a certificate of this authority. */
export function certId({ certificate }: Pick<Authority, 'certificate'>, serial: string, form: (typeof FORMS)[number] = 'sha1'): Uint8Array {
  const issuer = certIdIssuers(certificate.subject, certificate.publicKey)[FORMS.indexOf(form)] as Uint8Array;
  return sequence(issuer, encodeSerial(serial));
}

/** An OCSPRequest for these CertIDs. */
export function ocspRequest(certIds: readonly Uint8Array[], nonce?: Uint8Array): Uint8Array {
  const list = sequence(...certIds.map((one) => sequence(one)));
  const extensions = nonce === undefined ? [] : [contextExplicit(2, sequence(encodeExtension({ oid: OID.ocspNonce, critical: false, value: octetString(nonce) })))];
  return sequence(sequence(list, ...extensions));
}

/** An OCSPRequest written by OpenSSL. */
export function opensslRequest(folder: string, ...args: readonly string[]): Uint8Array {
  const path = join(folder, `${randomBytes(8).toString('hex')}.req`);
  openssl('ocsp', ...args, '-reqout', path);
  return new Uint8Array(readFileSync(path));
}

/** Writes a file to the folder. @returns its path */
export function file(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
