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
  /** PEM of what follows the leaf. */
  readonly chain: readonly string[];
}

/** Who the service is when it asks itself. */
const SERVICE: Identity = { kind: 'service', name: 'https', proof: 'the service itself, for its own listener', grant: FULL_GRANT, scopes: [] };

const PROFILE = 'service';
const RENEW_AFTER = 2 / 3;

/** The file as it stands; undefined where there is none. Key and certificate are one file, so that they always fit each other. */
export function readServiceCertificate(folder: string): string | undefined {
  const path = fileIn(folder);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** True when a new certificate is due: none, a damaged file, of another issuer or for other names, unfit for its key, revoked, or past two thirds of its life. */
export async function serviceCertificateIsDue({ context, folder, hostNames, chain }: ServiceCertificateOptions): Promise<boolean> {
  const file = readServiceCertificate(folder);
  const certificate = file === undefined ? undefined : certificateIn(file);
  if (file === undefined || certificate === undefined) return true;
  const record = await context.store.get(certificate.serialNumber.toLowerCase());
  const from = Date.parse(certificate.validFrom);
  return record?.certificate === undefined || Buffer.compare(record.certificate, certificate.raw) !== 0 || record.revocation !== undefined
    || [...record.names].sort().join() !== [...new Set(hostNames)].sort().join()
    // An authority that signed itself has no chain to tell it from another.
    || record.authority !== context.profiles.get(PROFILE)?.authority.name || !file.endsWith(chain.join(''))
    || context.clock() > from + (Date.parse(certificate.validTo) - from) * RENEW_AFTER;
}

/** Undefined where it cannot be read, or its key cannot: a listener could do nothing with the file. */
function certificateIn(file: string): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(file);
    return certificate.checkPrivateKey(createPrivateKey(file)) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** A new key and a certificate for it, through the same cycle as everybody's, and written durably. @returns the file, PEM */
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
