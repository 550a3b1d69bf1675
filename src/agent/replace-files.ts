import { type Stats, chmodSync, chownSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SECRET, renameDurably, writeAside } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';

/** A file to install, with the mode to use if it is new. */
export interface NewFile {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly mode: number;
}

interface Staged {
  readonly temporary: string;
  readonly target: string;
}

/**
 * Replaces files: all are written and synced first, then renamed one after the other, so that each is complete at every moment, and the
 * period in which some are new and others old is as short as possible. A replaced file passes on its mode and owner; a symbolic link stays,
 * and its target is replaced.
 */
export function replaceFiles(files: readonly NewFile[]): void {
  const staged: Staged[] = [];
  try {
    for (const file of files) staged.push(stage(file));
    for (const { temporary, target } of staged) renameDurably(temporary, target);
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true });
    throw error;
  }
}

function stage({ path, content, mode }: NewFile): Staged {
  const old = statSync(path, { throwIfNoEntry: false });
  const target = old === undefined ? path : realpathSync(path);
  // Never readable by others in the meantime, whatever the final mode.
  const temporary = writeAside(dirname(target), content, SECRET);
  try {
    // Owner first: changing it clears special mode bits.
    if (old !== undefined && (old.uid !== process.geteuid?.() || old.gid !== process.getegid?.())) giveTo(old, temporary, target);
    chmodSync(temporary, old === undefined ? mode : old.mode & 0o7777);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return { temporary, target };
}

/** Whoever could read the old file must be able to read the new one: if ownership cannot be passed on, the file is not replaced. */
function giveTo({ uid, gid }: Stats, temporary: string, target: string): void {
  try {
    chownSync(temporary, uid, gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    throw new Failure('file', `${target} belongs to user ${uid} and group ${gid}, which its successor cannot be given; it is not replaced`, { cause: error, advice: 'run this as root, or as that user and a member of that group' });
  }
}
