import type { Script } from '../link/link.ts';
import { common } from './common.ts';
import { sha256 } from './sha256.ts';

/**
 * Lines of the log and, in the same view, everything that they refer to, and objects: see `TransferStore.changes`.
  *
 * KEYS[1]: meta. ARGV[1]: prefix. ARGV[2]: the line to start after. ARGV[3]: the number of lines, and of objects, at most. ARGV[4]: the
 * object change to start after. ARGV[5], ARGV[6], …: name and text of each authority. Reply: { the log's newest line, lines, values of requests,
 * of tokens, of API keys, digests of blocked keys, { authority, serial, revision, change, … }, { authority, fields of its hash, … },
 * { name, claim, … }, { number of its change, object, … } }; an authority is given by its index, from 0
 */
export const thingsScript: Script = {
  name: 'things',
  source: `${common}${sha256}
local after, most = tonumber(ARGV[2]), tonumber(ARGV[3])
local newest = tonumber(call('HGET', KEYS[1], META.sequence) or 0)
local lines, subjects, credentials, made = {}, {}, {}, false
local from = after + 1
while #lines < most and from <= newest do
  local entries = call('XRANGE', K.audit, decimal(from), '+', 'COUNT', 8)
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local last = tonumber(string.match(entry[1], '^%d+'))
    local inside = {}
    for line in string.gmatch(entry[2][2], '[^\\n]+') do inside[#inside + 1] = line end
    local first = last - #inside + 1
    for at, line in ipairs(inside) do
      if first + at - 1 >= from and #lines < most then lines[#lines + 1] = line end
    end
    from = last + 1
  end
end
for _, line in ipairs(lines) do
  local draft = cjson.decode(line)
  subjects[draft[4]] = true
  local token = string.match(draft[3], '^enrolment%-token:(.*)$')
  if token then credentials[token] = true end
  -- An id may look like a serial.
  if string.find(draft[2], '^token%.') or string.find(draft[2], '^api%-key%.') then
    credentials[draft[4]] = true
    made = made or string.find(draft[2], '%.created$')
  end
end

local function octets(hex)
  return (string.gsub(hex, '..', function(two) return char(tonumber(two, 16)) end))
end
local requests, tokens, keys, blocked, changes, authorities, claims = {}, {}, {}, {}, {}, {}, {}
local names = {}
for subject in pairs(subjects) do
  local hex = #subject % 2 == 0 and not string.find(subject, '[^0-9a-f]')
  if hex and #subject > 0 and #subject <= 40 then
    local id = octets(subject)
    local value = call('GET', K.record .. id)
    if value then requests[#requests + 1] = value end
    for at = 5, #ARGV, 2 do
      local revision = call('ZSCORE', K.feed .. ARGV[at], id)
      if revision then
        for _, one in ipairs({ (at - 5) / 2, id, revision, call('HGET', K.changes .. ARGV[at], id) }) do changes[#changes + 1] = one end
      end
    end
  elseif hex and #subject == 64 then
    if call('SISMEMBER', K.blocked, octets(subject)) == 1 then blocked[#blocked + 1] = octets(subject) end
  end
  for at = 6, #ARGV, 2 do
    if ARGV[at] == subject then
      authorities[#authorities + 1] = (at - 6) / 2
      authorities[#authorities + 1] = call('HGETALL', K.crl .. ARGV[at - 1])
    end
  end
end
for id in pairs(credentials) do
  local name = sha256(id)
  names[name] = true
  local token, key = call('GET', K.token .. name), call('GET', K.apiKey .. name)
  if token then tokens[#tokens + 1] = token end
  if key then keys[#keys + 1] = key end
end
if made then
  local all = call('HGETALL', K.credentialClaims)
  for at = 1, #all, 2 do
    if names[sub(all[at + 1], 8, 39)] then
      claims[#claims + 1] = all[at]
      claims[#claims + 1] = all[at + 1]
    end
  end
end
local objects = {}
local feed = call('ZRANGEBYSCORE', K.objectFeed, '(' .. ARGV[4], '+inf', 'WITHSCORES', 'LIMIT', 0, most)
for at = 1, #feed, 2 do
  objects[at] = feed[at + 1]
  objects[at + 1] = call('GET', K.object .. feed[at])
end
return { newest, lines, requests, tokens, keys, blocked, changes, authorities, claims, objects }
`,
};

/**
 * Content of another store. `seen`: SHA-1 of the value that the caller has seen, '' for none; if the value has changed, the reply
 * is 1 and nothing is written, otherwise 0.
 *
 * { 'load', id, seen, value (bulk), end }: a request with all of its marks.
 * { 'load-credential', 't' or 'k', name, seen, value }
 * { 'load-claim', name, expires (s), value }: reply 0 added, 1 replaced another, 2 there is a later one.
 * { 'load-quota', end, field, count }: likewise, by the count.
 * { 'load-block', digest }: reply 0 added, 2 already present.
 * { 'load-change', authority, serial, revision, change }: reply 0 added, 1 replaced an earlier one, 2 the same one is present, 3 a later one is.
 * { 'load-standing', authority, revision, floor, fields and values }: values that are higher here are kept. Reply 0.
 * { 'load-lines', the newest line that the caller has seen, lines }
 * { 'mark', text or '' }. Reply: 0.
 */
