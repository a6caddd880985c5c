-- SPDX-License-Identifier: Apache-2.0
-- For wrk: prints one line that a program can read: requests, requests a second, the 50th and 99th percentile in
-- milliseconds, and errors of any kind.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %.1f %.3f %.3f %d\n", summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
