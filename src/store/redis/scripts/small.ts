/**
 * { 'audit', lines }. Reply: 0.
 * { 'block', key digest, audit }: the lines are written only if the key was not blocked yet. Reply: 0.
 * { 'seal', META.sealed that the caller has seen or '', sequence, hash (hex), seals }: the hash of a line; seals: { sequence, hash
 * octets } of each SEAL_EVERY-th line since the last one sealed. If that has changed, nothing is written: hashes follow from the
 * lines alone, so it does not matter who writes them. Reply: 0.
 *
 * { 'announce', id, seen at (ms, 6 octets) and entry, remove those not seen since (ms) }. Reply: 0.
 * { 'leave', id }. Reply: 0.
 */
export const smallOperations = `
function operations.audit(o)
  audit(o[2])
  return 0
end

function operations.block(o)
  if block(o[2]) == 1 then audit(o[3]) end
  return 0
end

function operations.seal(o)
  if (call('HGET', KEYS[1], META.sealed) or '') ~= o[2] or o[3] > sequence + #lines then return 0 end
  for _, seal in ipairs(o[5]) do call('XADD', K.seals, decimal(seal[1]) .. '-0', 'h', seal[2]) end
  call('HSET', KEYS[1], META.sealed, decimal(o[3]) .. ' ' .. o[4])
  return 0
end

function operations.announce(o)
  local replicas = call('HGETALL', K.replicas)
  for at = 1, #replicas, 2 do
    if u48(replicas[at + 1], 1) < o[4] then call('HDEL', K.replicas, replicas[at]) end
  end
  call('HSET', K.replicas, o[2], o[3])
  return 0
end

function operations.leave(o)
  call('HDEL', K.replicas, o[2])
  return 0
end
`;
