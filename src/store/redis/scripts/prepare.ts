import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/** Records the version in a new store, and creates the key for its cursors. ARGV[2]: version. ARGV[3]: key. Reply: the version present. */
export const prepareScript: Script = {
  name: 'prepare',
  source: `${common}
if call('HSETNX', KEYS[1], META.format, ARGV[2]) == 1 then call('HSET', KEYS[1], META.cursorKey, ARGV[3]) end
return call('HGET', KEYS[1], META.format)
`,
};
