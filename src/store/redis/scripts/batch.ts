import type { Script } from '../link/link.ts';
import { acceptOperation } from './accept.ts';
import { common } from './common.ts';
import { credentialOperations } from './credentials.ts';
import { crlOperations } from './crls.ts';
import { leaseOperations } from './leases.ts';
import { objectOperations } from './objects.ts';
import { smallOperations } from './small.ts';
import { loadOperations } from './transfer.ts';
import { transitionOperations } from './transition.ts';

/** Log lines per stream entry, so that reading a few lines is quick. */
const LINES_MOST = 32;

/** First element of the reply of an operation that failed, followed by the reason. */
export const FAILED = -1;

/** Redis error codes that mean that writing is impossible now. */
const REFUSES_WRITES = ['OOM', 'MISCONF', 'READONLY', 'NOREPLICAS', 'MASTERDOWN'];

/**
 * One batch of writes, each all or nothing: an operation reads and decides first, then writes only what it decided. What each operation appends to a list
 * (places, ends, log lines) is collected and written once for all.
 *
 * KEYS[1]: meta. ARGV[1]: prefix of all keys. ARGV[2]: operations (MessagePack), each { name, ... }. ARGV[3]: the place preceding the first of those that
 * the requests to be accepted already contain, in order. From ARGV[4] on: bulk values.
 * Reply: { the newest log line before, META.link before, and after, the last place, the reply of each operation, which
 * operations wrote lines }.
 */
export const batchScript: Script = {
  name: 'batch',
  source: `${common}
local orders = call('HMGET', KEYS[1], META.place, META.sequence, META.link)
local place, sequence, link = tonumber(orders[1] or 0), tonumber(orders[2] or 0), orders[3] or ''
local first_place, first_sequence, first_link = place, sequence, link
local lines, arrived, ending, ending_order = {}, {}, {}, {}
local operations = {}

-- Octets passed as an argument of their own.
local function bulk(number) return ARGV[number + 3] end
-- The place already encoded in the value of the current request.
local predicted = tonumber(ARGV[3])

local function audit(more)
  for at = 1, #more do lines[#lines + 1] = more[at] end
end

-- Records when the request ends (milliseconds; 0: not yet).
local function ends(finish, id)
  if finish == 0 then return end
  local bucket = floor(finish / END_BUCKET)
  local list = ending[bucket]
  if not list then
    list = {}
    ending[bucket] = list
    ending_order[#ending_order + 1] = bucket
  end
  list[#list + 1] = id
end
${objectOperations}${credentialOperations}${acceptOperation}${crlOperations}${transitionOperations}${leaseOperations}${smallOperations}${loadOperations}
local FAILED = ${FAILED}
local replies, written, all = {}, {}, cmsgpack.unpack(ARGV[2])
look_for_blocked(all)
for at, operation in ipairs(all) do
  local before = #lines
  -- Any other operation may revoke what a guard refers to.
  if operation[1] ~= 'accept' then guarded = {} end
  local done, reply = pcall(operations[operation[1]], operation)
  if not done then
    local message = type(reply) == 'table' and reply.err or tostring(reply)
    -- If Redis refuses writes, nothing of this batch has been written: only a script's first write can be refused.
    for _, code in ipairs({ ${REFUSES_WRITES.map((code) => `'${code}'`).join(', ')} }) do
      if string.find(message, code .. ' ', 1, true) then error(reply) end
    end
    -- Somebody else has stored another type under one of our keys: this does not affect the other operations.
    reply = { FAILED, message }
  end
  replies[at] = reply
  if #lines > before then written[#written + 1] = at end
end
write_quotas()

-- unpack() is limited to a few thousand values.
local MOST = 1000
if #arrived > 0 then
  local at = 1
  while at <= #arrived do
    local number = first_place + at
    local chunk = floor(number / CHUNK)
    local last = math.min(#arrived, at + CHUNK - number % CHUNK - 1)
    local length = call('RPUSH', K.places .. decimal(chunk), unpack(arrived, at, last))
    if length == last - at + 1 then call('ZADD', K.chunks, chunk, decimal(chunk)) end
    at = last + 1
  end
end
for _, bucket in ipairs(ending_order) do
  local list = ending[bucket]
  local text = decimal(bucket)
  for at = 1, #list, MOST do
    local length = call('RPUSH', K.ending .. text, unpack(list, at, math.min(#list, at + MOST - 1)))
    if length <= MOST then call('ZADD', K.ends, bucket, text) end
  end
end
for at = 1, #lines, ${LINES_MOST} do
  local last = math.min(#lines, at + ${LINES_MOST - 1})
  local some = table.concat(lines, '\\n', at, last)
  call('XADD', K.audit, decimal(sequence + last) .. '-0', 'l', some)
  link = redis.sha1hex(link .. some)
end
sequence = sequence + #lines
if place ~= first_place then call('HSET', KEYS[1], META.place, decimal(place)) end
if sequence ~= first_sequence then call('HSET', KEYS[1], META.sequence, decimal(sequence), META.link, link) end
return { first_sequence, first_link, link, place, replies, written }
`,
};
