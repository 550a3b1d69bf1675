-- Sends one prepared request after another, and counts the replies with a status other than expected.
--   wrk … -s ask.lua URL -- <file of requests, one a line, in hex> <status expected>

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  requests, at = {}, 0
  for line in io.lines(args[1]) do
    table.insert(requests, (line:gsub("..", function(octet) return string.char(tonumber(octet, 16)) end)))
  end
  expected = tonumber(args[2])
  wrong = 0
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status, headers, body)
  if status ~= expected then
    wrong = wrong + 1
    if wrong <= 3 then io.stderr:write("status ", status, "\n") end
  end
end

function done(summary, latency)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("wrong") end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"wrong":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), wrong,
    errors.connect + errors.read + errors.write + errors.timeout))
end
