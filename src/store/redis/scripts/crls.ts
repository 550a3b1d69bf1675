/**
 * { 'add', authority, serial, revision that the caller has seen (0: none), change, audit }.
 * Reply: the new revision, or 0 if the latest change is a different one.
 *
 * { 'drop', authority, serials }: see `CrlStore.drop`. Reply: the number removed.
 *
 * { 'publish', authority, documents, audit }; a document: { field of its head, head (JSON), field of its sequence, the sequence as the caller
 * has seen it or '', the new sequence, key of the bytes, their length, the bytes (bulk) or 0 if they are stored already }
 * Reply: 0 stored; 1 a sequence has advanced; 2 bytes are missing.
 *
 * { 'retire', authority, fields of heads, audit }. Reply: 0.
 * { 'shards', authority, field, value that the caller has seen or '', new value or '' for none }. Reply: 0 stored; 1 the value has changed.
 */
export const crlOperations = `
-- Makes this the latest change of a serial, at the end of the authority's feed. change: { authority, serial, octets }
local function feed(change)
  local authority, serial = change[1], change[2]
  local revision = call('HINCRBY', K.crl .. authority, CRL.revision, 1)
  call('ZADD', K.feed .. authority, revision, serial)
  call('HSET', K.changes .. authority, serial, change[3])
  return revision
end

function operations.add(o)
  if tonumber(call('ZSCORE', K.feed .. o[2], o[3]) or 0) ~= o[4] then return 0 end
  local revision = feed({ o[2], o[3], o[5] })
  audit(o[6])
  return revision
end

local REMOVE_FROM_CRL = 8

function operations.drop(o)
  local authority = o[2]
  local hash = K.crl .. authority
  local fields = call('HGETALL', hash)
  -- A delta supplements a full CRL: only its bases determine what must be kept.
  local this_update, revision, base
  local function least(one, other) return math.min(one or other, other) end
  for at = 1, #fields, 2 do
    if sub(fields[at], 1, 1) == CRL.head then
      local head = cjson.decode(fields[at + 1])
      if head.document ~= 'delta' then
        this_update, revision = least(this_update, head.thisUpdate), least(revision, head.revision)
      end
      for _, one in ipairs(head.bases or {}) do base = least(base, one.revision) end
    end
  end
  if not revision then return 0 end
  local dropped, floor_was = 0, tonumber(call('HGET', hash, CRL.floor) or 0)
  local lowest = floor_was
  for _, serial in ipairs(o[3]) do
    local changed = tonumber(call('ZSCORE', K.feed .. authority, serial) or 2^53)
    if changed <= revision then
      local change = call('HGET', K.changes .. authority, serial)
      local release = byte(change, 13) == REMOVE_FROM_CRL
      local due
      if release then due = not base or changed <= base else due = u48(change, 7) < this_update end
      if due then
        call('ZREM', K.feed .. authority, serial)
        call('HDEL', K.changes .. authority, serial)
        if release then lowest = math.max(lowest, changed) end
        dropped = dropped + 1
      end
    end
  end
  if lowest ~= floor_was then call('HSET', hash, CRL.floor, decimal(lowest)) end
  return dropped
end

-- Frees the bytes of the document whose head is in this field.
local function unlink_document(authority, field)
  local head = call('HGET', K.crl .. authority, field)
  if not head then return false end
  call('UNLINK', K.document .. authority .. sub(field, 2) .. cjson.decode(head).generation)
  return true
end

function operations.publish(o)
  local authority = o[2]
  local hash = K.crl .. authority
  for _, document in ipairs(o[3]) do
    if (call('HGET', hash, document[3]) or '') ~= document[4] then return 1 end
    if document[8] == 0 and call('STRLEN', document[6]) ~= document[7] then return 2 end
  end
  for _, document in ipairs(o[3]) do
    if document[8] == 0 then call('PERSIST', document[6]) else call('SET', document[6], bulk(document[8])) end
    unlink_document(authority, document[1])
    call('HSET', hash, document[1], document[2], document[3], document[5])
  end
  call('HINCRBY', hash, CRL.publications, 1)
  audit(o[4])
  return 0
end

function operations.retire(o)
  local authority, there = o[2], false
  for _, field in ipairs(o[3]) do
    if unlink_document(authority, field) then
      there = true
      call('HDEL', K.crl .. authority, field)
    end
  end
  if there then
    call('HINCRBY', K.crl .. authority, CRL.publications, 1)
    audit(o[4])
  end
  return 0
end

function operations.shards(o)
  local hash = K.crl .. o[2]
  if (call('HGET', hash, o[3]) or '') ~= o[4] then return 1 end
  if o[5] == '' then call('HDEL', hash, o[3]) else call('HSET', hash, o[3], o[5]) end
  return 0
end
`;
