#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The carts on Redis behind Sentinel, while customers check out: the master is killed again and again, a replica takes over,
# and the old master comes back, in turn as a replica and as the master that it believes itself to be, until the Sentinels
# tell it. With wait=1 the carts lose nothing that was acknowledged. Starts servers of its own.
#
#   tests/faults/sentinel.sh [TIMES]      how often (default 2)
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
[ -n "${ARGOSY_TEST_REDIS:-}" ] || { echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"; exit 0; }
servers=$(mktemp -d "${TMPDIR:-/tmp}/argosy-sentinel.XXXXXX")
end_servers() { "$engines/sentinel.sh" stop "$servers"; rm -rf "$servers"; }
trap end_servers EXIT
setting=$("$engines/sentinel.sh" start "$servers") || exit 1
redis_url="${setting#*=}?wait=1"
end_more=end_servers
. "$here/fleet.sh"

master() { "$engines/sentinel.sh" master "$servers"; }
another_is_master() { local now; now=$(master) && [ "$now" != "$1" ]; }

start_load
for round in $(seq "${1:-2}"); do
  old=$(master)
  "$engines/sentinel.sh" kill "$servers" "$old"
  begun=$(date +%s%N)
  check "round $round: another master" within 20 another_is_master "$old"
  goes_on "round $round: another master took over"
  echo "sentinel, round $round: orders are confirmed again after $((($(date +%s%N) - begun) / 1000000)) ms, $(confirmed) by now"
  "$engines/sentinel.sh" bring "$servers" "$old" "$([ $((round % 2)) = 0 ] || echo as-replica)"
  check "round $round: the old master follows" within 40 "$engines/sentinel.sh" whole "$servers"
  goes_on "round $round: the old master follows"
done
end_load
