/**
 * { 'transition', from, id, head, body, end, key digest or '', audit }: replaces a request in the state `from`.
 * Reply: 0 stored; 1 unknown; { 2, value } it is in another state; 3 key blocked.
 *
 * { 'replace', digest of the value before, id, head, body, end, key digest to block or '', change or 0, audit }: replaces a value that is
 * still the one that the caller has seen. change: see `feed`. Reply: 0 stored; { 1, value or false } it is another one.
 */
export const transitionOperations = `
local function rewrite(id, before, head, body, finish)
  local number = u48(before, PLACE)
  call('SET', K.record .. id, head .. sub(before, PLACE, body_at(before) - 1) .. body)
  -- No request that has ended lives again (TRANSITIONS), so an end is only ever added.
  if u48(before, ENDED) == 0 then ends(finish, id) end
  local was, is = byte(before, STATE), byte(head, STATE)
  if was == is then return end
  if was ~= 0 then call('ZREM', K.states .. was, id) end
  if is ~= 0 then call('ZADD', K.states .. is, number, id) end
end

function operations.transition(o)
  local value = call('GET', K.record .. o[3])
  if not value then return 1 end
  if byte(value, STATE) ~= o[2] then return { 2, value } end
  if o[7] ~= '' and call('SISMEMBER', K.blocked, o[7]) == 1 then return 3 end
  rewrite(o[3], value, o[4], o[5], o[6])
  audit(o[8])
  return 0
end

function operations.replace(o)
  local value = call('GET', K.record .. o[3])
  if not value or redis.sha1hex(value) ~= o[2] then return { 1, value } end
  if o[8] ~= 0 then feed(o[8]) end
  rewrite(o[3], value, o[4], o[5], o[6])
  if o[7] ~= '' then call('SADD', K.blocked, o[7]) end
  audit(o[9])
  return 0
end
`;
