#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Accounts and sessions on MongoDB from signing up to deleting, while the server is killed and comes back: what needs it fails within
# milliseconds, all else goes on, and nothing that was acknowledged is lost.
set -u
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -n "${ARGOSY_TEST_MONGODB:-}" ] || { echo "skipped: ARGOSY_TEST_MONGODB is not set; tests/engines/run starts the engine"; exit 0; }
engine=$root/tests/engines/mongodb.sh engine_dir=$ARGOSY_TEST_ENGINES_DIR/mongodb
hosts=${ARGOSY_TEST_MONGODB%%/\?*} options=${ARGOSY_TEST_MONGODB#*\?}
export USER_STORE="$hosts/flow_user_$$?$options" AUTH_STORE="$hosts/flow_auth_$$?$options"
FORM=single
. "$root/tests/e2e/shop.sh"
start_shop

# Signs up as many accounts as it can, from several addresses of the loopback network so that none reaches the limits of
# one client, and writes down those that were acknowledged.
sign_ups() {
  local i=0
  while [ ! -e "$work/enough" ]; do
    i=$((i + 1))
    [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 --interface "127.0.1.$((i % 250 + 1))" -H 'Content-Type: application/json' \
      -d "{\"name\":\"n\",\"email\":\"u$1x$i@example.com\",\"password\":\"secret-u$1x$i\"}" "$base/users")" != 201 ] ||
      echo "u$1x$i" >>"$work/acknowledged"
  done
}

# took: milliseconds of the last call's repetition by curl itself.
took_ms() { curl -s -o "$work/body" -w '%{http_code} %{time_total}' --max-time 20 -b "$jar" "$base$1" | awk '{print $1, int($2 * 1000)}'; }

sign_up ann; expect 201
log_in ann; expect 200
api GET /customers/me; expect 200 '.email == "ann@example.com"'
api POST /auth/refresh/validate '{}'; expect 200

: >"$work/acknowledged"
sign_ups 1 & first=$!
sign_ups 2 & second=$!
for round in 1 2 3; do
  sleep 1
  "$engine" kill "$engine_dir"

  # The calls that find out may wait for the server a moment; then all fail at once.
  for _ in 1 2 3 4 5 6; do api GET /customers/me; done
  expect 503 '.error.reason == "STORE_UNREACHABLE"' '.message | contains("127.0.0.1") | not'
  slow=0
  for _ in $(seq 50); do
    read -r code ms < <(took_ms /customers/me)
    [ "$code" = 503 ] || bad "round $round: expected 503, not $code"
    [ "$ms" -lt 100 ] || slow=$((slow + 1))
  done
  check "at most the probes of the breaker wait for the server ($slow of 50 did)" test $slow -le 5
  api GET /products; expect 200

  "$engine" start "$engine_dir" >/dev/null
  eventually /customers/me '.email == "ann@example.com"'
done
sleep 0.5
touch "$work/enough"
wait $first $second

count=$(wc -l <"$work/acknowledged")
check "accounts were made meanwhile" test "$count" -gt 20
# exists NAME: can the account log in? Asked again while the store is not there yet.
exists() {
  local code _
  for _ in $(seq 100); do
    code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 20 --interface "127.0.2.$((RANDOM % 250 + 1))" -H 'Content-Type: application/json' \
      -d "{\"email\":\"$1@example.com\",\"password\":\"secret-$1\",\"device_id\":\"d\"}" "$base/auth/login")
    [ "$code" = 503 ] || break
    sleep 0.1
  done
  [ "$code" = 200 ]
}
lost=0
while read -r name; do exists "$name" || lost=$((lost + 1)); done <"$work/acknowledged"
check "none of $count acknowledged accounts is lost ($lost are)" test $lost -eq 0

# The session has outlived all this. To the end of the account.
api POST /auth/refresh/validate '{}'; expect 200
api GET /auth/sessions; expect 200
log_in ann phone; expect 200
api POST /auth/logout '{}'; expect 200
log_in ann; expect 200
api DELETE /customers/ann@example.com '{"password":"secret-ann"}'; expect 200
api POST /auth/login '{"email":"ann@example.com","password":"secret-ann","device_id":"laptop"}'; expect 401

# An operator who prepares the store sees what its URL gives up.
USER_STORE="$hosts/flow_user_$$?$options&w=1" AUTH_STORE='' "$ARGOSY" store prepare >"$work/prepare.out" 2>&1
check "store prepare warns of w=1" grep -q 'acknowledged changes may be lost.*w is not majority' "$work/prepare.out"

# A shop that starts before its engine says so, serves the rest, and is ready once the engine is there.
stop_shop
"$engine" kill "$engine_dir"
env GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 USER_LISTEN=127.0.0.1:0 AUTH_LISTEN=127.0.0.1:0 PRODUCT_LISTEN=127.0.0.1:0 \
  CART_LISTEN=127.0.0.1:0 ORDER_LISTEN=127.0.0.1:0 PAYMENT_LISTEN=127.0.0.1:0 BANK_LISTEN=127.0.0.1:0 \
  "$ARGOSY" serve >"$work/late.out" 2>"$work/late.log" & pids+=($!)
for _ in $(seq 200); do [ -n "$(address late admin)" ] && break; sleep 0.05; done
base=http://$(address late admin)
api GET /readyz; expect 503
check "it says which store is not there" grep -q user <<<"$body"
"$engine" start "$engine_dir" >/dev/null
eventually /readyz
