/**
 * { 'accept', id, value (bulk), state, end (ms), lookups, token's name or '', counts (1 or 0), key digest, quota or 0, now (ms), audit }
 *
 * lookups: { name, fingerprint } for the token's use, where there is one, and then for each claim. quota: { end of its window, field, limit }.
 * Reply: 0 stored; { 1, value } exists; { 2, which claim } conflict; 3 token exhausted; 4 quota exceeded; 5 key blocked; 6 serial taken.
 */
export const acceptOperation = `
function operations.accept(o)
  local id, state, lookups, token, counts, quota, now = o[2], o[4], o[6], o[7], o[8] == 1, o[10], o[11]
  local uses = token ~= ''
  -- 1. Asked before? A token's use by the same CSR needs no comparison.
  for at, lookup in ipairs(lookups) do
    local use = uses and at == 1
    local value, fingerprint = standing(lookup[1], now, token)
    if value then
      if use or fingerprint == lookup[2] then return { 1, value } end
      return { 2, uses and at - 2 or at - 1 }
    end
  end
  -- 2. A refusal yields no certificate: nothing is counted, and nothing stands in the way of its record.
  local used
  if counts then
    if uses then
      used = token_use(token, now)
      if not used then return 3 end
    end
    if quota ~= 0 and tonumber(call('HGET', K.quota .. decimal(quota[1]), quota[2]) or 0) >= quota[3] then return 4 end
    if call('SISMEMBER', K.blocked, o[9]) == 1 then return 5 end
  end
  -- 3. The last check is the first write.
  local key = K.record .. id
  if not call('SET', key, bulk(o[3]), 'NX') then return 6 end
  place = place + 1
  call('SETRANGE', key, PLACE_OFFSET, pack('>I6', place))
  arrived[#arrived + 1] = id
  if state ~= 0 then call('ZADD', K.states .. state, place, id) end
  ends(o[5], id)
  if counts then
    for _, lookup in ipairs(lookups) do
      local hash, field = claim_at(lookup[1])
      call('HSET', hash, field, id)
    end
    if uses then count_use(token, used) end
    if quota ~= 0 then
      local window = decimal(quota[1])
      if call('HINCRBY', K.quota .. window, quota[2], '1') == 1 then call('ZADD', K.quotas, quota[1], window) end
    end
  end
  audit(o[12])
  return 0
end
`;
