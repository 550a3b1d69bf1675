/**
 * SHA-256 (FIPS 180-4) in Lua, some 50 us for a short text: only for the few names that a script encounters and no caller could supply.
 * `sha256(text)` returns 32 octets.
 */
export const sha256 = `
local SHA_K = {}
local SHA_START = {}
do
  -- The first 32 bits of the fractional parts of the cube (and square) roots of the first 64 (and 8) primes.
  local function fraction(root)
    return floor((root - floor(root)) * 2^32)
  end
  local number, found = 2, 0
  while found < 64 do
    local prime = true
    for divisor = 2, floor(math.sqrt(number)) do
      if number % divisor == 0 then prime = false break end
    end
    if prime then
      found = found + 1
      SHA_K[found] = fraction(number^(1/3))
      if found <= 8 then SHA_START[found] = fraction(math.sqrt(number)) end
    end
    number = number + 1
  end
end

local function sha256(text)
  local band, bxor, bnot, ror, rshift, tobit = bit.band, bit.bxor, bit.bnot, bit.ror, bit.rshift, bit.tobit
  local padded = text .. '\\128' .. string.rep('\\0', (55 - #text) % 64) .. pack('>I4I4', 0, #text * 8)
  local h = {}
  for at = 1, 8 do h[at] = tobit(SHA_START[at]) end
  for block = 1, #padded, 64 do
    local w = { unpack_bytes('>I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4', padded, block) }
    for at = 17, 64 do
      local near, far = w[at - 15], w[at - 2]
      local s0 = bxor(ror(near, 7), ror(near, 18), rshift(near, 3))
      local s1 = bxor(ror(far, 17), ror(far, 19), rshift(far, 10))
      w[at] = tobit(w[at - 16] + s0 + w[at - 7] + s1)
    end
    local a, b, c, d, e, f, g, i = unpack(h)
    for at = 1, 64 do
      local t1 = i + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g)) + SHA_K[at] + w[at]
      local t2 = bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c), band(b, c))
      i, g, f, e, d, c, b, a = g, f, e, tobit(d + t1), c, b, a, tobit(t1 + t2)
    end
    for at, value in ipairs({ a, b, c, d, e, f, g, i }) do h[at] = tobit(h[at] + value) end
  end
  local octets = {}
  for at = 1, 8 do octets[at] = pack('>I4', h[at] % 2^32) end
  return table.concat(octets)
end
`;
