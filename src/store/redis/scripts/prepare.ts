import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/** Marks new keys with their version and gives them a key for their cursors. ARGV[2]: version. ARGV[3]: key. Reply: the version that is there. */
export const prepareScript: Script = {
  name: 'prepare',
  source: `${common}
if call('HSETNX', KEYS[1], META.format, ARGV[2]) == 1 then call('HSET', KEYS[1], META.cursorKey, ARGV[3]) end
return call('HGET', KEYS[1], META.format)
`,
};
