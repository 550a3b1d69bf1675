/**
 * Tokens and API keys, as encoded in `credentials.ts`: uses taken (4 octets), uses allowed (4), end (6), revoked at (6, 0 if not
 * revoked), place (6), record (JSON).
 *
 * { 'create', 't' or 'k', name, value, claim or 0, now (ms), audit }; claim: { name, fingerprint, expires (s), encoded }
 * Reply: 0 stored; { 1, value } the existing one that the claim refers to; 2 conflict; 3 the name is taken.
 *
 * { 'revoke', 't' or 'k', name, at (ms), audit }. Reply: value, or false if there is none.
 */
export const credentialOperations = `
local USED, USES, EXPIRES, REVOKED, CREDENTIAL_PLACE = 1, 5, 9, 15, 21
local CREDENTIALS = { t = { key = K.token, places = K.tokens, ends = K.tokenEnds }, k = { key = K.apiKey, places = K.apiKeys } }

-- Uses taken so far, if the token may yield another certificate.
local function token_use(name, now)
  local value = call('GETRANGE', K.token .. name, 0, 19)
  if value == '' or u48(value, REVOKED) ~= 0 or u48(value, EXPIRES) <= now then return end
  local used, uses = unpack_bytes('>I4I4', value)
  if used < uses then return used end
end

local function count_use(name, used)
  call('SETRANGE', K.token .. name, 0, pack('>I4', used + 1))
end

-- A token ends when it expires, or earlier when it is revoked.
local function put_token_end(kind, name, value)
  if not kind.ends then return end
  local expires, revoked = u48(value, EXPIRES), u48(value, REVOKED)
  call('ZADD', kind.ends, decimal(revoked ~= 0 and math.min(revoked, expires) or expires), name)
end

function operations.create(o)
  local kind, name, value, claim, now = CREDENTIALS[o[2]], o[3], o[4], o[5], o[6]
  if claim ~= 0 then
    local held = call('HGET', K.credentialClaims, claim[1])
    if held and u48(held, 1) * 1000 > now then
      local first = call('GET', kind.key .. sub(held, 8, 39))
      if first then
        if sub(held, 40) == claim[2] then return { 1, first } end
        return 2
      end
    end
  end
  if call('EXISTS', kind.key .. name) == 1 then return 3 end
  local number = call('HINCRBY', KEYS[1], META.credentialPlace, 1)
  value = sub(value, 1, CREDENTIAL_PLACE - 1) .. pack('>I6', number) .. sub(value, CREDENTIAL_PLACE + 6)
  call('SET', kind.key .. name, value)
  call('ZADD', kind.places, number, name)
  put_token_end(kind, name, value)
  if claim ~= 0 then
    call('HSET', K.credentialClaims, claim[1], claim[4])
    call('ZADD', K.credentialClaimEnds, decimal(claim[3] * 1000), claim[1])
  end
  audit(o[7])
  return 0
end

function operations.revoke(o)
  local kind, name = CREDENTIALS[o[2]], o[3]
  local value = call('GET', kind.key .. name)
  if not value then return false end
  -- The time of the first revocation is kept, and only the first is logged.
  if u48(value, REVOKED) ~= 0 then return value end
  value = sub(value, 1, REVOKED - 1) .. pack('>I6', o[4]) .. sub(value, REVOKED + 6)
  call('SET', kind.key .. name, value)
  put_token_end(kind, name, value)
  audit(o[5])
  return value
end
`;
