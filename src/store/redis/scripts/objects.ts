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
`;

/**
 * { 'objects', { { key, expected version, value behind the version, or 0: remove it }, … }, end that is none, audit }
 * Reply: 0, or the number of the first change whose object has another version than was expected: then nothing is written.
 */
export const objectOperations = `${objectFunctions}
function operations.objects(o)
  local before = {}
  for at, change in ipairs(o[2]) do
    local value = call('GET', K.object .. change[1])
    if (value and u48(value, 1) or 0) ~= change[2] then return at end
    before[at] = value
  end
  for at, change in ipairs(o[2]) do
    local key, value, old = change[1], change[3], before[at]
    if old then leave_indexes(key, old) end
    if value == 0 then
      call('UNLINK', K.object .. key)
      call('ZREM', K.objectEnds, key)
    else
      value = pack('>I6', change[2] + 1) .. value
      call('SET', K.object .. key, value)
      each_index(key, value, function(index, member) call('ZADD', index, 0, member) end)
      local ended = u48(value, 7)
      if ended < o[3] then call('ZADD', K.objectEnds, decimal(ended), key) else call('ZREM', K.objectEnds, key) end
    end
  end
  audit(o[4])
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
