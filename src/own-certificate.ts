import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerOptions as TlsOptions } from 'node:https';
import { byOneProcess } from './by-one-process.ts';
import { readServiceCertificate, renewServiceCertificate, serviceCertificateIsDue, type ServiceCertificateOptions } from './issuance/service-certificate.ts';
import type { LeaseStore } from './store/store.ts';

export interface OwnCertificateOptions extends ServiceCertificateOptions {
  /** Certificate and key provided by the operator instead of issued here. */
  readonly files: { readonly cert?: string; readonly key?: string };
  readonly leases: LeaseStore;
  /** The lease under which the certificate is renewed. */
  readonly lease: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export const pemFile = (file: string): { readonly key: string; readonly cert: string } => ({ key: file, cert: file });

/**
 * Client certificates are requested but not required, and no CA names are listed: the store decides, byte for byte, whether a certificate
 * is ours. TLS 1.2 stays enabled for clients that lack 1.3 (RFC 9325 3.1.1).
 */
export const serverTls = (file: string): TlsOptions => ({ ...pemFile(file), requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2', sessionIdContext: 'chancery' });

/** The service's certificate and key, PEM: those on disk, or new ones if due. If several processes ask, one creates them. */
export async function ownCertificate(options: OwnCertificateOptions): Promise<string> {
  const { leases, lease, clock, folder, files } = options;
  if (files.cert !== undefined && files.key !== undefined) return fromFiles(files.cert, files.key);
  for (;;) {
    await byOneProcess({
      leases, clock, name: lease, isDue: () => serviceCertificateIsDue(options),
      make: async () => void await renewServiceCertificate(options),
    });
    const file = readServiceCertificate(folder);
    if (file !== undefined) return file;
  }
}

/** Key and certificate as one text. @throws Error if they do not match, as may briefly happen while they are being replaced */
function fromFiles(cert: string, key: string): string {
  const [chain, secret] = [readFileSync(cert, 'utf8'), readFileSync(key, 'utf8')];
  if (!new X509Certificate(chain).checkPrivateKey(createPrivateKey(secret))) throw new Error(`${key} is not the key of ${cert}`);
  return `${secret.trimEnd()}\n${chain}`;
}
