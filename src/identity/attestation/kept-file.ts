import { readFileSync, statSync } from 'node:fs';
import { Refused } from '../../errors.ts';

/** The parsed contents of a file, re-read when it has changed: for keys and lists that are maintained by something else. */
export type KeptFile<T> = () => T;

/**
 * Reads the file now, and again on the first call after each change.
 * @throws Error now, if the file is unusable; Refused `unavailable` later, since outdated contents must not be trusted indefinitely
 */
export function keptFile<T>(path: string, parse: (content: Buffer) => T): KeptFile<T> {
  const versionOf = (): string => {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs}/${size}/${ino}`;
  };
  const read = (version: string): { readonly version: string; readonly value: T } => ({ version, value: parse(readFileSync(path)) });
  let kept: { readonly version: string; readonly value: T };
  try {
    kept = read(versionOf());
  } catch (error) {
    throw new Error(`${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return () => {
    try {
      const version = versionOf();
      if (version !== kept.version) kept = read(version);
      return kept.value;
    } catch (cause) {
      throw new Refused('unavailable', 'A file by which proofs are checked cannot be used now; the log says more.', { cause });
    }
  };
}
