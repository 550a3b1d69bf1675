import { existsSync, statSync } from 'node:fs';
import { link, open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beginning, contentOf, continues, takenUp } from './content.ts';
import type { Position, Source } from './content.ts';
import { TransferError } from './errors.ts';
import { DIGEST_BYTES, MAGIC, counted, encodeFrame, portionFrame } from './frames.ts';
import type { BackupEnd, Frame, Tally } from './frames.ts';
import { FIRST_PLACE, readFrames } from './read-backup.ts';
import type { Place } from './read-backup.ts';

/** What has been done, out of how much where the total is known. */
export type Progress = (label: string, done: number, total: number) => void;

export interface BackupOptions {
  readonly source: Source;
  /** Where the backup goes; the file must not exist yet. An unfinished backup lies beside it, as `<file>.partial`. */
  readonly file: string;
  readonly program: string;
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly progress: Progress;
}

/** Readable by the owner only: a backup contains names, and hashes of secrets. */
const MODE = 0o600;
/** Bytes between two syncs: at most this much is lost in a power cut, and is then read from the store again. */
const SYNC_EVERY = 64 * 2 ** 20;

interface Begun {
  readonly place: Place;
  readonly position: Position;
  readonly tally: Tally;
}

/**
 * Writes the whole content of a store to a file, even while a service is using the store. An interrupted backup is resumed.
 * @throws TransferError, StoreUnavailable
 */
export async function backup(options: BackupOptions): Promise<BackupEnd & { readonly resumed: boolean; readonly bytes: number }> {
  const { source, file, clock, progress } = options;
  const partial = `${file}.partial`;
  const there = existsSync(partial);
  const handle = await open(partial, there ? 'r+' : 'wx', MODE);
  try {
    const { size } = await handle.stat();
    const standing = there ? await takeUp(source, partial) : undefined;
    await refuseOther(handle, partial, size);
    const begun = standing ?? await begin(options, handle);
    await handle.truncate(begun.place.offset);
    const write = frameWriter(handle, partial, begun.place);
    let { position, tally } = begun;
    for await (const portion of contentOf(source, position)) {
      tally = counted(tally, portion);
      ({ position } = portion);
      await write(portionFrame(portion, tally));
      const { requests, head: { sequence }, begun: { sequence: lines } } = position;
      // Each request has at least one line, so requests and lines together are at most twice the number of lines.
      progress(`${requests} requests, ${sequence} lines of the log`, sequence > 0 ? lines + Math.min(sequence, lines) : Math.min(requests, lines), 2 * lines);
    }
    const end: BackupEnd = { finishedAt: clock(), head: position.head, ...tally };
    const bytes = await write({ kind: 'end', json: end });
    await handle.sync();
    await refuseOther(handle, partial, bytes);
    await putInPlace(partial, file);
    await syncFolder(dirname(file));
    return { ...end, resumed: standing !== undefined, bytes };
  } finally {
    await handle.close();
  }
}

/** Unlike a rename, a link never replaces an existing file. */
async function putInPlace(partial: string, file: string): Promise<void> {
  try {
    await link(partial, file);
  } catch (error) {
    // Where links are not supported (FAT, some network file systems), the name may be taken between the check and the rename.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' && !existsSync(file)) return rename(partial, file);
    throw new TransferError('in-use', `${file} was created in the meantime, and is not overwritten`, `the complete backup is in ${partial}: rename that`);
  }
  await unlink(partial);
}

async function begin({ source, program, id, clock }: BackupOptions, handle: FileHandle): Promise<Begun> {
  const position = await beginning(source);
  const head = encodeFrame(FIRST_PLACE.digest, { kind: 'head', json: { program, startedAt: clock(), id, begun: position.begun } });
  await writeAll(handle, Buffer.concat([Buffer.from(MAGIC), head]), 0);
  const place = { offset: MAGIC.length + head.length, digest: Buffer.from(head.subarray(-DIGEST_BYTES)) };
  return { place, position, tally: { items: {}, lines: 0 } };
}

/** The place up to which the unfinished file is intact; undefined if not even its head is. */
async function takeUp(source: Source, partial: string): Promise<Begun | undefined> {
  let begun: Begun | undefined;
  if (statSync(partial).size < MAGIC.length) return undefined;
  for await (const { frame, place } of readFrames(partial)) {
    if (frame.kind === 'head') begun = { place, position: { ...await beginning(source), begun: frame.json.begun }, tally: { items: {}, lines: 0 } };
    if (frame.kind === 'portion') begun = { place, position: frame.json.position, tally: frame.json.tally };
  }
  if (begun !== undefined && !await continues(source, begun.position)) {
    throw new TransferError('other-store', `${partial} was begun with another store, or the store was restored since`, 'remove it and begin again');
  }
  return begun && { ...begun, position: takenUp(begun.position) };
}

/** Returns a function that appends a frame and resolves to the new length of the file. */
function frameWriter(handle: FileHandle, path: string, from: Place): (frame: Frame) => Promise<number> {
  let { offset, digest } = from;
  let unsynced = 0;
  return async (frame) => {
    const bytes = encodeFrame(digest, frame);
    await refuseOther(handle, path, offset);
    await writeAll(handle, bytes, offset);
    offset += bytes.length;
    unsynced += bytes.length;
    digest = Buffer.from(bytes.subarray(-DIGEST_BYTES));
    if (unsynced > SYNC_EVERY) {
      await handle.datasync();
      unsynced = 0;
    }
    return offset;
  };
}

/**
 * If the same command was started twice, the second would write into what the first is writing, or has even finished.
 * @param size the size the file has if nobody else has written to it
 * @throws TransferError
 */
async function refuseOther(handle: FileHandle, path: string, size: number): Promise<void> {
  const held = await handle.stat();
  const named = statSync(path, { throwIfNoEntry: false });
  if (held.size === size && held.ino === named?.ino && held.dev === named.dev) return;
  throw new TransferError('in-use', `another backup is writing ${path}, or has finished it`, 'wait for it; if it was interrupted, run the same command again: it resumes where that one stopped');
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
