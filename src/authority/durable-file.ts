import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Readable by the owner only: private keys. */
export const SECRET = 0o600;
/** Readable by all, where the folder lets them. */
export const PUBLIC = 0o644;

/** Makes the folder and the missing ones above it, 0700, and makes their names durable. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    // Not recursive: that way Node hides why (EROFS), and goes on for ever below /proc.
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  syncFolder(dirname(path));
}

/**
 * Writes the whole file or nothing, durably, in place of what was there: a temporary file beside it, fsync, rename, fsync of
 * the folder. The mode is set when the file is made, so that a secret is never readable by others, not even for a moment.
 */
export function writeDurably(path: string, content: string | Uint8Array, mode: number): void {
  const temporary = temporaryBeside(path);
  try {
    writeNew(temporary, content, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Writes the whole file, durably, unless it is there: of several processes one does, and none sees half of it. */
export function writeDurablyOnce(path: string, content: () => string, mode: number): void {
  if (existsSync(path)) return;
  const temporary = temporaryBeside(path);
  try {
    writeNew(temporary, content(), mode);
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(path));
}

/** Renames a file or folder, durably. @throws ENOTEMPTY or EEXIST where `to` is a folder with something in it */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
}

/** Removes a file durably; it need not be there. */
export function removeDurably(path: string): void {
  rmSync(path, { force: true });
  syncFolder(dirname(path));
}

const temporaryBeside = (path: string): string => join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`);

function writeNew(path: string, content: string | Uint8Array, mode: number): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const file = openSync(path, 'wx', mode);
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** A name in a folder is durable only when the folder is. Windows has no such call, and does not need it. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
