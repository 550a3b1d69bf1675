import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/**
 * A section of an authority's feed, in one view.
 * KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: authority. ARGV[3]: revision to start after. ARGV[4]: upper bound of changes.
 * Reply: { revision, floor, { serial, revision, serial, revision, … }, { change, … } }
 */
export const changesScript: Script = {
  name: 'changes',
  source: `${common}
local authority = ARGV[2]
local standing = call('HMGET', K.crl .. authority, CRL.revision, CRL.floor)
local found = call('ZRANGEBYSCORE', K.feed .. authority, '(' .. ARGV[3], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local changes = {}
for at = 1, #found, 2 do changes[#changes + 1] = call('HGET', K.changes .. authority, found[at]) end
return { tonumber(standing[1] or 0), tonumber(standing[2] or 0), found, changes }
`,
};

/** The latest change of a serial. ARGV[2]: authority. ARGV[3]: serial. Reply: { revision, change }, or false. */
export const changeScript: Script = {
  name: 'change',
  source: `${common}
local revision = call('ZSCORE', K.feed .. ARGV[2], ARGV[3])
return revision and { tonumber(revision), call('HGET', K.changes .. ARGV[2], ARGV[3]) }
`,
};

/**
 * Writes a part of a document's bytes ahead of its publication. They expire after an hour by the server's clock unless they are published. ARGV[2]: key.
 * ARGV[3]: offset in octets. ARGV[4]: the part. Reply: 0; 1 if the preceding parts are missing because a server that never received them has become the
 * primary: nothing is written.
 */
export const stageScript: Script = {
  name: 'stage',
  source: `
if redis.call('STRLEN', ARGV[2]) ~= tonumber(ARGV[3]) then return 1 end
redis.call('APPEND', ARGV[2], ARGV[4])
redis.call('EXPIRE', ARGV[2], 3600)
return 0
`,
};
