import { existsSync, readFileSync } from 'node:fs';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { X509Error } from '../x509/errors.ts';
import { decodePem, encodePem } from '../x509/pem.ts';
import { PUBLIC, removeDurably, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';

export const encodeCertificates = (certificates: readonly Uint8Array[]): string => certificates.map((der) => encodePem('CERTIFICATE', der)).join('');

/** Writes certificates durably as concatenated PEM; removes the file if there are none. */
export function writeCertificates(path: string, certificates: readonly Uint8Array[]): void {
  if (certificates.length > 0) writeDurably(path, encodeCertificates(certificates), PUBLIC);
  else if (existsSync(path)) removeDurably(path);
}

/** The DER of each certificate in a PEM file; undefined if the file does not exist. @throws AuthorityError `certificate-unreadable` */
export function readCertificates(path: string, name: string): Uint8Array[] | undefined {
  return readable(name, () => {
    const text = readIfThere(path);
    return text === undefined ? undefined : decodePem(text, 'CERTIFICATE');
  });
}

/** Another process may remove the file at any time. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws AuthorityError `certificate-unreadable` */
export const readCertificate = (der: Uint8Array, name: string): Certificate => readable(name, () => parseCertificate(der));

function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof X509Error) return refuse('certificate-unreadable', cause.detail, name, { cause });
    const { syscall, code } = cause as NodeJS.ErrnoException;
    if (syscall !== undefined) return refuse('certificate-unreadable', `cannot be read (${code})`, name, { cause });
    throw cause;
  }
}
