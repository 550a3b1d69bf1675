import { existsSync, rmdirSync } from 'node:fs';
import { makeFolder, PUBLIC, removeDurably, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';
import { type AuthorityFiles, authorityFiles, ISSUING, rollFile, ROOT, rootFile } from './layout.ts';
import { readRoll, writeRoll } from './succession.ts';
import { encodeCertificates, readCertificates, writeCertificates } from './pem-files.ts';

/**
 * Puts what another CA gave in place of what is installed: our certificate, those above it, and last the trust anchor (our
 * own where it stands alone); all of it or nothing. One file takes the whole path with one rename, and then
 * stands for it until the several files that readers know are written; a crash between is mended by `finishInstall`.
 */
export function installPath(data: string, path: readonly Uint8Array[]): void {
  writeDurably(authorityFiles(data, ISSUING).incoming, encodeCertificates(path), PUBLIC);
  finishInstall(data);
}

/**
 * Puts the certificate of an authority that takes another's place beside its key. Its chain and the time come first: with the certificate
 * it is there, whole.
 */
export function installRolled(data: string, { name, from }: { readonly name: string; readonly from: number }, path: readonly Uint8Array[]): void {
  const files = authorityFiles(data, name);
  const { follows } = readRoll(data, name) ?? refuse('import-unexpected', 'takes no other authority\'s place: there is no roll.json', `authorities/${name}`);
  writeCertificates(files.chain, path.slice(1, -1));
  if (!existsSync(files.certificate)) writeRoll(rollFile(data, name), { follows, from });
  writeCertificates(files.certificate, path.slice(0, 1));
}

/** Carries out what an `installPath` began, if there is one. Doing so twice, or in two processes at once, does no harm. */
export function finishInstall(data: string): void {
  const issuing = authorityFiles(data, ISSUING);
  const path = readCertificates(issuing.incoming, 'authorities/issuing/incoming.pem');
  if (path === undefined) return;
  const root = authorityFiles(data, ROOT);
  if (path.length > 1) {
    makeFolder(root.folder);
    writeCertificates(root.certificate, path.slice(-1));
  } else {
    removeIfEmptied(root);
  }
  writeCertificates(issuing.chain, path.slice(1, -1));
  writeCertificates(issuing.certificate, path.slice(0, 1));
  publishRoot(data, path.at(-1) as Uint8Array);
  removeDurably(issuing.incoming);
}

/** Takes a root away that is none any more. A folder with something else in it stays, and is a fault when it is loaded. */
function removeIfEmptied({ folder, certificate }: AuthorityFiles): void {
  if (!existsSync(folder)) return;
  removeDurably(certificate);
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Makes `<data>/root.pem` the copy that it should be: of the root's certificate and, after an authority that signed itself was rolled, of each
 * that is still one. Nothing reads it but people, and the command line, which trusts the service by it.
 */
export function publishRoot(data: string, ...roots: readonly Uint8Array[]): void {
  const file = rootFile(data);
  const wanted = roots.filter((root, index) => roots.findIndex((other) => Buffer.compare(other, root) === 0) === index);
  const present = readIfSound(file);
  if (present.length !== wanted.length || wanted.some((root, index) => Buffer.compare(root, present[index] as Uint8Array) !== 0)) writeCertificates(file, wanted);
}

function readIfSound(file: string): Uint8Array[] {
  try {
    return readCertificates(file, 'root.pem') ?? [];
  } catch {
    // Whatever it is, it is not the copy.
    return [];
  }
}
