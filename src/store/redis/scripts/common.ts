import { CHUNK, CLAIM_FIELD, CRL_FIELDS, END_BUCKET, KEYS, META } from '../keys.ts';

const constants = { CHUNK, CLAIM_FIELD, END_BUCKET };

const table = (fields: Readonly<Record<string, string>>): string => Object.entries(fields).map(([name, field]) => `${name} = '${field}'`).join(', ');

/**
 * The prologue of all scripts: the key names of `keys.ts` as `K`, and functions that decode values.
 * ARGV[1]: prefix of all keys. All scripts run on Redis 6.2, 7 and Valkey: Lua 5.1, and no newer commands.
 */
export const common = `
local call, sub, byte, char, floor = redis.call, string.sub, string.byte, string.char, math.floor
local pack, unpack_bytes = struct.pack, struct.unpack
local K = { ${Object.entries(KEYS).map(([name, key]) => `${name} = ARGV[1] .. '${key}'`).join(', ')} }
local META = { ${table(META)} }
local CRL = { ${table(CRL_FIELDS)} }
local ${Object.keys(constants).join(', ')} = ${Object.values(constants).join(', ')}

-- A 48-bit big-endian number at an offset in the value (counted from 1).
local function u48(value, at)
  local a, b, c, d, e, f = byte(value, at, at + 5)
  return ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
end
local function decimal(number) return string.format('%.0f', number) end

-- stored-record.ts, with places counted from 1
local STATE, ENDED, CREATED, PLACE, MARKS_LENGTH, MARKS = 1, 2, 8, 14, 20, 22
local PLACE_OFFSET = '13'
local function body_at(value)
  local high, low = byte(value, MARKS_LENGTH, MARKS_LENGTH + 1)
  return MARKS + high * 256 + low
end

-- The hash that contains a claim of this name, and its field.
local function claim_at(name)
  return K.claims .. sub(name, 1, 2) .. char(floor(byte(name, 3) / 64)), sub(name, 1, CLAIM_FIELD)
end

-- The mark of this name in a request's value: expires (seconds), kind.
local function mark_in(value, name)
  local at, ended = MARKS, body_at(value)
  while at < ended do
    local high, low = byte(value, at + 40, at + 41)
    local following = at + 42 + high * 256 + low
    if sub(value, at, at + 31) == name then
      return u48(value, at + 32), byte(value, at + 38)
    end
    at = following
  end
end

-- The value of the request with a mark that is still valid at \`now\` (milliseconds). \`token\`: the token's name, if the mark is
-- its use.
local function standing(name, now, token)
  local hash, field = claim_at(name)
  local id = call('HGET', hash, field)
  if not id then return end
  local value = call('GET', K.record .. id)
  if not value then return end
  local expires, kind = mark_in(value, name)
  if not expires or expires * 1000 <= now then return end
  -- It lapsed with its request: denied, failed or revoked.
  if kind == 1 and byte(value, STATE) >= 3 then return end
  if kind == 2 and call('EXISTS', K.token .. token) == 0 then return end
  return value
end
`;
