-- For wrk: sends the requests of a file, one a line, each once: path, and for signed ones three
-- headers, and for a POST its JSON, with tabs between them. Prints what came of it as one JSON line.

local requests, turn = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local fields = {}
    for field in line:gmatch("[^\t]+") do fields[#fields + 1] = field end
    local headers = {["Host"] = "gateway"}
    if fields[2] then
      headers["Content-Digest"] = fields[2]
      headers["Signature-Input"] = fields[3]
      headers["Signature"] = fields[4]
    end
    if fields[5] then headers["Content-Type"] = "application/json" end
    requests[#requests + 1] = wrk.format(fields[5] and "POST" or "GET", fields[1], headers, fields[5])
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