export const loadOperations = `
local function is_seen(value, seen)
  return (value and redis.sha1hex(value) or '') == seen
end

operations['load'] = function(o)
  local id, value = o[2], bulk(o[4])
  local key = K.record .. id
  local before = call('GET', key)
  if not is_seen(before, o[3]) then return 1 end
  local number, was, ended = nil, 0, 0
  if before then
    number, was, ended = u48(before, PLACE), byte(before, STATE), u48(before, ENDED)
  else
    place = place + 1
    number = place
    arrived[#arrived + 1] = id
  end
  call('SET', key, value)
  call('SETRANGE', key, PLACE_OFFSET, pack('>I6', number))
  local is = byte(value, STATE)
  if was ~= is and was ~= 0 then call('ZREM', K.states .. was, id) end
  if was ~= is and is ~= 0 then call('ZADD', K.states .. is, number, id) end
  if ended == 0 then ends(o[5], id) end
  local at, marks_end = MARKS, body_at(value)
  while at < marks_end do
    local name = sub(value, at, at + 31)
    local high, low = byte(value, at + 40, at + 41)
    at = at + 42 + high * 256 + low
    local hash, field = claim_at(name)
    local holder = call('HGET', hash, field)
    local created = holder and holder ~= id and call('GETRANGE', K.record .. holder, 0, 12) or ''
    -- If two requests have had it, the later one took it over.
    if created == '' or u48(created, CREATED) <= u48(value, CREATED) then call('HSET', hash, field, id) end
  end
  return 0
end

operations['load-credential'] = function(o)
  local kind, name, value = CREDENTIALS[o[2]], o[3], o[5]
  local before = call('GET', kind.key .. name)
  if not is_seen(before, o[4]) then return 1 end
  local number = before and u48(before, CREDENTIAL_PLACE) or call('HINCRBY', KEYS[1], META.credentialPlace, 1)
  value = sub(value, 1, CREDENTIAL_PLACE - 1) .. pack('>I6', number) .. sub(value, CREDENTIAL_PLACE + 6)
  call('SET', kind.key .. name, value)
  call('ZADD', kind.places, number, name)
  put_token_end(kind, name, value)
  return 0
end

operations['load-claim'] = function(o)
  local before = call('HGET', K.credentialClaims, o[2])
  if before and u48(before, 1) >= o[3] then return 2 end
  call('HSET', K.credentialClaims, o[2], o[4])
  call('ZADD', K.credentialClaimEnds, decimal(o[3] * 1000), o[2])
  return before and 1 or 0
end

operations['load-quota'] = function(o)
  local window = decimal(o[2])
  local before = tonumber(call('HGET', K.quota .. window, o[3]) or 0)
  if before >= o[4] then return 2 end
  call('HSET', K.quota .. window, o[3], decimal(o[4]))
  call('ZADD', K.quotas, o[2], window)
  return before > 0 and 1 or 0
end

operations['load-block'] = function(o)
  return block(o[2]) == 1 and 0 or 2
end

operations['load-change'] = function(o)
  local authority, serial, revision = o[2], o[3], o[4]
  local before = tonumber(call('ZSCORE', K.feed .. authority, serial) or 0)
  if before > revision then return 3 end
  if before == revision then return 2 end
  local hash = K.crl .. authority
  local newest = tonumber(call('HGET', hash, CRL.revision) or 0)
  -- If another serial has that revision, the change goes to the end.
  if #call('ZRANGEBYSCORE', K.feed .. authority, decimal(revision), decimal(revision), 'LIMIT', 0, 1) > 0 then revision = newest + 1 end
  call('ZADD', K.feed .. authority, decimal(revision), serial)
  call('HSET', K.changes .. authority, serial, o[5])
  if revision > newest then call('HSET', hash, CRL.revision, decimal(revision)) end
  return before > 0 and 1 or 0
end

operations['load-standing'] = function(o)
  local hash = K.crl .. o[2]
  local function raise(field, value)
    if tonumber(call('HGET', hash, field) or 0) < value then call('HSET', hash, field, decimal(value)) end
  end
  raise(CRL.revision, o[3])
  raise(CRL.floor, o[4])
  for at = 1, #o[5], 2 do call('HSET', hash, o[5][at], o[5][at + 1]) end
  return 0
end

operations['load-lines'] = function(o)
  if sequence + #lines ~= o[2] then return 1 end
  audit(o[3])
  return 0
end

operations['load-object'] = function(o)
  local before = call('GET', K.object .. o[2])
  if not is_seen(before, o[3]) then return 1 end
  put_object(o[2], o[4], before, false)
  return 0
end

operations['mark'] = function(o)
  if o[2] == '' then call('HDEL', KEYS[1], META.loading) else call('HSET', KEYS[1], META.loading, o[2]) end
  return 0
end
`;
