import { existsSync, rmdirSync } from 'node:fs';
import { makeFolder, PUBLIC, removeDurably, writeDurably } from './durable-file.ts';
import { refuse } from './errors.ts';
import { type AuthorityFiles, authorityFiles, ISSUING, rollFile, ROOT, rootFile } from './layout.ts';
import { readRoll, writeRoll } from './succession.ts';
import { encodeCertificates, readCertificates, writeCertificates } from './pem-files.ts';

/**
 * Installs certificates from another CA, replacing previous ones: our certificate, those above it, and the trust anchor (our own certificate if it
 * stands alone), all or nothing. A single rename puts the whole path in one file, which is authoritative until the files that readers use have been
 * written; `finishInstall` recovers from a crash in between.
 */
export function installPath(data: string, path: readonly Uint8Array[]): void {
  writeDurably(authorityFiles(data, ISSUING).incoming, encodeCertificates(path), PUBLIC);
  finishInstall(data);
}

/**
 * Installs the certificate of a successor authority next to its key. Its chain and start time come first, so that it is complete once the
 * certificate is there.
 */
export function installRolled(data: string, { name, from }: { readonly name: string; readonly from: number }, path: readonly Uint8Array[]): void {
  const files = authorityFiles(data, name);
  const { follows } = readRoll(data, name) ?? refuse('import-unexpected', 'follows no other authority: there is no roll.json', `authorities/${name}`);
  writeCertificates(files.chain, path.slice(1, -1));
  if (!existsSync(files.certificate)) writeRoll(rollFile(data, name), { follows, from });
  writeCertificates(files.certificate, path.slice(0, 1));
}

/** Completes an interrupted `installPath`, if any. Safe to repeat, and to run in two processes at once. */
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

/** Removes a former root. A folder that contains anything else is kept, and reported as a fault when loaded. */
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
 * Updates `<data>/root.pem`, a copy of the root's certificate and, after a self-signed authority was rolled, of all current roots. Only people
 * read it, and the command line, which trusts the service by it.
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
    // Whatever is there, it is not the copy.
    return [];
  }
}
