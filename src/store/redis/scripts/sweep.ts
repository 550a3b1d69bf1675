import type { Script } from '../link/link.ts';
import { common } from './common.ts';
import { objectFunctions } from './objects.ts';

/**
 * Removes some of the requests that have ended, together with their index entries.
 *
 * KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: requests that ended before this (ms) are removed. ARGV[3]: the number to look at, at most.
 * ARGV[4]: when to look again at a list of ends that contains something to keep. ARGV[5]: MessagePack of the ids of revoked
 * requests that may be removed, since the feed no longer contains them.
 * Reply: { number removed, { value of a revoked request, … } }: each of those may be removed if the feed does not contain it.
 */
export const sweepScript: Script = {
  name: 'sweep',
  source: `${common}
local before, most, again = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local removed, revoked, lists = 0, {}, {}

local function remove(id, value)
  local state, number = byte(value, STATE), u48(value, PLACE)
  local at, ended = MARKS, body_at(value)
  while at < ended do
    local high, low = byte(value, at + 40, at + 41)
    local hash, field = claim_at(sub(value, at, at + 31))
    -- Another request may have taken it over.
    if call('HGET', hash, field) == id then call('HDEL', hash, field) end
    at = at + 42 + high * 256 + low
  end
  if state ~= 0 then call('ZREM', K.states .. state, id) end
  local chunk = floor(number / CHUNK)
  local key = K.places .. decimal(chunk)
  local index = chunk == 0 and number - 1 or number - chunk * CHUNK
  if call('LINDEX', key, index) == id then
    call('LSET', key, index, '')
    lists[chunk] = key
  end
  -- UNLINK frees a large value outside the main thread.
  call('UNLINK', K.record .. id)
  removed = removed + 1
end

for _, id in ipairs(cmsgpack.unpack(ARGV[5])) do
  local value = call('GET', K.record .. id)
  if value and u48(value, ENDED) ~= 0 and u48(value, ENDED) < before then remove(id, value) end
end

local looked_at = 0
for _, bucket in ipairs(call('ZRANGEBYSCORE', K.ends, '-inf', decimal(floor(before / END_BUCKET)), 'LIMIT', 0, 16)) do
  local key = K.ending .. bucket
  local ids = call('LRANGE', key, 0, most - looked_at - 1)
  looked_at = looked_at + #ids
  local stay, later = {}, {}
  for _, id in ipairs(ids) do
    local value = call('GET', K.record .. id)
    if value then
      if u48(value, ENDED) >= before then
        stay[#stay + 1] = id
      elseif byte(value, STATE) == 5 then
        revoked[#revoked + 1] = value
        later[#later + 1] = id
      else
        remove(id, value)
      end
    end
  end
  call('LTRIM', key, #ids, -1)
  -- Requests that have not ended return to their place, in order; revoked ones are looked at again later.
  for at = #stay, 1, -1 do call('LPUSH', key, stay[at]) end
  for _, id in ipairs(later) do call('RPUSH', K.ending .. decimal(again), id) end
  if #later > 0 then call('ZADD', K.ends, again, decimal(again)) end
  if call('EXISTS', key) == 0 then call('ZREM', K.ends, bucket) end
  if looked_at >= most or #stay > 0 then break end
end

-- An empty list is removed, unless some of its places are yet to be assigned.
local place = tonumber(call('HGET', KEYS[1], META.place) or 0)
for chunk, key in pairs(lists) do
  local full = place >= (chunk + 1) * CHUNK - 1
  -- Looking at both ends is usually enough to see that the list is not empty.
  if full and call('LINDEX', key, 0) == '' and call('LINDEX', key, -1) == '' then
    local anybody = false
    for _, id in ipairs(call('LRANGE', key, 0, -1)) do
      if id ~= '' then
        anybody = true
        break
      end
    end
    if not anybody then
      call('UNLINK', key)
      call('ZREM', K.chunks, decimal(chunk))
    end
  end
end
return { removed, revoked }
`,
};

/**
 * Removes some of the tokens, claims on tokens and API keys, objects, and quota windows that have ended.
 * KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: tokens that ended before this (ms). ARGV[3]: claims, objects and windows that ended up to this (ms).
 * ARGV[4]: limit. Reply: the number removed.
 */
export const sweepRestScript: Script = {
  name: 'sweep-rest',
  source: `${common}${objectFunctions}
local left = tonumber(ARGV[4])
local function each(ends, last, remove)
  local found = call('ZRANGEBYSCORE', ends, '-inf', last, 'LIMIT', 0, left)
  for _, member in ipairs(found) do
    remove(member)
    call('ZREM', ends, member)
  end
  left = left - #found
end
each(K.tokenEnds, '(' .. ARGV[2], function(name)
  call('UNLINK', K.token .. name)
  call('ZREM', K.tokens, name)
end)
if left > 0 then each(K.credentialClaimEnds, ARGV[3], function(name) call('HDEL', K.credentialClaims, name) end) end
if left > 0 then each(K.objectEnds, ARGV[3], remove_object) end
if left > 0 then each(K.quotas, ARGV[3], function(window) call('UNLINK', K.quota .. window) end) end
return tonumber(ARGV[4]) - left
`,
};
