import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { encodePem } from '../x509/pem.ts';
import type { AuthorityMode } from './authority.ts';
import { type MadeAuthority, makeAuthorities } from './make-authorities.ts';
import { asideIn, makeFolder, PUBLIC, renameDurably, SECRET, sweepAside, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';
import { publishRoot } from './install.ts';
import { writeKeyFile } from './keys/key-file.ts';
import { authoritiesFolder, authorityFiles, filesIn, ISSUING, rootFile, UNFINISHED } from './layout.ts';
import { checkOptions, type InitOptions } from './options.ts';
import { writeCertificates } from './pem-files.ts';

export interface InitResult {
  readonly mode: AuthorityMode;
  /** From the root down. */
  readonly authorities: readonly { readonly name: string; readonly folder: string; readonly certificate?: Uint8Array }[];
  /** The root, DER, and its SHA-256, lower-case hex. Absent in `external` mode, where the root is not known yet. */
  readonly root?: { readonly der: Uint8Array; readonly digest: string };
  /** Only in `external` mode: the file that the external CA must sign, PKCS #10 PEM. */
  readonly request?: string;
}

/**
 * Creates the authorities of a deployment in `<data>/authorities`, and `<data>/root.pem`. Nothing is overwritten, and nothing appears until all of
 * it is complete.
 * @param unfinished text placed next to them, in `unfinishedFile`, for whoever completes the remaining steps
 * @throws AuthorityError `option-wrong`, `already-initialised`, `ceremony-unverified`
 */
export async function initAuthorities(options: InitOptions, unfinished?: string): Promise<InitResult> {
  const { data, random, clock } = options;
  // 1. Report every fault in the options before anything is done.
  const settings = checkOptions(options);
  refuseToOverwrite(data);
  // 2. Keys, and certificates or a request: created in memory, linted before signing, and checked by node:crypto.
  const made = await makeAuthorities(settings, { now: clock(), random });
  // 3. Written durably to a temporary folder.
  sweepAside(data);
  const aside = asideIn(data);
  try {
    for (const one of made) write(join(aside, one.name), one, settings.passphrase);
    if (unfinished !== undefined) writeDurably(join(aside, UNFINISHED), unfinished, SECRET);
    // 4. Put in place by a single rename, which fails if another init was faster, as that folder is not empty.
    putInPlace(aside, data);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  // 5. A copy of the root for people. If a crash prevents it, loading the authorities creates it.
  const root = made[0]?.certificate?.der;
  if (root !== undefined) publishRoot(data, root);
  return result(data, settings.mode, made, root);
}

function refuseToOverwrite(data: string): void {
  for (const path of [authoritiesFolder(data), rootFile(data)]) if (existsSync(path)) alreadyThere(path);
}

const alreadyThere = (path: string, cause?: unknown): never =>
  refuse('already-initialised', 'already exists; authorities are never overwritten', path, cause === undefined ? undefined : { cause });

function write(folder: string, { pair, certificate, request }: MadeAuthority, passphrase: string | undefined): void {
  const files = filesIn(folder);
  makeFolder(folder);
  writeKeyFile(files.key, pair.privateKey, passphrase);
  if (certificate !== undefined) writeCertificates(files.certificate, [certificate.der]);
  if (request !== undefined) writeDurably(files.request, encodePem('CERTIFICATE REQUEST', request), PUBLIC);
}

function putInPlace(aside: string, data: string): void {
  try {
    renameDurably(aside, authoritiesFolder(data));
  } catch (cause) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    alreadyThere(authoritiesFolder(data), cause);
  }
}

function result(data: string, mode: AuthorityMode, made: readonly MadeAuthority[], root: Uint8Array | undefined): InitResult {
  return {
    mode,
    authorities: made.map(({ name, certificate }) => (
      { name, folder: authorityFiles(data, name).folder, ...(certificate === undefined ? {} : { certificate: certificate.der }) }
    )),
    ...(root === undefined ? {} : { root: { der: root, digest: createHash('sha256').update(root).digest('hex') } }),
    ...(mode === 'external' ? { request: authorityFiles(data, ISSUING).request } : {}),
  };
}
