import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, fchmodSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** A file to be put in place, and the mode that it has where it is new. */
export interface NewFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/**
 * Puts files in place of what was there: all are written and flushed first, then renamed one after the other, so that each
 * is whole at every moment, and the time in which some are new and others old is as short as can be.
 * A file that is replaced hands on its mode and owner; a link stays, and what it leads to is replaced.
 */
export function replaceFiles(files: readonly NewFile[]): void {
  const staged: { readonly temporary: string; readonly target: string }[] = [];
  try {
    for (const file of files) staged.push(stage(file));
    for (const { temporary, target } of staged) renameSync(temporary, target);
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true });
    throw error;
  }
  for (const folder of new Set(staged.map(({ target }) => dirname(target)))) syncFolder(folder);
}

function stage({ path, content, mode }: NewFile): { readonly temporary: string; readonly target: string } {
  const old = statSync(path, { throwIfNoEntry: false });
  const target = old === undefined ? path : realpathSync(path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}`);
  // Never readable by others on the way, whatever the mode in the end.
  const file = openSync(temporary, 'wx', 0o600);
  try {
    const bytes = Buffer.from(content);
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    // Owner first: changing it takes away special bits of the mode.
    if (old !== undefined && (old.uid !== process.geteuid?.() || old.gid !== process.getegid?.())) chownSync(temporary, old.uid, old.gid);
    fchmodSync(file, old === undefined ? mode : old.mode & 0o7777);
    fsyncSync(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  return { temporary, target };
}

// A new name is durable only when its folder is. Windows has no such call, and does not need it.
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
