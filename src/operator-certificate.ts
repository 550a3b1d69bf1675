import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, PUBLIC, SECRET, writeDurably } from './authority/durable-file.ts';
import { refuse } from './authority/errors.ts';
import { certificationRequest } from './authority/keys/certification-request.ts';
import { generateKeyPair } from './authority/keys/generate.ts';
import type { Core } from './core.ts';
import { Refused } from './errors.ts';
import { chainsOf } from './http/rest/request-view.ts';
import { identifyByClientCertificate } from './identity/client-certificate.ts';
import type { Identity } from './identity/identity.ts';
import { issue } from './issuance/issue.ts';
import { FULL_GRANT } from './policy/grant.ts';
import { encodePem } from './x509/pem.ts';
import { OID } from './x509/oids.ts';

/** An operator is made by whoever may read the authority's key. */
export const CEREMONY: Identity = { kind: 'service', name: 'init', proof: 'read access to the key of the authority', grant: FULL_GRANT, scopes: [] };

/** `<data>/operator/cert.pem`, where it is and authenticates an operator now. */
export async function standingOperator({ config, store, clock }: Core): Promise<string | undefined> {
  const path = pathIn(config.data);
  if (!existsSync(path)) return undefined;
  const certificate = readable(path);
  if (certificate === undefined) return undefined;
  const { raw, serialNumber } = certificate;
  try {
    identifyByClientCertificate(raw, await store.certificates.get(serialNumber.toLowerCase()), clock());
    return path;
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

/**
 * Why nobody is an operator by `<data>/operator/cert.pem`, where the store does not hold it: it was made on another store, or a backup is
 * older than it is. Undefined where it is held, has ended, or is no certificate.
 */
export async function unknownOperator({ config, store, clock }: Pick<Core, 'config' | 'store' | 'clock'>): Promise<string | undefined> {
  const path = pathIn(config.data);
  const certificate = readCertificate(path);
  if (certificate === undefined || Date.parse(certificate.validTo) < clock()) return undefined;
  const held = (await store.certificates.get(certificate.serialNumber.toLowerCase()))?.certificate;
  if (held !== undefined && Buffer.compare(held, certificate.raw) === 0) return undefined;
  return `${path} is not in this store, so nobody is an operator by it; \`chancery init --operator\` makes another one. Where it was made on another store, \`chancery restore --from\` brings all of that here`;
}

function readCertificate(path: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(path));
  } catch {
    return undefined;
  }
}

/** Undefined for a file that was damaged. */
function readable(path: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(path));
  } catch {
    return undefined;
  }
}

/** @throws AuthorityError where the operator's certificate is good: it is never overwritten */
export async function refuseStandingOperator(core: Core): Promise<void> {
  const path = await standingOperator(core);
  if (path !== undefined) refuse('already-initialised', 'is a valid operator\'s certificate; move it and its key away to make another one', path);
}

/**
 * `<data>/operator/{cert,key}.pem`, made through the same cycle as every certificate, in place of what is there.
 * @returns the certificate's path
 */
export async function makeOperator({ config, authorities, issuanceAt }: Core, name: string, httpUrl: string | undefined): Promise<string> {
  const path = pathIn(config.data);
  const { issuance } = issuanceAt(httpUrl, (_what, error) => {
    throw error;
  });
  const pair = await generateKeyPair('P-256');
  const csr = certificationRequest(pair, [{ type: OID.commonName, value: name }], []);
  const { certificate } = await issue(issuance, { identity: CEREMONY, csr, profile: 'operator' });
  if (certificate === undefined) throw new Error('the operator\'s certificate waits for approval, which nobody could give: expected profile "operator" to need none');
  makeFolder(join(config.data, 'operator'));
  writeDurably(join(config.data, 'operator', 'key.pem'), String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' })), SECRET);
  writeDurably(path, [encodePem('CERTIFICATE', certificate), ...chainsOf([authorities.issuing])(authorities.issuing.name)].join(''), PUBLIC);
  return path;
}

const pathIn = (data: string): string => join(data, 'operator', 'cert.pem');
