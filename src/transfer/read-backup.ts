import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { TransferError } from './errors.ts';
import { DIGEST_BYTES, FRAME_PREFIX, MAGIC, decodeFrame, firstDigest, frameLength } from './frames.ts';
import type { Frame } from './frames.ts';

/** A place between two frames: where the next frame begins, and the digest it follows. */
export interface Place {
  readonly offset: number;
  readonly digest: Buffer;
}

export interface ReadFrame {
  readonly frame: Frame;
  /** The place after this frame. */
  readonly place: Place;
}

export const FIRST_PLACE: Place = { offset: MAGIC.length, digest: firstDigest() };

/**
 * Reads the frames of a backup from a place on, one at a time, and stops before the first that is not intact.
 * @throws TransferError if the file does not begin like a backup
 */
export async function* readFrames(path: string, from: Place = FIRST_PLACE): AsyncGenerator<ReadFrame> {
  const file = await open(path, 'r');
  try {
    if ((await readExactly(file, 0, MAGIC.length))?.toString('latin1') !== MAGIC) {
      throw new TransferError('not-a-backup', `${path} is not a backup of this version`, 'expected a file that \'chancery backup\' has made');
    }
    for (let place = from; ;) {
      const prefix = await readExactly(file, place.offset, FRAME_PREFIX);
      const length = prefix === undefined ? undefined : frameLength(prefix);
      const bytes = length === undefined ? undefined : await readExactly(file, place.offset, length);
      const frame = bytes === undefined ? undefined : decodeFrame(place.digest, bytes);
      if (bytes === undefined || frame === undefined) return;
      place = { offset: place.offset + bytes.length, digest: Buffer.from(bytes.subarray(-DIGEST_BYTES)) };
      yield { frame, place };
    }
  } finally {
    await file.close();
  }
}

/** Reads exactly this many octets; undefined if the file ends first. */
async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer | undefined> {
  const { size } = await file.stat();
  if (position + length > size) return undefined;
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) return undefined;
    at += bytesRead;
  }
  return bytes;
}
