import { NEVER } from '../../objects.ts';
import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/** Precedes the JSON of a removed object. */
export const REMOVED = '-';

/**
 * An object: version (6 octets), end (6), number of indexes (1), for each its name (32) and the object's sort key in it (6), and JSON; if it was
 * removed, `REMOVED` precedes the JSON.
 */
export const objectFunctions = `
local INDEXES = 13

local function each_index(key, value, visit)
  for number = 0, byte(value, INDEXES) - 1 do
    local at = INDEXES + 1 + number * 38
    visit(K.objectIndex .. sub(value, at, at + 31), sub(value, at + 32, at + 37) .. key)
  end
end

local function leave_indexes(key, value)
  each_index(key, value, function(index, member) call('ZREM', index, member) end)
end

local function remove_object(key)
  local value = call('GET', K.object .. key)
  if value then leave_indexes(key, value) end
  call('UNLINK', K.object .. key)
  call('ZREM', K.objectFeed, key)
end
`;

/**
 * { 'objects', { { key, expected version, value behind the version, 1 if it is momentary, 2 if it is removed by this }, … }, audit }
 * Reply: 0, or the number of the first change whose object does not have the expected version; then nothing is written.
 *
 * { 'load-object', key, seen, value }: an object of another store (see `scripts/transfer.ts` for `seen` and the reply).
 */
export const objectOperations = `${objectFunctions}
local NEVER = ${NEVER}

local function put_object(key, value, old, momentary)
  if old then
    leave_indexes(key, old)
    -- The end is never moved to an earlier time.
    if u48(old, 7) > u48(value, 7) then value = sub(value, 1, 6) .. sub(old, 7, 12) .. sub(value, 13) end
  end
  call('SET', K.object .. key, value)
  each_index(key, value, function(index, member) call('ZADD', index, 0, member) end)
  local ended = u48(value, 7)
  if ended < NEVER then call('ZADD', K.objectEnds, decimal(ended), key) else call('ZREM', K.objectEnds, key) end
  if not momentary then
    call('ZADD', K.objectFeed, decimal(call('HINCRBY', KEYS[1], META.objectChange, 1)), key)
  elseif old then
    call('ZREM', K.objectFeed, key)
  end
end

-- Nobody knows the version of a removed object.
local function expected_of(value)
  if not value or (byte(value, INDEXES) == 0 and byte(value, INDEXES + 1) == ${REMOVED.charCodeAt(0)}) then return 0 end
  return u48(value, 1)
end

-- The present values of the objects to change; nil and the number of the first that does not have the expected version.
local function objects_before(changes)
  local before = {}
  for at, change in ipairs(changes) do
    local value = call('GET', K.object .. change[1])
    if expected_of(value) ~= change[2] then return nil, at end
    before[at] = value
  end
  return before
end

local function change_objects(changes, before)
  for at, change in ipairs(changes) do
    local key, old, removed = change[1], before[at], change[4] == 2
    if not removed then
      put_object(key, pack('>I6', (old and u48(old, 1) or 0) + 1) .. change[3], old, change[4] == 1)
    elseif old and call('ZSCORE', K.objectFeed, key) then
      put_object(key, pack('>I6', u48(old, 1) + 1) .. change[3], old, false)
    elseif old then
      -- A momentary object was never copied to another store, so no trace of it is kept.
      remove_object(key)
      call('ZREM', K.objectEnds, key)
    end
  end
end

function operations.objects(o)
  local before, lost = objects_before(o[2])
  if not before then return lost end
  change_objects(o[2], before)
  audit(o[3])
  return 0
end
`;

/**
 * Objects in an index, in the order of their members. KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: name of the index.
 * ARGV[3], ARGV[4]: the range, as for ZRANGEBYLEX. ARGV[5]: limit. ARGV[6]: 1 for descending order.
 * Reply: { { member, … }, { value, … } }; a value is false if there is none.
 */
export const objectListScript: Script = {
  name: 'object-list',
  source: `${common}
local members = call(ARGV[6] == '1' and 'ZREVRANGEBYLEX' or 'ZRANGEBYLEX', K.objectIndex .. ARGV[2], ARGV[3], ARGV[4], 'LIMIT', 0, tonumber(ARGV[5]))
local values = {}
for at, member in ipairs(members) do values[at] = call('GET', K.object .. sub(member, 7)) end
return { members, values }
`,
};
