#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGHUP reopens logs and reloads the configuration; an invalid configuration is refused and the old
# one stays.
. "$(dirname "$0")/shop.sh"
export ARGOSY_LOG_FILE=$work/file.log GATEWAY_CONFIG=$work/kong.yml
cd "$work"

"$ARGOSY" routes --config --set GATEWAY_CONFIG= >kong.plain
sed "0,/^plugins:/s//plugins:\n  - name: file-log\n    config: {path: requests.log}/" kong.plain >kong.yml
echo 'ARGOSY_DRAIN_TIMEOUT=10s' >.env

# The log is a file, where start() looks for "ready" and addresses.
start() { :; }
listens=()
for service in "${services[@]}"; do listens+=("${service^^}_LISTEN=127.0.0.1:0"); done
env "${listens[@]}" GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 "$ARGOSY" serve >shop.out 2>shop.err & pids+=($!)
shop=$!
for _ in $(seq 200); do grep -q '"ready"' file.log 2>/dev/null && break; sleep 0.05; done
base=http://$(jq -r 'select(.message == "listening" and .name == "gateway") | .address' file.log)

# hang_up WORDS: sends the signal and waits until the log says WORDS once more.
hang_up() {
  local before
  before=$(cat file.log file.old 2>/dev/null | grep -c "$1")
  kill -HUP "$shop" || { bad "the shop has ended: $(tail -3 file.log)"; exit 1; }
  for _ in $(seq 100); do
    [ "$(cat file.log file.old 2>/dev/null | grep -c "$1")" -gt "$before" ] && { ok; return; }
    sleep 0.05
  done
  bad "the log does not say: $1: $(tail -3 file.log)"
}
lines() { wc -l <"$1" 2>/dev/null || echo 0; }
# holds FILE COUNT: waits until the file has that many lines, which a separate lane writes a little later.
holds() { for _ in $(seq 400); do [ "$(lines "$1")" -ge "$2" ] && return; sleep 0.05; done; return 1; }

api GET /products; expect 200
check "a request is logged" holds requests.log 1

# Log files that were moved away are created anew, the shop's own log too.
mv file.log file.old; mv requests.log requests.old
hang_up 'SIGHUP: log files reopened'
check "the log continues in a new file" grep -q '"changed":false' file.log
api GET /products; expect 200
check "requests too" holds requests.log 1
check "and not in the old one" [ "$(lines requests.old)" = 1 ]

# A new configuration is loaded.
sed 's/^plugins:/plugins:\n  - name: rate-limiting\n    config: {day: 5, limit_by: ip}/' kong.yml >kong.good
cp kong.good kong.yml
hang_up '"changed":true'
for _ in 1 2 3 4 5 6 7 8; do api GET /products; done
expect 429

# An invalid one is refused with its line, and the previous one stays in use.
{ cat kong.good; echo '  - name: [nonsense'; } >kong.yml
hang_up 'the new configuration is refused'
check "with file and line" grep -q "kong.yml:[0-9]" <(grep refused file.log | tail -1)
api GET /products; expect 429
sed 's/name: cors\|name: prometheus/name: no-such-plugin/' kong.good >kong.yml
hang_up 'the new configuration is refused'
check "the plugin is named" grep -q 'no-such-plugin' <(grep refused file.log | tail -1)
rm kong.yml
hang_up 'the new configuration is refused'

# Settings: an invalid line, one that needs a restart, and one that does not.
cp kong.plain kong.yml
echo 'nonsense' >.env
hang_up 'the new configuration is refused'
check "with file and line" grep -q '.env:1' <(grep refused file.log | tail -1)
echo 'ARGOSY_DRAIN_TIMEOUT=11s' >.env
hang_up 'the new configuration is refused'
check "the setting is named" grep -q 'ARGOSY_DRAIN_TIMEOUT' <(grep refused file.log | tail -1)
api GET /products; expect 429
printf 'ARGOSY_DRAIN_TIMEOUT=10s\nGATEWAY_ACCESS_LOG=1\n' >.env
hang_up '"changed":true'
api GET /products; expect 200
check "every request is logged now" grep -q 'gateway: request"' <(sleep 0.3; cat file.log)

# Under load no request is lost when the configuration changes, and the memory of old configurations is freed.
memory() { awk '/^Rss:/ {print $2}' "/proc/$shop/smaps_rollup"; }
for n in 1 2 3; do
  (for _ in $(seq 300); do echo "url = $base/products?page_size=5"; echo "output = /dev/null"; done |
    curl -s -w '%{http_code}\n' -K - >codes.$n) & clients[n]=$!
done
for n in $(seq 30); do
  if [ $((n % 2)) = 0 ]; then echo 'GATEWAY_TIMEOUT=20s' >.env; else echo 'GATEWAY_TIMEOUT=21s' >.env; fi
  echo 'ARGOSY_DRAIN_TIMEOUT=10s' >>.env
  kill -HUP "$shop"; sleep 0.02
  [ "$n" = 10 ] && early=$(memory)
done
wait "${clients[@]}"
check "all requests were answered: $(sort codes.* | uniq -c)" [ "$(sort -u codes.*)" = 200 ]
# Sanitizers delay the release of freed memory.
grep -q __asan_init "$ARGOSY" || check "memory stays: $early, then $(memory) kB" [ "$(memory)" -lt $((early + 8000)) ]
echo "memory after 10 changes $early kB, after 30 $(memory) kB"

# A session that has ended is still refused with the new configuration.
make_account ann customer
log_in ann
token=$(value .login_data.message)
api GET /cart; expect 200
api POST /auth/logout '{}'; expect 200
jar=
for _ in $(seq 20); do api GET /cart '' -H "Authorization: Bearer $token"; [ "$status" = 401 ] && break; sleep 0.05; done
expect 401
echo 'GATEWAY_TIMEOUT=22s' >.env; echo 'ARGOSY_DRAIN_TIMEOUT=10s' >>.env
kill -HUP "$shop"; sleep 0.3
api GET /cart '' -H "Authorization: Bearer $token"; expect 401 '.error.reason | startswith("TOKEN") or startswith("SESSION")'

# A SIGHUP while the shop drains does not disturb its stop.
kill "$shop"
kill -HUP "$shop"
check "the end" wait "$shop"
pids=()
check "stopped" grep -q '"stopped"' file.log
