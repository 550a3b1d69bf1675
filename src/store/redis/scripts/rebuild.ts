import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/** Functions shared by several of these scripts. */
const places = `
local place = tonumber(call('HGET', KEYS[1], META.place) or 0)

-- The list of a chunk, limited to the places assigned so far, and the first of them.
local function list_of(chunk)
  local first = math.max(1, chunk * CHUNK)
  local key, wanted = K.places .. decimal(chunk), math.min(place, (chunk + 1) * CHUNK - 1) - first + 1
  local length = call('LLEN', key)
  if length > wanted then call('LTRIM', key, 0, wanted - 1) end
  for _ = length + 1, wanted do call('RPUSH', key, '') end
  call('ZADD', K.chunks, chunk, decimal(chunk))
  return key, first
end
`;

/**
 * Adds requests to all indexes. KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: ids (MessagePack). Reply: the number found.
 * A place beyond the last one assigned raises that.
 */
export const indexRequestsScript: Script = {
  name: 'index-requests',
  source: `${common}${places}
local values, there = {}, 0
local ids = cmsgpack.unpack(ARGV[2])
for at, id in ipairs(ids) do
  local value = call('GET', K.record .. id)
  if value then
    values[at] = value
    place = math.max(place, u48(value, PLACE))
  end
end
call('HSET', KEYS[1], META.place, decimal(place))
for at, id in ipairs(ids) do
  local value = values[at]
  if value then
    there = there + 1
    local number, state, ended = u48(value, PLACE), byte(value, STATE), u48(value, ENDED)
    local key, first = list_of(floor(number / CHUNK))
    call('LSET', key, number - first, id)
    if state ~= 0 then call('ZADD', K.states .. state, number, id) end
    if ended ~= 0 then
      local bucket = decimal(floor(ended / END_BUCKET))
      call('RPUSH', K.ending .. bucket, id)
      call('ZADD', K.ends, bucket, bucket)
    end
    local from, last = MARKS, body_at(value)
    while from < last do
      local high, low = byte(value, from + 40, from + 41)
      local hash, field = claim_at(sub(value, from, from + 31))
      local holder = call('HGET', hash, field)
      local other = holder and holder ~= id and call('GETRANGE', K.record .. holder, 0, 12) or ''
      -- If two requests have had the same mark, the later one took it over.
      if other == '' or u48(other, CREATED) <= u48(value, CREATED) then call('HSET', hash, field, id) end
      from = from + 42 + high * 256 + low
    end
  end
end
return there
`,
};

/**
 * Adds tokens or API keys to their indexes. ARGV[2]: 't' or 'k'. ARGV[3]: names (MessagePack). Reply: the number found.
 */
export const indexCredentialsScript: Script = {
  name: 'index-credentials',
  source: `${common}
local tokens, there, last = ARGV[2] == 't', 0, tonumber(call('HGET', KEYS[1], META.credentialPlace) or 0)
for _, name in ipairs(cmsgpack.unpack(ARGV[3])) do
  -- credentials.ts: end, revoked at, place
  local value = call('GETRANGE', (tokens and K.token or K.apiKey) .. name, 0, 25)
  if value ~= '' then
    there = there + 1
    local expires, revoked, number = u48(value, 9), u48(value, 15), u48(value, 21)
    last = math.max(last, number)
    call('ZADD', tokens and K.tokens or K.apiKeys, decimal(number), name)
    if tokens then call('ZADD', K.tokenEnds, decimal(revoked ~= 0 and math.min(revoked, expires) or expires), name) end
  end
end
call('HSET', KEYS[1], META.credentialPlace, decimal(last))
return there
`,
};

/** Removes entries for missing requests from one list of places. ARGV[2]: number of the list. Reply: the number of entries removed. */
export const checkPlacesScript: Script = {
  name: 'check-places',
  source: `${common}${places}
local chunk, removed, anybody = tonumber(ARGV[2]), 0, false
local key, first = list_of(chunk)
for at, id in ipairs(call('LRANGE', key, 0, -1)) do
  if id ~= '' then
    local head = call('GETRANGE', K.record .. id, 0, 18)
    if head == '' or u48(head, PLACE) ~= first + at - 1 then
      call('LSET', key, at - 1, '')
      removed = removed + 1
    else
      anybody = true
    end
  end
end
if not anybody and place >= (chunk + 1) * CHUNK - 1 then
  call('UNLINK', key)
  call('ZREM', K.chunks, ARGV[2])
end
return removed
`,
};

/** Removes requests from the index of a state that they are no longer in. ARGV[2]: state. ARGV[3]: ids. Reply: the number removed. */
export const checkStatesScript: Script = {
  name: 'check-states',
  source: `${common}
local removed, key = 0, K.states .. ARGV[2]
for _, id in ipairs(cmsgpack.unpack(ARGV[3])) do
  local head = call('GETRANGE', K.record .. id, 0, 18)
  if head == '' or byte(head, STATE) ~= tonumber(ARGV[2]) then removed = removed + call('ZREM', key, id)
  elseif tonumber(call('ZSCORE', key, id) or -1) ~= u48(head, PLACE) then call('ZADD', key, decimal(u48(head, PLACE)), id) end
end
return removed
`,
};

/** Empties some lists of ends, which are then rebuilt. ARGV[2]: limit. Reply: the number left. */
export const clearEndsScript: Script = {
  name: 'clear-ends',
  source: `${common}
for _, bucket in ipairs(call('ZRANGE', K.ends, 0, tonumber(ARGV[2]) - 1)) do
  call('UNLINK', K.ending .. bucket)
  call('ZREM', K.ends, bucket)
end
return call('ZCARD', K.ends)
`,
};

/**
 * Adds what is stored under keys of its own to the index of ends. ARGV[2]: numbers of lists of ends. ARGV[3]: ends of quota windows.
 * ARGV[4]: fields of claims on tokens and API keys. All MessagePack. Reply: 0.
 */
export const indexEndsScript: Script = {
  name: 'index-ends',
  source: `${common}
for _, bucket in ipairs(cmsgpack.unpack(ARGV[2])) do
  if call('EXISTS', K.ending .. bucket) == 1 then call('ZADD', K.ends, bucket, bucket) end
end
for _, window in ipairs(cmsgpack.unpack(ARGV[3])) do
  if call('EXISTS', K.quota .. window) == 1 then call('ZADD', K.quotas, window, window) end
end
for _, field in ipairs(cmsgpack.unpack(ARGV[4])) do
  local claim = call('HGET', K.credentialClaims, field)
  if claim then call('ZADD', K.credentialClaimEnds, decimal(u48(claim, 1) * 1000), field) end
end
return 0
`,
};
