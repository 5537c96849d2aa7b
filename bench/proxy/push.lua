-- wrk: the same body to ten groups in turn. What differs by target comes from the environment, set by load.py.
local file = io.open(os.getenv("BENCH_BODY"), "rb")
local body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = "text/plain; version=0.0.4"
if os.getenv("BENCH_LOGIN") then wrk.headers["Authorization"] = "Basic " .. os.getenv("BENCH_LOGIN") end
local requests, turn = {}, 0
init = function()
    for i = 1, 10 do requests[i] = wrk.format(nil, "/metrics/job/bench/instance/h" .. i, nil, body) end
end
request = function()
    turn = turn % 10 + 1
    return requests[turn]
end
done = function(summary, latency)
    local errors = summary.errors
    io.write(string.format('RESULT {"pushes": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}\n',
        summary.requests, summary.duration / 1e6, errors.status + errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
