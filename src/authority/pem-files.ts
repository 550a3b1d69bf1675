import { existsSync, readFileSync, statSync } from 'node:fs';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { X509Error } from '../x509/errors.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { PUBLIC, removeDurably, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';

const MOST_BYTES = 1024 * 1024;

export const encodeCertificates = (certificates: readonly Uint8Array[]): string => certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

/** Writes certificates durably as PEM, one after the other; with none, the file goes. */
export function writeCertificates(path: string, certificates: readonly Uint8Array[]): void {
  if (certificates.length > 0) writeDurably(path, encodeCertificates(certificates), PUBLIC);
  else if (existsSync(path)) removeDurably(path);
}

/** The DER of each certificate of a PEM file; undefined where there is no such file. @throws AuthorityError `certificate-unreadable` */
export function readCertificates(path: string, name: string): Uint8Array[] | undefined {
  if (!existsSync(path)) return undefined;
  return readable(name, () => {
    if (statSync(path).size > MOST_BYTES) refuse('certificate-unreadable', `is larger than ${MOST_BYTES} bytes`, name);
    return decodePem(readFileSync(path, 'latin1'), 'CERTIFICATE');
  });
}

/** @throws AuthorityError `certificate-unreadable` */
export const readCertificate = (der: Uint8Array, name: string): Certificate => readable(name, () => parseCertificate(der));

function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof X509Error) return refuse('certificate-unreadable', cause.detail, name, { cause });
    if (cause instanceof Error && 'syscall' in cause) return refuse('certificate-unreadable', `cannot be read (${(cause as NodeJS.ErrnoException).code})`, name, { cause });
    throw cause;
  }
}
