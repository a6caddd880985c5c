#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Few file descriptors: with too few the shop refuses to start and says why. Otherwise it reserves
# some for the admin port and the stores, uses no processor time while connections hold the rest,
# and ends at SIGTERM.
. "$(dirname "$0")/shop.sh"
status=- body=-
export ARGOSY_SHARDS=2

listens=(GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0)
for service in "${services[@]}"; do listens+=("${service^^}_LISTEN=127.0.0.1:0"); done
(ulimit -n 64 && env "${listens[@]}" "$ARGOSY" serve >"$work/few.out" 2>&1)
check "64 descriptors do not start" [ $? -ne 0 ]
check "the limit and the remedy are named" grep -q 'may open 64 files .*ulimit -n' "$work/few.out"
needs=$(sed -n 's/.* needs \([0-9]*\) at least.*/\1/p' "$work/few.out")
(ulimit -n "$needs" && exec env "${listens[@]}" "$ARGOSY" serve >"$work/named.out" 2>"$work/named.log") &
for _ in $(seq 200); do grep -q '"ready"' "$work/named.log" && break; kill -0 $! 2>/dev/null || break; sleep 0.05; done
check "as many as were named start it" grep -q '"ready"' "$work/named.log"
kill $! && wait $!
check "and it ends" [ $? -eq 0 ]

ulimit -n 300
start_single
pid=$(cat "$work/shop.pid")
base=http://$gateway
check "few connections are warned of" grep -q 'few connections can be open' "$work/shop.log"

mkfifo "$work/hold"
"$(dirname "$ARGOSY")/tests/idle_connections" "${gateway#*:}" 280 <"$work/hold" >"$work/idle.out" &
idle=$!
exec 4>"$work/hold"
for _ in $(seq 100); do grep -q open "$work/idle.out" && break; sleep 0.1; done
check "280 connections are open or wait" grep -qx "open 280" "$work/idle.out"

ticks() { awk '{print $14 + $15}' "/proc/$pid/stat"; }
before=$(ticks)
sleep 2
used=$(($(ticks) - before))
check "waiting takes no processor time ($used ticks of 200)" [ "$used" -lt 20 ]
for _ in 1 2 3; do api GET /products; expect 200; done
check "the admin port answers" curl -sf --max-time 5 -o "$work/metrics" "http://$admin/metrics"
check "the refusals are counted" grep -q 'argosy_http_refused_total{server="gateway",reason="descriptors"} [1-9]' "$work/metrics"
check "and logged, at a bounded rate" [ "$(grep -c 'no file descriptor is free' "$work/shop.log")" -le 4 ]
check "at all" grep -q 'no file descriptor is free' "$work/shop.log"

began=$(date +%s)
kill -TERM "$pid"
wait "$pid"
check "SIGTERM ends it" [ $? -eq 0 ]
check "in time" [ $(($(date +%s) - began)) -le 12 ]
pids=()
exec 4>&-
wait $idle
