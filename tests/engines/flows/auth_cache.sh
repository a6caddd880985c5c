#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sessions behind a cache on Redis (AUTH_CACHE), in two auth processes with one store on MongoDB: what one has ended, the
# other refuses, and lists no more; and while the cache is killed, emptied or restarted all answers stay the same. Wrong
# passwords at either count for both; while Redis is away each counts its own, and nobody is kept out.
set -u
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -n "${ARGOSY_TEST_MONGODB:-}" ] && [ -n "${ARGOSY_TEST_REDIS:-}" ] ||
  { echo "skipped: ARGOSY_TEST_MONGODB or ARGOSY_TEST_REDIS is not set; tests/engines/run starts the engines"; exit 0; }
FORM=fleet
. "$root/tests/e2e/shop.sh"
chmod 755 "$work"
mkdir "$work/cache"
engine=$root/tests/engines/redis.sh
"$engine" start "$work/cache" >"$work/cache.settings"
finish_cache() { local code=$?; "$engine" stop "$work/cache"; (exit $code); finish; }
trap finish_cache EXIT
sed -n 's/^ARGOSY_TEST_REDIS=//p' "$work/cache.settings" >"$work/cache.url"
export AUTH_STORE="${ARGOSY_TEST_MONGODB/\/\?//flow_cached_$$?}" AUTH_CACHE_FILE="$work/cache.url"
redis() { REDISCLI_AUTH=redis-secret redis-cli -p "$(cat "$work/cache/port")" "$@"; }

body=$("$ARGOSY" store prepare 2>&1) || { echo "$body"; exit 1; }
body=$("$ARGOSY" store check 2>&1)
check "store check names the cache" grep -q 'auth: the cache answers' <<<"$body"
start_shop

# A second auth process, and a gateway of its own.
urls=()
for i in "${!services[@]}"; do
  [ "${services[i]}" = auth ] || urls+=("${services[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))")
done
start auth2 ADMIN_LISTEN=127.0.0.1:0 AUTH_LISTEN=127.0.0.1:0 "${urls[@]}" -- --only auth
second=$(jq -r 'select(.message == "listening") | .address' "$work/auth2.log" | while read -r at; do
  [ "$at" = "$(address auth2 admin)" ] || echo "$at"; done | head -1)
start gateway2 ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 "${urls[@]}" "AUTH_URL=grpc://$second" -- --only gateway
one=$base two=http://$(address gateway2 gateway)
at() { base=$1; }

# sessions COUNT: so many are listed by both.
sessions() {
  local process
  for process in "$one" "$two"; do at "$process"; api GET /auth/sessions; expect 200 ".sessions_data.sessions | length == $1"; done
  at "$one"
}

sign_up ann; expect 201
log_in ann phone; expect 200
cp "$jar" "$work/phone.jar"
log_in ann; expect 200
cp "$jar" "$work/laptop.jar"
sessions 2; sessions 2
check "a list is in the cache" test -n "$(redis --scan --pattern '*account:ann@example.com:sessions')"
awk '/refresh-token|access-token/ {print $NF}' "$jar" >"$work/tokens"
check "no token is in the cache" eval 'test -s "$work/tokens" && ! redis get account:ann@example.com:sessions | grep -aq -F -f "$work/tokens"'

# The phone logs out at the second process: within a second neither accepts it, and neither lists it.
jar=$work/phone.jar; at "$two"; api POST /auth/logout '{}' -c "$work/unused.jar"; expect 200
sleep 1
for process in "$one" "$two"; do at "$process"; api GET /customers/me; expect 401; done
jar=$work/laptop.jar; sessions 1

# guess PASSWORD: bob tries to log in, at the process that $base names.
guess() { jar=; api POST /auth/login "{\"email\":\"bob@example.com\",\"password\":\"$1\"}"; }
sign_up bob; expect 201
for process in "$one" "$two" "$one" "$two" "$one"; do at "$process"; guess "wrong password"; expect 401; done
for process in "$one" "$two"; do
  at "$process"; guess "secret-bob"; expect 429
done
sleep 1.1; guess "secret-bob"; expect 200
at "$one"; guess "secret-bob"; expect 200
jar=$work/laptop.jar

# A refresh begins with what the last one left, whichever process that was, and with nothing that another change has made
# since. A token that was used before is still found out.
held() {
  local process sum=0 one
  for process in auth auth2; do
    one=$(curl -sS "http://$(address $process admin)/metrics" | sed -n 's/^argosy_auth_memories_total{fate="held"} //p')
    sum=$((sum + ${one:-0}))
  done
  echo "$sum"
}
before=$(held)
for process in "$one" "$two" "$one"; do at "$process"; api POST /auth/refresh/validate '{}'; expect 200; done
check "refreshes save a read" test "$(held)" -ge $((before + 2))
log_in ann stolen; expect 200; cp "$jar" "$work/thief.jar"
for process in "$one" "$two"; do at "$process"; api POST /auth/refresh/validate '{}'; expect 200; done
jar=$work/thief.jar; at "$one"; api POST /auth/refresh/validate '{}'; expect 401
jar=$work/ann.jar; at "$two"; api POST /auth/refresh/validate '{}'; expect 401
jar=$work/laptop.jar; sessions 1

# The cache is emptied, spoiled, stopped and killed: the answers are the same, and soon given.
redis flushall >/dev/null; sessions 1
redis set account:ann@example.com:sessions nonsense >/dev/null; sessions 1; sessions 1
kill -STOP "$(cat "$work/cache/pid")"
sessions 1
log_in ann tablet; expect 200; cp "$jar" "$work/laptop.jar"
sessions 2
kill -CONT "$(cat "$work/cache/pid")"
"$engine" kill "$work/cache"
for _ in 1 2 3 4 5; do sessions 2; done
api GET /auth/sessions '' -w '%{http_code} %{time_total}'
check "a list is soon given without the cache" awk "BEGIN {exit !(${status#* } < 0.5)}"
for _ in 1 2 3 4; do at "$one"; guess "wrong password"; expect 401; done
guess "secret-bob"; expect 200
for _ in 1 2 3 4 5; do guess "wrong password"; expect 401; done
guess "secret-bob"; expect 429
at "$two"; guess "secret-bob"; expect 200
check "the log says that passwords are counted by each process" grep -q 'counts only the wrong passwords' "$work/auth.log"
check "the metric says so too" awk '/^argosy_password_checks_total.*"own"/ {own = $2} END {exit !(own >= 10)}' \
  <(curl -sS "http://$(address auth admin)/metrics")
jar=$work/laptop.jar; at "$two"; api POST /auth/refresh/validate '{}'; expect 200
api DELETE /auth/sessions/laptop; expect 200
sessions 1
body=$("$ARGOSY" store check 2>&1); status=$?
check "store check warns of the missing cache" grep -q 'auth: WARNING: the cache cannot be used' <<<"$body"
"$engine" start "$work/cache" >/dev/null
sessions 1; sessions 1

# They count together again.
for _ in $(seq 100); do
  at "$one"; guess "secret-bob"
  grep -q 'are counted for all processes again' "$work/auth.log" && break
  sleep 0.2
done
check "the log says that passwords are counted together again" grep -q 'are counted for all processes again' "$work/auth.log"
for process in "$one" "$two" "$two" "$one" "$two"; do at "$process"; guess "wrong password"; expect 401; done
at "$one"; guess "secret-bob"; expect 429
