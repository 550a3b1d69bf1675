import { readFileSync } from 'node:fs';
import type { Config } from './config/config.ts';
import { type BlockList, debianBlockList, readDebianBlockList } from './policy/block-list.ts';

/**
 * Reads the configured lists of weak keys.
 * @throws the file system's error; Error for a file that lists no keys, which would silently protect against nothing
 */
export function readBlockLists({ debianBlockLists }: Config['keys']): readonly BlockList[] {
  return debianBlockLists.map((file) => {
    const fingerprints = readDebianBlockList(readFileSync(file, 'utf8'));
    if (fingerprints.size === 0) throw new Error(`${file}: lists no key; expected lines of 20 lower-case hex digits, as in Debian's openssl-blacklist`);
    return debianBlockList(fingerprints);
  });
}
