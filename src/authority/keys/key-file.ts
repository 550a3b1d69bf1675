import type { KeyObject } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SECRET, writeDurably } from '../durable-file.ts';
import { Faults, refuse } from '../errors.ts';
import { decodePrivateKey, encodePrivateKey } from './pkcs8.ts';

/** A PKCS#8 file with an RSA-4096 key has 3.3 kB; anything much larger is not a key. */
const MOST_BYTES = 64 * 1024;
/** Mode bits for access by group or others. */
const FOREIGN_ACCESS = 0o077;

/** Writes the key durably, readable by the owner only. @throws AuthorityError `option-wrong` if the passphrase is unusable */
export function writeKeyFile(path: string, key: KeyObject, passphrase?: string): void {
  writeDurably(path, encodePrivateKey(key, passphrase), SECRET);
}

/**
 * Reads the private key from a PKCS#8 PEM file. `name` identifies the file in errors.
 * @throws AuthorityError `key-missing`, `key-exposed` (readable by others than the owner), `key-unreadable`, `passphrase-missing`, `passphrase-wrong`
 */
export function readKeyFile(path: string, name: string, passphrase?: string): KeyObject {
  const { pem, mode } = readPrivate(path, name);
  const faults = new Faults();
  if (process.platform !== 'win32' && (mode & FOREIGN_ACCESS) !== 0) {
    faults.add('key-exposed', `has mode ${(mode & 0o777).toString(8).padStart(4, '0')}; expected 0600, readable by the owner only`, name);
  }
  const key = faults.catch(() => decodePrivateKey(pem, name, passphrase));
  faults.check();
  return key as KeyObject;
}

/** Mode and content read through one file descriptor, so that the mode checked is that of the content. */
function readPrivate(path: string, name: string): { readonly pem: string; readonly mode: number } {
  const file = open(path, name);
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size > MOST_BYTES) refuse('key-unreadable', `is not a file of at most ${MOST_BYTES} bytes`, name);
    const bytes = Buffer.alloc(status.size);
    return { pem: bytes.toString('latin1', 0, readSync(file, bytes)), mode: status.mode };
  } finally {
    closeSync(file);
  }
}

function open(path: string, name: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return code === 'ENOENT' ? refuse('key-missing', 'is not there', name, { cause }) : refuse('key-unreadable', `cannot be opened (${code})`, name, { cause });
  }
}
