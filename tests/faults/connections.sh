#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Spoils the connections between the services and their engines, while customers check out: cuts them, makes them slow, lets
# them go silent without an end, cuts answers in pieces, and ends connections in the middle of answers. What needs the engine
# then fails within milliseconds, all else is served, and everything goes on by itself afterwards.
engines=$(cd "$(dirname "$0")/../engines" && pwd)
if [ -z "${ARGOSY_TEST_POSTGRES:-}" ] || [ -z "${ARGOSY_TEST_REDIS:-}" ] || [ -z "${ARGOSY_TEST_MONGODB:-}" ]; then
  echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"
  exit 0
fi
proxy=$(mktemp -d "${TMPDIR:-/tmp}/argosy-toxiproxy.XXXXXX")
end_proxy() { "$engines/toxiproxy.sh" stop "$proxy"; rm -rf "$proxy"; }
"$engines/toxiproxy.sh" start "$proxy" >"$proxy/settings" || exit 1
api_of_proxy=$(sed 's/^TOXIPROXY=//' "$proxy/settings")

# toxi METHOD PATH [BODY]
toxi() { curl -sf -X "$1" "$api_of_proxy$2" ${3:+-d "$3"} >/dev/null; }
# through NAME URL: the URL with the port of a proxy before its server.
through() {
  local port server
  port=$("$engines/../free_ports")
  server=$(grep -o '127\.0\.0\.1:[0-9]*' <<<"$2")
  toxi POST /proxies "{\"name\":\"$1\",\"listen\":\"127.0.0.1:$port\",\"upstream\":\"$server\"}" || exit 1
  echo "${2/$server/127.0.0.1:$port}"
}
postgres_url=$(through postgres "$ARGOSY_TEST_POSTGRES")
redis_url=$(through redis "$ARGOSY_TEST_REDIS")
# By the name of the replica set the client would find the server itself, past the proxy.
mongodb_url=$(through mongodb "${ARGOSY_TEST_MONGODB%%\?*}?directConnection=true")

end_more=end_proxy
. "$(dirname "$0")/fleet.sh"

declare -A route=([postgres]=/orders [redis]=/cart [mongodb]=/customers/me)

# expect_refusal WHAT: the last call was refused, in words that tell strangers nothing of the engine.
expect_refusal() {
  check "$1: refused as UNAVAILABLE" [ "$status" = 503 ]
  check "$1: the reason is told" grep -q '"reason":"STORE_UNREACHABLE"' <<<"$body"
  check "$1: no address is told" [ "${body/127.0.0.1/}" = "$body" ]
}

# refused NAME: what needs the engine is refused at once, and all else is served. A few calls may wait: the probes of breakers.
refused() {
  local code took waited=0 other times=()
  for _ in $(seq 20); do
    read -r code took < <(curl -s -o "$work/body" -w '%{http_code} %{time_total}\n' --max-time 20 -b "$jar" "$base${route[$1]}")
    took=$(awk "BEGIN {print int($took * 1000)}")
    times+=("$took")
    status=$code body=$(cat "$work/body")
    expect_refusal "$2 $1"
    [ "$took" -lt 100 ] || waited=$((waited + 1))
  done
  check "$2 $1: refused within milliseconds (${times[*]})" [ $waited -le 5 ]
  for other in postgres redis mongodb; do
    [ "$other" = "$1" ] || { api GET "${route[$other]}"; expect 200; }
  done
  api GET "/products/faults/${shelf[0]}"; expect 200
  echo "$1, $2: refused after $(printf '%s\n' "${times[@]}" | sort -n | sed -n '10p;20p' | paste -sd/) ms (median/most)"
}

# spoil NAME TOXIC ATTRIBUTES: of the answers.
spoil() { check "toxic $2" toxi POST "/proxies/$1/toxics" "{\"name\":\"t\",\"type\":\"$2\",\"stream\":\"downstream\",\"attributes\":$3}"; }
mend() { check "no toxic" toxi DELETE "/proxies/$1/toxics/t"; }

start_load
for engine in postgres redis mongodb; do
  begun=$SECONDS
  toxi POST "/proxies/$engine" '{"enabled":false}'
  sleep 2 # breakers open
  refused "$engine" cut
  toxi POST "/proxies/$engine" '{"enabled":true}'
  goes_on "$engine was cut off"

  spoil "$engine" timeout '{"timeout":0}'
  sleep 8 # until calls have waited in vain for their limits
  refused "$engine" half-open
  mend "$engine"
  goes_on "$engine was silent"

  before=$(confirmed)
  spoil "$engine" latency '{"latency":500}'
  check "$engine slow: orders are confirmed all the same" within 40 has_confirmed $((before + 3))
  mend "$engine"
  goes_on "$engine was slow"

  spoil "$engine" slicer '{"average_size":50,"size_variation":40,"delay":200}'
  sleep 1
  goes_on "$engine answers in pieces"
  mend "$engine"

  spoil "$engine" limit_data '{"bytes":20000}'
  sleep 3
  mend "$engine"
  goes_on "$engine ended connections in the middle of answers"
  echo "$engine: connections spoilt for $((SECONDS - begun)) s, $(confirmed) orders confirmed by now"
done
end_load
