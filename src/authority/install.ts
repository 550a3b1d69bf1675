import { existsSync } from 'node:fs';
import { makeFolder, PUBLIC, removeDurably, writeDurably } from './durable-file.ts';
import { authorityFiles, ISSUING, ROOT, rootFile } from './layout.ts';
import { encodeCertificates, readCertificates, writeCertificates } from './pem-files.ts';

/** What another CA gave: our certificate, those above it, and the trust anchor (the last of `path`; our own where it stands alone). */
export type InstalledPath = readonly [Uint8Array, ...Uint8Array[]];

/**
 * Puts a path in place of what is installed, all of it or nothing. One file takes the whole path with one rename, and then
 * stands for it until the several files that readers know are written; a crash between is mended by `finishInstall`.
 */
export function installPath(data: string, path: InstalledPath): void {
  writeDurably(authorityFiles(data, ISSUING).incoming, encodeCertificates(path), PUBLIC);
  finishInstall(data);
}

/** Carries out what an `installPath` began, if there is one. Doing so twice, or in two processes at once, does no harm. */
export function finishInstall(data: string): void {
  const issuing = authorityFiles(data, ISSUING);
  const path = readCertificates(issuing.incoming, 'authorities/issuing/incoming.pem');
  if (path === undefined) return;
  const root = authorityFiles(data, ROOT);
  if (path.length > 1) makeFolder(root.folder);
  if (existsSync(root.folder)) writeCertificates(root.certificate, path.slice(1).slice(-1));
  writeCertificates(issuing.chain, path.slice(1, -1));
  writeCertificates(issuing.certificate, path.slice(0, 1));
  publishRoot(data, path.at(-1) as Uint8Array);
  removeDurably(issuing.incoming);
}

/** Makes `<data>/root.pem` the copy of the root's certificate that it should be. Nothing reads it but people. */
export function publishRoot(data: string, root: Uint8Array): void {
  const file = rootFile(data);
  const [present] = readIfSound(file);
  if (present === undefined || Buffer.compare(present, root) !== 0) writeCertificates(file, [root]);
}

function readIfSound(file: string): Uint8Array[] {
  try {
    return readCertificates(file, 'root.pem') ?? [];
  } catch {
    // Whatever it is, it is not the copy.
    return [];
  }
}
