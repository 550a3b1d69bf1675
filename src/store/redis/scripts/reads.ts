import type { Script } from '../link/link.ts';
import { common } from './common.ts';

/**
 * The first of several marks that is valid, for many callers at once.
 * KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: { { lookups, token's name or '', now (ms) }, … } (MessagePack); lookups as in `accept`.
 * Reply: for each caller { index of the lookup (from 0), value } or 0.
 */
export const findScript: Script = {
  name: 'find',
  source: `${common}
local replies = {}
for at, caller in ipairs(cmsgpack.unpack(ARGV[2])) do
  replies[at] = 0
  for number, name in ipairs(caller[1]) do
    local value = standing(name, caller[3], caller[2])
    if value then
      replies[at] = { number - 1, value }
      break
    end
  end
end
return replies
`,
};

/**
 * A section of a listing, downward from a place.
 *
 * KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: MessagePack of { below (place), entries to look at, items wanted, state or -1, since (ms, or 0),
 * states wanted (one octet '0' or '1' each), ended before (ms, or 0), ended from (ms, or 0), needles }
 * Reply: { the last place looked at, 1 if nothing is left below, 1 if there was one more than wanted, { value, … } }
 */
export const listScript: Script = {
  name: 'list',
  source: `${common}
local below, most, wanted, state, since, states, before, from, needles = unpack(cmsgpack.unpack(ARGV[2]))
local items, places, looked_at, last, stopped, more = {}, {}, 0, below, false, false

-- False ends the walk.
local function look(number, id)
  looked_at = looked_at + 1
  last = number
  local key = K.record .. id
  local head = call('GETRANGE', key, 0, 12)
  if head == '' then return true end
  if since > 0 and u48(head, CREATED) < since then
    stopped = true
    return false
  end
  if sub(states, byte(head, STATE) + 1, byte(head, STATE) + 1) ~= '1' then return true end
  local ended = u48(head, ENDED)
  if (before > 0 and ended >= before) or (from > 0 and ended < from) then return true end
  local value = call('GET', key)
  for _, needle in ipairs(needles) do
    if not string.find(value, needle, 1, true) then return true end
  end
  items[#items + 1] = value
  places[#places + 1] = number
  return #items < wanted
end

if state >= 0 then
  local found = call('ZREVRANGEBYSCORE', K.states .. state, '(' .. decimal(below), '-inf', 'WITHSCORES', 'LIMIT', 0, most)
  stopped = #found / 2 < most
  for at = 1, #found, 2 do
    if not look(tonumber(found[at + 1]), found[at]) then
      if #items >= wanted then stopped = stopped and at + 2 > #found end
      break
    end
  end
else
  local chunks = call('ZREVRANGEBYSCORE', K.chunks, decimal(floor((below - 1) / CHUNK)), '-inf', 'LIMIT', 0, floor(most / CHUNK) + 2)
  local going = true
  for number, chunk in ipairs(chunks) do
    local first = tonumber(chunk) * CHUNK
    -- Place 0 is never assigned: the first list begins at 1.
    if first == 0 then first = 1 end
    local ids = call('LRANGE', K.places .. chunk, 0, -1)
    for at = math.min(#ids, below - first), 1, -1 do
      if ids[at] ~= '' then
        going = look(first + at - 1, ids[at])
        if not going then break end
      end
      last = first + at - 1
    end
    if not going or looked_at >= most then break end
    if number == #chunks and #chunks < floor(most / CHUNK) + 2 then stopped = true end
  end
  if #chunks == 0 then stopped = true end
end
return { last, stopped and 1 or 0, items, places }
`,
};
