#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Clients that do not read responses or never finish requests: the shop stays within MEMORY_MAX and
# an address space of 1.5 GiB, serves others meanwhile, and returns the memory afterwards.
. "$(dirname "$0")/shop.sh"
status=- body=-
ulimit -v $((1536 * 1024))
export MEMORY_MAX=64MiB ARGOSY_SHARDS=2
start_single --demo
pid=$(cat "$work/shop.pid")
base=http://$gateway
for _ in $(seq 100); do
  api GET '/products?page_size=200'
  [ "$(jq '.products.products | length' <<<"$body" 2>/dev/null)" = 200 ] && break
  sleep 0.1
done
resident() { awk '/VmRSS/ {print $2}' "/proc/$pid/status"; }
api GET /products; expect 200
before=$(resident)

# The memory that may be used: MEMORY_MAX, a quarter of it for what is being freed, and the allocator's fragmentation.
allowed=$((before + 64 * 1024 * 5 / 4 + 48 * 1024))

# attack KIND CONNECTIONS PATH [ADDRESS]: of the gateway, or of a service
attack() {
  rm -f "$work/hold"; mkfifo "$work/hold"
  local target=${4:-$gateway}
  "$(dirname "$ARGOSY")/tests/memory_attack" "$1" "${target#*:}" "$2" "$3" <"$work/hold" >"$work/attack.out" &
  local attacker=$! highest=0 served=0 now
  exec 4>"$work/hold"
  for i in $(seq 300); do
    # The others come from an address of their own, because lanes are shared fairly by address.
    api GET '/products?page_size=5' '' --max-time 10 --interface 127.0.0.2
    if [ "$status" = 200 ]; then served=$((served + 1)); else echo "  $1: $status $body $(cat "$work/curl.err")"; fi
    now=$(resident)
    [ "${now:-0}" -le "$highest" ] || highest=$now
    grep -q attacking "$work/attack.out" && [ "$i" -ge 20 ] && break
  done
  check "$1: the shop lives" kill -0 "$pid"
  check "$1: all others are served ($served of $i)" [ "$served" -eq "$i" ]
  check "$1: it stays bounded ($before kB, $highest kB)" [ "$highest" -lt $allowed ]
  exec 4>&-
  wait $attacker
  for _ in $(seq 200); do [ "$(resident)" -lt $((before + 32 * 1024)) ] && break; sleep 0.1; done
  now=$(resident)
  check "$1: memory goes back ($before kB, $highest kB, $now kB)" [ "$now" -lt $((before + 32 * 1024)) ]
  [ -z "${VERBOSE:-}" ] || echo "  $1: served $served of $i; $before kB, $highest kB, $now kB"
}

attack unread 47 '/products?page_size=200'
attack unread 800 '/products?page_size=200'
attack uploads 300 /auth/login
attack uploads2 300 /auth/login
attack messages 50 /grpc.reflection.v1.ServerReflection/ServerReflectionInfo
attack messages 50 /grpc.reflection.v1.ServerReflection/ServerReflectionInfo "$(address shop product)"
attack pipeline 200 '/products?page_size=200'
curl -s "http://$admin/metrics" >"$work/metrics"
check "streams were refused, and counted" \
  grep -q '^argosy_http_refused_total{.*reason="memory_stream"} [1-9]' "$work/metrics"
check "connections were ended, and counted" grep -q '^argosy_memory_connections_ended_total{.*} [1-9]' "$work/metrics"
check "and logged, at a bounded rate" [ "$(grep -c 'MEMORY_MAX' "$work/shop.log")" -le 30 ]
