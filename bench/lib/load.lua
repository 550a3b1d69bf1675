-- Sends one CSR after another, counts the replies that are not certificates, and keeps every 997th reply.
--   wrk … -s load.lua URL -- <file of CSRs> <member of the JSON body> <status expected> <file for samples> [<Authorization>]

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  csrs = assert(io.open(args[1]))
  before, after = '{"' .. args[2] .. '":"', '"}'
  expected = tonumber(args[3])
  samples = assert(io.open(args[4], "a"))
  answered, wrong, again = 0, 0, 0
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  if args[5] then wrk.headers["Authorization"] = args[5] end
  -- The head is built once; only length and body vary.
  head = wrk.format():gsub("\r\n\r\n$", "\r\n"):gsub("Content%-Length: %d+\r\n", "")
end

function request()
  local csr = csrs:read()
  if not csr then
    again = again + 1
    csrs:seek("set", 0)
    csr = csrs:read()
  end
  local body = before .. csr .. after
  return head .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function response(status, headers, body)
  answered = answered + 1
  if status ~= expected then
    wrong = wrong + 1
    if wrong <= 3 then io.stderr:write("status ", status, ": ", body, "\n") end
  elseif answered % 997 == 1 then
    samples:write(body, body:sub(-1) == "\n" and "" or "\n")
    samples:flush()
  end
end

function done(summary, latency, requests)
  local wrong, again = 0, 0
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    again = again + thread:get("again")
  end
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"worst":%d,"wrong":%d,"again":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, wrong, again,
    errors.connect + errors.read + errors.write + errors.timeout))
end
