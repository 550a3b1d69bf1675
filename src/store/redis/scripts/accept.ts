/**
 * { 'accept', id, value (bulk), state, end (ms), lookups, token's name or '', counts (1 or 0), key digest, quota or 0, now (ms), guard or 0, objects or 0, audit }
 *
 * lookups: names of the token's use, if there is one, and of each claim. quota: { end of its window (text), field, limit }.
 * objects: as in `objects.ts`. guard: { 't', 'k' or 'r', name or id } of the token, API key or certificate that authenticated the requester.
 * Reply: 0 stored; { value, index of the lookup (from 0) } an existing request; 3 token exhausted; 4 quota exceeded; 5 key blocked; 6 serial
 * taken; 7 the guard's record is missing, revoked or expired; 8 and above: the object of that index (from 8) does not have the expected version.
  *
 * { 'quotas', { quota, … } }: counts one use of each. Reply: 0, or the number of the first that is exhausted; then none is counted.
 */
export const acceptOperation = `
-- Quota counts including this batch, and what it adds: a batch usually has many requests of one requester.
local counts_before, counts_added = {}, {}

local function quota_taken(quota)
  local name = quota[1] .. quota[2]
  if not counts_before[name] then
    counts_before[name] = tonumber(call('HGET', K.quota .. quota[1], quota[2]) or 0)
    counts_added[name] = { quota[1], quota[2], 0 }
  end
  return counts_before[name] + counts_added[name][3]
end

local function write_quotas()
  for name, added in pairs(counts_added) do
    if added[3] > 0 then
      call('HINCRBY', K.quota .. added[1], added[2], added[3])
      if counts_before[name] == 0 then call('ZADD', K.quotas, added[1], added[1]) end
    end
  end
end

-- Which keys are blocked: one query for the whole batch.
local is_blocked = {}

local function look_for_blocked(all)
  local digests = {}
  for _, o in ipairs(all) do
    if o[1] == 'accept' then digests[#digests + 1] = o[9] end
  end
  for from = 1, #digests, 500 do
    local last = math.min(#digests, from + 499)
    for at, found in ipairs(call('SMISMEMBER', K.blocked, unpack(digests, from, last))) do
      if found == 1 then is_blocked[digests[from + at - 1]] = true end
    end
  end
end

local function block(digest)
  is_blocked[digest] = true
  return call('SADD', K.blocked, digest)
end

-- When each guard's record expires, 0 if it is no longer valid: a batch usually has many requests by one guard.
local guarded = {}

local function over_at(kind, name)
  if kind == 'r' then
    local head = call('GETRANGE', K.record .. name, 0, 6)
    return (head == '' or byte(head, STATE) ~= 0) and 0 or u48(head, ENDED) + 1
  end
  local head = call('GETRANGE', CREDENTIALS[kind].key .. name, 0, 19)
  if head == '' or u48(head, REVOKED) ~= 0 then return 0 end
  local finish = u48(head, EXPIRES)
  -- An API key may never expire.
  return finish == 0 and kind == 'k' and math.huge or finish
end

local function stands(guard, now)
  local name = guard[1] .. guard[2]
  local finish = guarded[name]
  if not finish then
    finish = over_at(guard[1], guard[2])
    guarded[name] = finish
  end
  return finish > now
end

function operations.accept(o)
  predicted = predicted + 1
  local id, state, lookups, token, counts, quota, now, guard, objects = o[2], o[4], o[6], o[7], o[8] == 1, o[10], o[11], o[12], o[13]
  local uses = token ~= ''
  if guard ~= 0 and not stands(guard, now) then return 7 end
  local refused, used
  -- 1. A repeated request? Usually not, and one command both checks this and makes the claim: a claim whose request is missing has no effect.
  local claimed, over = {}, {}
  for at, lookup in ipairs(lookups) do
    local hash, field = claim_at(lookup)
    if counts and call('HSETNX', hash, field, id) == 1 then
      claimed[#claimed + 1], claimed[#claimed + 2] = hash, field
    else
      local value = standing(lookup, now, token)
      if value then
        refused = { value, at - 1 }
        break
      end
      over[#over + 1], over[#over + 2] = hash, field
    end
  end
  -- 2. A refusal yields no certificate: it is not counted, and nothing prevents it from being recorded.
  if counts and not refused then
    if uses then used = token_use(token, now) end
    if uses and not used then refused = 3
    elseif quota ~= 0 and quota_taken(quota) >= quota[3] then refused = 4
    elseif is_blocked[o[9]] then refused = 5 end
  end
  local objects_now
  if objects ~= 0 and not refused then
    local lost
    objects_now, lost = objects_before(objects)
    if not objects_now then refused = 7 + lost end
  end
  -- 3. The last check writes the record.
  local key = K.record .. id
  if not refused and not call('SET', key, bulk(o[3]), 'NX') then refused = 6 end
  if refused then
    for at = 1, #claimed, 2 do call('HDEL', claimed[at], claimed[at + 1]) end
    return refused
  end
  if objects ~= 0 then change_objects(objects, objects_now) end
  place = place + 1
  -- Usually the caller guessed the place correctly.
  if place ~= predicted then call('SETRANGE', key, PLACE_OFFSET, pack('>I6', place)) end
  arrived[#arrived + 1] = id
  if state ~= 0 then call('ZADD', K.states .. state, place, id) end
  ends(o[5], id)
  if counts then
    for at = 1, #over, 2 do call('HSET', over[at], over[at + 1], id) end
    if uses then count_use(token, used) end
    if quota ~= 0 then
      local added = counts_added[quota[1] .. quota[2]]
      added[3] = added[3] + 1
    end
  end
  audit(o[14])
  return 0
end

function operations.quotas(o)
  for at, quota in ipairs(o[2]) do
    if quota_taken(quota) >= quota[3] then return at end
  end
  for _, quota in ipairs(o[2]) do
    local added = counts_added[quota[1] .. quota[2]]
    added[3] = added[3] + 1
  end
  return 0
end
`;
