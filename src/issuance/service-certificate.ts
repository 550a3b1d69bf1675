import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, SECRET, writeDurably } from '../authority/durable-file.ts';
import { certificationRequest } from '../authority/keys/certification-request.ts';
import { generateKeyPair } from '../authority/keys/generate.ts';
import type { Identity } from '../identity/identity.ts';
import { FULL_GRANT } from '../policy/grant.ts';
import { encodePem } from '../x509/pem.ts';
import type { IssuanceContext } from './context.ts';
import { issue } from './issue.ts';

export interface ServiceCertificateOptions {
  readonly context: IssuanceContext;
  /** `<data>/service`. */
  readonly folder: string;
  readonly hostNames: readonly string[];
  /** PEM certificates that follow the leaf. */
  readonly chain: readonly string[];
}

/** The service's identity when it requests its own certificate. */
const SERVICE: Identity = { kind: 'service', name: 'https', proof: 'the service itself, for its own listener', grant: FULL_GRANT, scopes: [] };

const PROFILE = 'service';
const RENEW_AFTER = 2 / 3;

/** The contents of the file, or undefined if there is none. Key and certificate share one file, so that they always match. */
export function readServiceCertificate(folder: string): string | undefined {
  const path = fileIn(folder);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** True if a new certificate is due: none, damaged, not matching its key, from another issuer, for other names, revoked, or past 2/3 of its life. */
export async function serviceCertificateIsDue({ context, folder, hostNames, chain }: ServiceCertificateOptions): Promise<boolean> {
  const file = readServiceCertificate(folder);
  const certificate = file === undefined ? undefined : certificateIn(file);
  if (file === undefined || certificate === undefined) return true;
  const record = await context.store.get(certificate.serialNumber.toLowerCase());
  const from = Date.parse(certificate.validFrom);
  return record?.certificate === undefined || Buffer.compare(record.certificate, certificate.raw) !== 0 || record.revocation !== undefined
    || [...record.names].sort().join() !== [...new Set(hostNames)].sort().join()
    // A self-signed authority has no chain that would distinguish it from another.
    || record.authority !== context.profiles.get(PROFILE)?.authority.name || !file.endsWith(chain.join(''))
    || context.clock() > from + (Date.parse(certificate.validTo) - from) * RENEW_AFTER;
}

/** Undefined if the certificate or its key cannot be read: a listener could not use the file. */
function certificateIn(file: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(file);
    return certificate.checkPrivateKey(createPrivateKey(file)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Creates a key and a certificate for it, through the same cycle as everyone else's requests; writes both durably. @returns the file, PEM */
export async function renewServiceCertificate({ context, folder, hostNames, chain }: ServiceCertificateOptions): Promise<string> {
  const pair = await generateKeyPair('P-256');
  const { certificate } = await issue(context, { identity: SERVICE, csr: certificationRequest(pair, [], []), names: hostNames, profile: PROFILE });
  if (certificate === undefined) throw new Error('the service\'s own certificate waits for approval; expected profile "service" to need none');
  const file = [String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })), encodePem('CERTIFICATE', certificate), ...chain].join('');
  makeFolder(folder);
  writeDurably(fileIn(folder), file, SECRET);
  return file;
}

const fileIn = (folder: string): string => join(folder, 'https.pem');
