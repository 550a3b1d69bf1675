import { type Stats, chmodSync, chownSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SECRET, renameDurably, writeAside } from '../authority/durable-file.ts';
import { Failure } from '../client/failure.ts';

/** A file to be put in place, and the mode that it has where it is new. */
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
 * Puts files in place of what was there: all are written and flushed first, then renamed one after the other, so that each
 * is whole at every moment, and the time in which some are new and others old is as short as can be.
 * A file that is replaced hands on its mode and owner; a link stays, and what it leads to is replaced.
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
  // Never readable by others on the way, whatever the mode in the end.
  const temporary = writeAside(dirname(target), content, SECRET);
  try {
    // Owner first: changing it takes away special bits of the mode.
    if (old !== undefined && (old.uid !== process.geteuid?.() || old.gid !== process.getegid?.())) giveTo(old, temporary, target);
    chmodSync(temporary, old === undefined ? mode : old.mode & 0o7777);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return { temporary, target };
}

/** Who could read the old one must be able to read the new one: what cannot be given to them does not replace it. */
function giveTo({ uid, gid }: Stats, temporary: string, target: string): void {
  try {
    chownSync(temporary, uid, gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    throw new Failure('file', `${target} belongs to user ${uid} and group ${gid}, to whom its successor cannot be given; it is not replaced`, { cause: error, advice: 'run this as root, or as that user and a member of that group' });
  }
}
