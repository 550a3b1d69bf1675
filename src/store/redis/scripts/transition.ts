/**
 * { 'transition', from, id, value (bulk, without place and marks), end, key digest or '', objects or 0, audit }: replaces a request in the state
 * `from`, with objects that change with it (`objects.ts`). Reply: 0 stored; 1 unknown; { 2, value } it is in another state; 3 key blocked;
 * 4 and above: the object of that index (from 4) does not have the expected version.
 *
 * { 'amend', state, id, digest of the record before, value (bulk, likewise), audit }: replaces a request in that state whose record is unchanged
 * since the caller has seen it. Reply: as for 'transition'.
 *
 * { 'replace', digest of the value before, id, value (bulk, likewise), end, key digest to block or '', change or 0, audit }: replaces a value that
 * is unchanged since the caller has seen it. change: see `feed`. Reply: 0 stored; { 1, value or false } it has changed.
 */
export const transitionOperations = `
local function rewrite(id, before, value, finish)
  local number = u48(before, PLACE)
  -- Place and marks are kept.
  call('SET', K.record .. id, sub(value, 1, PLACE - 1) .. sub(before, PLACE, body_at(before) - 1) .. sub(value, MARKS))
  -- A request that has ended never resumes (TRANSITIONS), so an end is only ever added.
  if u48(before, ENDED) == 0 then ends(finish, id) end
  local was, is = byte(before, STATE), byte(value, STATE)
  if was == is then return end
  if was ~= 0 then call('ZREM', K.states .. was, id) end
  if is ~= 0 then call('ZADD', K.states .. is, number, id) end
end

function operations.transition(o)
  local value = call('GET', K.record .. o[3])
  if not value then return 1 end
  if byte(value, STATE) ~= o[2] then return { 2, value } end
  if o[6] ~= '' and call('SISMEMBER', K.blocked, o[6]) == 1 then return 3 end
  if o[7] ~= 0 then
    local before, lost = objects_before(o[7])
    if not before then return 3 + lost end
    change_objects(o[7], before)
  end
  rewrite(o[3], value, bulk(o[4]), o[5])
  audit(o[8])
  return 0
end

function operations.amend(o)
  local value = call('GET', K.record .. o[3])
  if not value then return 1 end
  if byte(value, STATE) ~= o[2] or redis.sha1hex(sub(value, body_at(value))) ~= o[4] then return { 2, value } end
  rewrite(o[3], value, bulk(o[5]), 0)
  audit(o[6])
  return 0
end

function operations.replace(o)
  local value = call('GET', K.record .. o[3])
  if not value or redis.sha1hex(value) ~= o[2] then return { 1, value } end
  if o[7] ~= 0 then feed(o[7]) end
  rewrite(o[3], value, bulk(o[4]), o[5])
  if o[6] ~= '' then block(o[6]) end
  audit(o[8])
  return 0
end
`;
