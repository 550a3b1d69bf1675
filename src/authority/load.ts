import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { isThere } from '../is-there.ts';
import { signatureAlgorithmFor } from '../x509/algorithms.ts';
import type { Certificate } from '../x509/certificate.ts';
import { importPublicKey } from '../x509/public-key.ts';
import type { Authority, AuthorityMode, LoadedAuthorities } from './authority.ts';
import { subjectKeyIdOf } from './ca-extensions.ts';
import { Faults, refuse } from './errors.ts';
import { finishInstall, publishRoot } from './install.ts';
import { fileSigningKey, type FileSigningKeyOptions } from './keys/file.ts';
import { authoritiesFolder, authorityFiles, ISSUING, ROOT } from './layout.ts';
import { type OnDisk, readAuthority } from './read-authority.ts';
import { authorityNames, reignsAt, successionOf } from './succession.ts';
import { checkTrustPath, isSelfIssued } from './trust-path.ts';

export interface LoadOptions extends FileSigningKeyOptions {
  /** Name of the first authority in the succession of issuers; default `issuing`. */
  readonly issuing?: string | undefined;
  /** Seconds since the epoch: determines which authority issues. */
  readonly now?: number;
}

/**
 * Loads the authorities in `<data>/authorities`, created by `initAuthorities` and `importChain`, completing an interrupted import first. Each folder
 * is one authority: the root, the issuing authority, and former ones that still publish their CRLs. Expiry is not checked, as CRLs and records
 * remain useful after that.
 * @throws AuthorityError `not-initialised`, `authority-awaits-import`, or every fault of the files at once
 */
export async function loadAuthorities(data: string, passphrase?: string, { issuing: first = ISSUING, now = Math.floor(Date.now() / 1000), ...options }: LoadOptions = {}): Promise<LoadedAuthorities> {
  if (!isThere(authoritiesFolder(data))) refuse('not-initialised', 'there are no authorities here; make them with chancery init', data);
  finishInstall(data);
  const mode = modeOf(data);
  const succession = successionOf(data, first);
  const issuingName = reignsAt(succession, now);

  const faults = new Faults();
  const issuing = readAuthority(data, issuingName, passphrase, faults);
  const root = existsSync(authorityFiles(data, ROOT).folder) ? readAuthority(data, ROOT, passphrase, faults, { keyMayBeAway: true }) : undefined;
  const former = othersThan(data, issuingName).map((name) => readAuthority(data, name, passphrase, faults, { keyMayBeAway: true }));
  faults.check();

  const path = [issuing.certificate, ...issuing.chain, ...(root === undefined ? [] : [root.certificate])];
  checkTrustPath(path, faults);
  if (root === undefined) checkStandsAlone(issuing, mode, faults);
  for (const { certificate, chain } of former) checkTrustPath(isSelfIssued(certificate) || root === undefined ? [certificate, ...chain] : [certificate, ...chain, root.certificate], faults);
  faults.check();

  const anchor = path.at(-1) as Certificate;
  const ours = authority(issuing, anchor, options);
  const top = root === undefined ? ours : authority(root, anchor, options);
  const before = former.map((one) => authority(one, isSelfIssued(one.certificate) || root === undefined ? one.chain.at(-1) ?? one.certificate : root.certificate, options));
  publishRoot(data, anchor.der, ...before.map((one) => one.root));
  return { mode, succession, issuing: ours, root: top, all: root === undefined ? [ours, ...before] : [top, ours, ...before], rootOffline: !top.canSign };
}

/** Authorities that do not issue any more, or not yet. */
const othersThan = (data: string, issuing: string): string[] =>
  authorityNames(data).filter((name) => name !== ROOT && name !== issuing && existsSync(authorityFiles(data, name).certificate));

/** The mode of the deployment, inferred from the files. @throws AuthorityError `authority-awaits-import` */
function modeOf(data: string): AuthorityMode {
  const { request, certificate } = authorityFiles(data, ISSUING);
  if (!existsSync(request)) return existsSync(authorityFiles(data, ROOT).folder) ? 'internal' : 'self-signed';
  if (existsSync(certificate)) return 'external';
  const next = `have ${request} signed as a CA certificate, then run chancery init --import FILE with what comes back`;
  return refuse('authority-awaits-import', `the issuing authority waits for another CA: ${next}`);
}

/** An authority without a root above is one itself, or was delivered alone by another CA and is then trusted directly. */
function checkStandsAlone({ certificate, chain }: OnDisk, mode: AuthorityMode, faults: Faults): void {
  if (chain.length > 0 || (mode === 'self-signed' && !isSelfIssued(certificate))) {
    faults.add('certificate-missing', 'is not there, and the issuing authority is not a root itself', `authorities/${ROOT}/cert.pem`);
  }
}

function authority({ name, certificate, chain, key }: OnDisk, anchor: Certificate, options: FileSigningKeyOptions): Authority {
  const { der, extensions, publicKey } = certificate;
  const above = chain.map((one) => one.der);
  return {
    name, certificate, der,
    chain: above,
    leafChain: certificate === anchor ? [] : [der, ...above],
    root: anchor.der,
    rootDigest: createHash('sha256').update(anchor.der).digest('hex'),
    subjectKeyId: subjectKeyIdOf(extensions) as Uint8Array,
    ...(key === undefined ? {} : { signingKey: fileSigningKey(key, options) }),
    signatureAlgorithm: signatureAlgorithmFor(importPublicKey(publicKey)),
    canSign: key !== undefined,
  };
}
