import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECRET, writeDurablyOnce } from '../authority/durable-file.ts';
import type { RandomBytes } from './credential.ts';

const BYTES = 32;

/**
 * The deployment's own secret, `<data>/secret.key`, mode 0600, created if missing; if several processes start at once, one of them creates it.
 * Credentials created under an Idempotency-Key are derived from it, so that the store never contains them.
 */
export function readMaster(data: string, random: RandomBytes): Uint8Array {
  const path = join(data, 'secret.key');
  writeDurablyOnce(path, () => `${Buffer.from(random(BYTES)).toString('hex')}\n`, SECRET);
  const master = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
  if (master.length !== BYTES) throw new Error(`${path} is damaged: expected ${BYTES} bytes in hex. Remove it to make a new one; issued credentials stay valid.`);
  return master;
}
