import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';

/** Names of LMDB's files in a store's folder. */
export const FILES = ['data.mdb', 'lock.mdb'] as const;

/** Device and inode of the files in a folder: different once they have been replaced, even under the same names. */
export function identityOf(path: string): string {
  return FILES.map((file) => {
    const { dev, ino } = statSync(`${path}/${file}`, { throwIfNoEntry: false }) ?? {};
    return `${dev}:${ino}`;
  }).join();
}

/** Position and octets of the magic number and format version on LMDB's first page (`MDB_MAGIC`, `MDB_DATA_VERSION` of `mdb.c`). */
const MAGIC = { at: 24, octets: Buffer.from('dec0efbe02000000', 'hex') } as const;

/** Checks the file first, since the binding ends the process if it is not an LMDB file. @throws Error */
export function assertLmdbFile(file: string): void {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, 'r');
  try {
    const start = Buffer.alloc(MAGIC.at + MAGIC.octets.length);
    const length = readSync(descriptor, start);
    if (length > 0 && !start.subarray(MAGIC.at).equals(MAGIC.octets)) throw new Error(`${file} is not a file of this store`);
  } finally {
    closeSync(descriptor);
  }
}

/** Resident pages (4096 octets) of all mapped files, according to the kernel; 0 if it does not say. */
export function residentFilePages(): number {
  try {
    return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[2]);
  } catch {
    return 0;
  }
}
