import { type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Authority } from '../authority/authority.ts';
import { makeFolder, SECRET, writeDurably } from '../authority/durable-file.ts';
import { certificationRequest } from '../authority/keys/certification-request.ts';
import { generateKeyPair, KEY_ALGORITHMS } from '../authority/keys/generate.ts';
import { readKeyFile } from '../authority/keys/key-file.ts';
import { encodePrivateKey } from '../authority/keys/pkcs8.ts';
import type { Identity } from '../identity/identity.ts';
import { FULL_GRANT } from '../policy/grant.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { OID } from '../x509/oids.ts';
import { encodePem } from '../x509/pem.ts';
import type { IssuanceContext, IssuingProfile } from './context.ts';
import { issue } from './issue.ts';
import { compileTemplate, type PublishedAt } from './template.ts';

export interface ResponderCertificateOptions {
  readonly context: IssuanceContext;
  /** The authority whose responses it signs, and which therefore issues it (RFC 6960 4.2.2.2). */
  readonly authority: Authority;
  readonly publishedAt: PublishedAt;
  /** `<data>/ocsp/<authority>`. */
  readonly folder: string;
  /** Seconds. */
  readonly lifetime: number;
  /** Encrypts the key. */
  readonly passphrase: string | undefined;
}

export interface Responder {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

const PROFILE = 'ocsp';
const RENEW_AFTER = 2 / 3;

const fileIn = (folder: string): string => join(folder, 'responder.pem');

/** The contents of the file, or undefined if there is none. Key and certificate share one file, so that they always match. */
export function readResponderFile(folder: string): string | undefined {
  const path = fileIn(folder);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Parses the file. Decrypting the key deliberately takes 0.1 s, so call this only when the file has changed. @throws AuthorityError */
export function readResponder(folder: string, passphrase: string | undefined): Responder {
  const path = fileIn(folder);
  return { certificate: parseCertificate(new X509Certificate(readFileSync(path)).raw), key: readKeyFile(path, path, passphrase) };
}

/** Undefined if the file is damaged. */
function certificateIn(file: string): X509Certificate | undefined {
  try {
    return new X509Certificate(file);
  } catch {
    return undefined;
  }
}

/** True if a new certificate is due: none readable, issued by a previous key, unknown to the store, revoked, or past two thirds of its life. */
export async function responderCertificateIsDue({ context, authority, folder }: ResponderCertificateOptions): Promise<boolean> {
  const file = readResponderFile(folder);
  const certificate = file === undefined ? undefined : certificateIn(file);
  if (certificate === undefined) return true;
  const record = await context.store.get(certificate.serialNumber.toLowerCase());
  const from = Date.parse(certificate.validFrom);
  return record?.certificate === undefined || Buffer.compare(record.certificate, certificate.raw) !== 0 || record.revocation !== undefined
    || authority.signingKey === undefined || !certificate.verify(authority.signingKey.publicKey)
    || context.clock() > from + (Date.parse(certificate.validTo) - from) * RENEW_AFTER;
}

/**
 * Creates a key and has the authority certify it, through the same cycle as everyone else's requests; writes both durably.
 * @throws Refused; Error if the `ocsp` profile was changed such that the service gets no certificate
 */
export async function renewResponderCertificate({ context, authority, publishedAt, folder, lifetime, passphrase }: ResponderCertificateOptions): Promise<void> {
  const issuing = issuingFor(context, authority, publishedAt);
  const { keyTypes, maxLifetime } = issuing.profile;
  const pair = await generateKeyPair(KEY_ALGORITHMS.find((algorithm) => keyTypes.includes(algorithm)) ?? 'RSA-2048');
  const csr = certificationRequest(pair, [{ type: OID.commonName, value: `OCSP responder of ${authority.name}` }], []);
  const identity: Identity = { kind: 'service', name: `ocsp-${authority.name}`, proof: 'the service itself, for its own OCSP answers', grant: FULL_GRANT, scopes: [] };
  const { certificate } = await issue({ ...context, profiles: new Map([[PROFILE, issuing]]) }, { identity, csr, profile: PROFILE, validity: Math.min(lifetime, maxLifetime) });
  if (certificate === undefined) throw new Error(`the certificate of the OCSP responder of ${authority.name} waits for approval; expected profile "${PROFILE}" to need none`);
  makeFolder(folder);
  writeDurably(fileIn(folder), encodePrivateKey(pair.privateKey, passphrase) + encodePem('CERTIFICATE', certificate), SECRET);
}

/** The `ocsp` profile signed by this authority. Its revocation is not checked (RFC 6960 4.2.2.2.1), so it names no address for that. */
function issuingFor({ profiles }: IssuanceContext, authority: Authority, publishedAt: PublishedAt): IssuingProfile {
  const profile = profiles.get(PROFILE)?.profile;
  if (profile === undefined) throw new Error(`there is no profile "${PROFILE}"`);
  return { profile, authority, template: compileTemplate(profile, authority, { ...publishedAt, ocsp: [], crl: [] }) };
}
