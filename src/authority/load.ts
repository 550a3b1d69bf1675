import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
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
import { checkTrustPath, isSelfIssued } from './trust-path.ts';

/**
 * The authorities in `<data>/authorities`, as `initAuthorities` and `importChain` left them; an import that was cut short is
 * finished first. Whether their certificates have ended is not looked at: CRLs and records are of use after that.
 * @throws AuthorityError `not-initialised`, `authority-awaits-import`, or every fault of the files at once
 */
export async function loadAuthorities(data: string, passphrase?: string, options: FileSigningKeyOptions = {}): Promise<LoadedAuthorities> {
  if (!existsSync(authoritiesFolder(data))) refuse('not-initialised', 'there are no authorities here; make them with chancery init', data);
  finishInstall(data);
  const mode = modeOf(data);

  const faults = new Faults();
  const issuing = readAuthority(data, ISSUING, passphrase, faults);
  const root = existsSync(authorityFiles(data, ROOT).folder) ? readAuthority(data, ROOT, passphrase, faults, { keyMayBeAway: true }) : undefined;
  faults.check();

  const path = [issuing.certificate, ...issuing.chain, ...(root === undefined ? [] : [root.certificate])];
  checkTrustPath(path, faults);
  if (root === undefined) checkStandsAlone(issuing, mode, faults);
  faults.check();

  const anchor = path.at(-1) as Certificate;
  publishRoot(data, anchor.der);
  const ours = authority(issuing, anchor, options);
  const top = root === undefined ? ours : authority(root, anchor, options);
  return { mode, issuing: ours, root: top, all: root === undefined ? [ours] : [top, ours], rootOffline: !top.canSign };
}

/** What was made here, by the files. @throws AuthorityError `authority-awaits-import` */
function modeOf(data: string): AuthorityMode {
  const { request, certificate } = authorityFiles(data, ISSUING);
  if (!existsSync(request)) return existsSync(authorityFiles(data, ROOT).folder) ? 'internal' : 'self-signed';
  if (existsSync(certificate)) return 'external';
  const next = `have ${request} signed as a CA certificate, then run chancery init --import FILE with what comes back`;
  return refuse('authority-awaits-import', `the issuing authority waits for another CA: ${next}`);
}

/** Without a root above it, an authority is one itself; or it came alone from another CA, and is then trusted by itself. */
function checkStandsAlone({ certificate, chain }: OnDisk, mode: AuthorityMode, faults: Faults): void {
  if (chain.length > 0 || (mode === 'self-signed' && !isSelfIssued(certificate))) {
    faults.add('certificate-missing', 'is not there, and the issuing authority is no root itself', `authorities/${ROOT}/cert.pem`);
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
