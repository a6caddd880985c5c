#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Ten thousand connections that are idle or never finish a request: others are served, and slow ones
# are closed.
. "$(dirname "$0")/shop.sh"
status=- body=-
start_shop
limit=$(ulimit -Hn)
count=10000
[ "$limit" = unlimited ] || [ "$limit" -gt 21000 ] || count=$((limit / 2 - 500))
name=$([ "$FORM" = fleet ] && echo gateway || echo shop)
before=$(awk '/VmRSS/ {print $2}' "/proc/$(cat "$work/$name.pid")/status")

mkfifo "$work/hold"
"$(dirname "$ARGOSY")/tests/idle_connections" "${gateway#*:}" "$count" <"$work/hold" >"$work/idle.out" &
idle=$!
exec 4>"$work/hold"
for _ in $(seq 200); do grep -q open "$work/idle.out" && break; sleep 0.1; done
check "$count connections are open" grep -qx "open $count" "$work/idle.out"

for _ in 1 2 3; do api GET /products; expect 200; done
after=$(awk '/VmRSS/ {print $2}' "/proc/$(cat "$work/$name.pid")/status")
echo "  $count idle connections took $((after - before)) kB"

# A client that has begun a request has ten seconds to complete its header.
sleep 11
curl -s "http://$admin/metrics" >"$work/metrics"
slow=$(awk '/^argosy_http_refused_total/ && /slow|timeout/ {sum += $2} END {print sum + 0}' "$work/metrics")
check "the slow ones are closed and counted ($slow)" [ "$slow" -ge $((count / 10)) ]
api GET /products; expect 200
exec 4>&-
wait $idle
