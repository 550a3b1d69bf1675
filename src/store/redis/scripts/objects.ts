import { NEVER } from '../../objects.ts';
import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/**
 * An object: version (6 octets), end (6), how many indexes (1), for each its name (32) and the object's order in it (6), and JSON.
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
 * { 'objects', { { key, expected version, value behind the version, 1 if it is momentary }, … }, audit }
 * Reply: 0, or the number of the first change whose object has another version than was expected: then nothing is written.
 *
 * { 'load-object', key, seen, value }: an object of another store (`scripts/transfer.ts` says what `seen` is, and the reply).
 */
export const objectOperations = `${objectFunctions}
local NEVER = ${NEVER}

local function put_object(key, value, old, momentary)
  if old then
    leave_indexes(key, old)
    -- An end does not move nearer.
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

function operations.objects(o)
  local before = {}
  for at, change in ipairs(o[2]) do
    local value = call('GET', K.object .. change[1])
    if (value and u48(value, 1) or 0) ~= change[2] then return at end
    before[at] = value
  end
  for at, change in ipairs(o[2]) do put_object(change[1], pack('>I6', change[2] + 1) .. change[3], before[at], change[4] == 1) end
  audit(o[3])
  return 0
end
`;

/**
 * Objects in an index, in the order of their members. KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: name of the index.
 * ARGV[3], ARGV[4]: from where to where, as ZRANGEBYLEX takes it. ARGV[5]: how many. ARGV[6]: 1 for descending order.
 * Reply: { { member, … }, { value, … } }; a value is false where there is none.
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
