import { CLOCKS_APART } from '../../store.ts';

/**
 * A lease: expiry (milliseconds, 6 octets), fence (6), name of the holder (32, zeros if there is none). It is kept after its release, since its fence must
 * never decrease.
 *
 * { 'acquire', name, name of the holder, now, ttl }. Reply: the fence, or 0 if another one holds it.
 * { 'release', name, name of the holder }. Reply: 0.
 */
export const leaseOperations = `
local NOBODY = string.rep('\\0', 32)

function operations.acquire(o)
  local held = call('HGET', K.leases, o[2]) or pack('>I6I6', 0, 0) .. NOBODY
  local ends = u48(held, 1)
  local stands = sub(held, 13) ~= NOBODY and ends > o[4] and ends <= o[4] + o[5] + ${CLOCKS_APART}
  if stands and sub(held, 13) ~= o[3] then return 0 end
  -- An expired lease gets a new fence even for its last holder, since it was free in between.
  local fence = u48(held, 7)
  if not stands then fence = fence + 1 end
  call('HSET', K.leases, o[2], pack('>I6I6', o[4] + o[5], fence) .. o[3])
  return fence
end

function operations.release(o)
  local held = call('HGET', K.leases, o[2])
  if held and sub(held, 13) == o[3] then call('HSET', K.leases, o[2], pack('>I6', 0) .. sub(held, 7, 12) .. NOBODY) end
  return 0
end
`;
