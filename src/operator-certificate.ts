import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, PUBLIC, SECRET, writeDurably } from './authority/durable-file.ts';
import { refuse } from './authority/errors.ts';
import { certificationRequest } from './authority/keys/certification-request.ts';
import { generateKeyPair } from './authority/keys/generate.ts';
import { damagedOperatorKey, operatorFile } from './authority/operator-key.ts';
import type { Core } from './core.ts';
import { Refused } from './errors.ts';
import { chainsOf } from './http/rest/request-view.ts';
import { identifyByClientCertificate } from './identity/client-certificate.ts';
import type { Identity } from './identity/identity.ts';
import { issue } from './issuance/issue.ts';
import { FULL_GRANT } from './policy/grant.ts';
import { encodePem } from './x509/pem.ts';
import { OID } from './x509/oids.ts';

/** Whoever can read the authority's key may create operators. */
export const CEREMONY: Identity = { kind: 'service', name: 'init', proof: 'read access to the key of the authority', grant: FULL_GRANT, scopes: [] };

/** The path of `<data>/operator/cert.pem`, if it exists and currently authenticates an operator, whose key is not damaged. */
export async function standingOperator({ config, store, clock }: Core): Promise<string | undefined> {
  const path = operatorFile(config.data);
  const certificate = readCertificate(path);
  if (certificate === undefined || damagedOperatorKey(config.data) !== undefined) return undefined;
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
 * Explains why `<data>/operator/cert.pem` does not authenticate anyone if the store lacks it: it was created with another store, or a
 * restored backup is older. Undefined if the store has it, it has expired, or it is not a certificate.
 */
export async function unknownOperator({ config, store, clock }: Pick<Core, 'config' | 'store' | 'clock'>): Promise<string | undefined> {
  const path = operatorFile(config.data);
  const certificate = readCertificate(path);
  if (certificate === undefined || Date.parse(certificate.validTo) < clock()) return undefined;
  const held = (await store.certificates.get(certificate.serialNumber.toLowerCase()))?.certificate;
  if (held !== undefined && Buffer.compare(held, certificate.raw) === 0) return undefined;
  return `${path} is not in this store, so it makes nobody an operator; \`chancery init --operator\` makes another one. If it was made with another store, \`chancery restore --from\` brings all of that here`;
}

/** Undefined if the file is missing or damaged. */
function readCertificate(path: string): X509Certificate | undefined {
  try {
    return new X509Certificate(readFileSync(path));
  } catch {
    return undefined;
  }
}

/** @throws AuthorityError if the operator's certificate is valid: it is never overwritten */
export async function refuseStandingOperator(core: Core): Promise<void> {
  const path = await standingOperator(core);
  if (path !== undefined) refuse('already-initialised', 'is a valid operator\'s certificate; move it and its key away to make another one', path);
}

/**
 * Creates `<data>/operator/{cert,key}.pem` through the same cycle as every other certificate, replacing existing files.
 * @returns the certificate's path
 */
export async function makeOperator({ config, authorities, issuanceAt }: Core, name: string, httpUrl: string | undefined): Promise<string> {
  const path = operatorFile(config.data);
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
