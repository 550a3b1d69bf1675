import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** File mode of private keys: readable by the owner only. */
export const SECRET = 0o600;
/** File mode of public data: readable by everyone with access to the folder. */
export const PUBLIC = 0o644;

/** Creates the folder and missing parents with mode 0700, and makes their names durable. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    // Not recursive: with that option Node hides the cause (EROFS), and never returns below /proc.
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  syncFolder(dirname(path));
}

/**
 * Replaces a file atomically and durably: writes a temporary file next to it, fsync, rename, fsync of the folder. The mode is set on creation, so
 * that a secret is never readable by others, even briefly.
 */
export function writeDurably(path: string, content: string | Uint8Array, mode: number): void {
  const temporary = writeAside(dirname(path), content, mode);
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Creates a file durably unless it exists: if several processes try, one succeeds, and none sees a partial file. */
export function writeDurablyOnce(path: string, content: () => string, mode: number): void {
  if (existsSync(path)) return;
  const temporary = writeAside(dirname(path), content(), mode);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  // Also if another process created it first, and has not synced the folder yet.
  syncFolder(dirname(path));
}

/** Links a file under a second name, durably. Unlike a rename, it never replaces an existing file. @throws EEXIST */
export function linkDurably(from: string, to: string): void {
  linkSync(from, to);
  syncFolder(dirname(to));
}

/** Writes a new file to the folder, synced, under a temporary name; the caller moves it into place. @returns its path */
export function writeAside(folder: string, content: string | Uint8Array, mode: number): string {
  sweepAside(folder);
  const path = asideIn(folder);
  try {
    writeNew(path, content, mode);
  } catch (error) {
    rmSync(path, { force: true });
    // For a failed write to an open file (such as on a full disk), Node does not name the path.
    throw Object.assign(error as NodeJS.ErrnoException, { path: folder });
  }
  return path;
}

/** A temporary name for a file or folder that will be moved to its place in this folder. */
export const asideIn = (folder: string): string => join(folder, `.chancery-${randomBytes(8).toString('hex')}.tmp`);

const ASIDE = /^\.chancery-[0-9a-f]{16}\.tmp$/;
/**
 * Milliseconds. A temporary file normally exists for moments only, so one this old was left by a killed process. A process that was
 * suspended for this long finds its file gone, fails, and can be run again.
 */
const LEFT_AFTER = 3_600_000;

/** Removes what killed processes left in this folder, which may include private keys. Recent files stay: another process may be using them. */
export function sweepAside(folder: string): void {
  try {
    for (const path of readdirSync(folder).filter((name) => ASIDE.test(name)).map((name) => join(folder, name))) {
      // The system clock, which file times follow, rather than an injected one.
      const age = Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity);
      if (age > LEFT_AFTER) rmSync(path, { recursive: true, force: true });
    }
  } catch {
    // The folder does not exist, or cannot be cleaned by us: the caller does not depend on it.
  }
}

/** Renames a file or folder durably. @throws ENOTEMPTY or EEXIST if `to` is a non-empty folder */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
}

/** Removes a file durably, if it exists. */
export function removeDurably(path: string): void {
  rmSync(path, { force: true });
  syncFolder(dirname(path));
}

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

/** A name is durable only once its folder has been synced. Windows has no such call, and does not need it. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
