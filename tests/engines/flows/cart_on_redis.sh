#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Carts on Redis, as one process and as a fleet: the flows of carts and checkouts (tests/e2e); what is stored; the server
# killed under load and brought back; two processes of the cart service on one server. tests/engines/run gives the server
# (ARGOSY_TEST_REDIS) and the directory with its data (ARGOSY_TEST_ENGINES_DIR).
[ -n "${ARGOSY_TEST_REDIS:-}" ] || { echo "skipped: ARGOSY_TEST_REDIS is not set"; exit 0; }
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${FORM:-}" ]; then
  result=0
  for form in single fleet; do
    export FORM=$form
    for flow in cart checkout; do
      echo "$flow, $form"
      CART_STORE="$ARGOSY_TEST_REDIS?prefix=$flow$$$form-" "$here/../../e2e/$flow.sh" || result=1
    done
    echo "cart_on_redis, $form"
    "$0" || result=1
  done
  exit $result
fi
. "$here/../../e2e/shop.sh"
: "${ARGOSY_TEST_ENGINES_DIR:?}"
engine=$ARGOSY_TEST_ENGINES_DIR/redis
server() { "$here/../redis.sh" "$1" "$engine" >/dev/null; }
redis() {
  local rest=${ARGOSY_TEST_REDIS#redis://:}
  REDISCLI_AUTH=${rest%%@*} redis-cli -p "${rest##*:}" "$@"
}
prefix=flow$$-
store=$ARGOSY_TEST_REDIS?prefix=$prefix
export ACCESS_TOKEN_EXP_DURATION=2h CART_STORE=$store CART_LISTEN=127.0.0.1:0

start_shop
make_account sam seller
sign_up ann; sign_up bob
log_in sam
api POST /products '{"name":"Mug","category":"kitchen","price":12.5,"stock":"100000"}'; expect 201
mug=$(value .product_data.product_id)
log_in ann; log_in bob
add() { api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":${1-1}}" "${@:2}"; }

# ---- the calls of a cart, and what is stored ----

as ann
api GET /cart; expect 200 '.cart_data.items == []'
add 2; expect 200 '.cart_data.items[0].quantity == 2' '.cart_data.subtotal == 25'
add 1 -H 'Idempotency-Key: k1'; expect 200 '.cart_data.items[0].quantity == 3'
add 1 -H 'Idempotency-Key: k1'; expect 200 '.cart_data.items[0].quantity == 3'
check "a repeat says so" grep -qi '^idempotent-replayed: true' <<<"$headers"
add 2 -H 'Idempotency-Key: k1'; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
api PUT /cart/update "{\"product_id\":\"$mug\",\"quantity\":4}"; expect 200 '.cart_data.items[0].quantity == 4'
stored() { redis get "${prefix}cart:ann@example.com"; }
check "the existing system can read it" [ "$(stored | jq -c '[.email,.items[0].price,.items[0].quantity,.total_items]')" = \
  '["ann@example.com",12.5,4,4]' ]
check "it lives for a week" [ "$(redis ttl "${prefix}cart:ann@example.com")" -gt 604700 ]

# A writer that knows no versions.
redis set "${prefix}cart:ann@example.com" "$(stored | jq -c '{email, items: [.items[0] | {product_id, category,
  product_name, price, quantity: 7, image_url, subtotal}], total_items: 7, subtotal: 87.5,
  created_at: "0001-01-01T00:00:00Z", updated_at: "2026-10-04T10:00:00.123456789Z"}')" EX 604800 >/dev/null
api GET /cart; expect 200 '.cart_data.items[0].quantity == 7'
add 1; expect 200 '.cart_data.items[0].quantity == 8'

# ---- a checkout ----

api POST /order '{"payment_method":"pm_card_visa"}'; expect 201
order=$(value .order_create_data.order_id)
eventually "/orders/$order" '.order.status == "CONFIRMED"'
eventually /cart '.cart_data.items == []'
check "the event has its mark" [ -n "$(redis --scan --pattern "{${prefix}cart:ann@example.com}:event:*")" ]

# ---- the server is killed and comes back ----

# What is acknowledged while the server is killed again and again is there afterwards.
adding() {
  local acknowledged=0
  while [ ! -e "$work/enough" ]; do
    [ "$(curl -sS -b "$work/bob.jar" -H 'Content-Type: application/json' -o /dev/null -w '%{http_code}' --max-time 20 \
      -d "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":1}" "$base/cart/add")" = 200 ] &&
      acknowledged=$((acknowledged + 1))
  done
  echo "$acknowledged" >"$work/acknowledged.$1"
}
rm -f "$work/enough"
adders=()
for adder in 1 2 3 4; do adding $adder & adders+=($!); done
for _ in $(seq "${REDIS_KILLS:-8}"); do
  sleep 0.3
  server kill
  sleep 0.3
  server start
done
sleep 0.3
touch "$work/enough"; wait "${adders[@]}"
acknowledged=$(awk '{sum += $1} END {print sum}' "$work"/acknowledged.*)
as bob
eventually /cart '.cart_data.items | length == 1'
kept=$(value '.cart_data.items[0].quantity')
echo "acknowledged $acknowledged, kept $kept"
check "no acknowledged change is lost" [ "$kept" -ge "$acknowledged" ]
check "some were acknowledged" [ "$acknowledged" -gt 5 ]

# While it is away, carts fail at once, and everything else goes on.
server kill
as ann
for _ in 1 2 3 4 5; do api GET /cart; done # the first ones notice that it is away
api GET /cart; expect 503 '.error.reason == "STORE_UNREACHABLE"'
check "no address is told" bash -c "! grep -q 127.0.0.1 '$work/body'"
add 1; expect 503
for _ in $(seq 21); do printf 'url = "%s/cart"\noutput = "/dev/null"\nwrite-out = "%%{http_code} %%{time_total}\\n"\n' "$base"; done >"$work/gets"
curl -sS -b "$jar" -K "$work/gets" >"$work/times"
took=$(sort -k2 -n "$work/times" | awk 'NR == 11 {print int($2 * 1000)}')
echo "a call of the cart without its server takes $took ms"
check "all fail" [ "$(grep -c ^503 "$work/times")" = 21 ]
check "a call fails in milliseconds, not $took" [ "$took" -lt 50 ]
api GET /products; expect 200
api GET "/orders/$order"; expect 200
server start
eventually /cart '.success'
add 1; expect 200

# ---- two processes on one server ----

if [ "$FORM" = single ]; then
  find_ports
  second=127.0.0.1:$first_port
  start cart2 ADMIN_LISTEN=127.0.0.1:0 CART_LISTEN="$second" PRODUCT_URL="grpc://$(address shop product)" \
    ORDER_URL="grpc://$(address shop order)" USER_URL="grpc://$(address shop user)" -- --only cart
  start gateway2 ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 CART_URL="grpc://$second" \
    AUTH_URL="grpc://$(address shop auth)" USER_URL="grpc://$(address shop user)" \
    PRODUCT_URL="grpc://$(address shop product)" -- --only gateway
  other=http://$(address gateway2 gateway)
  api DELETE /cart/clear '{}'; expect 200
  token=$(awk '$6 == "access-token" {print $7}' "$work/ann.jar")
  for i in $(seq 400); do
    [ $((i % 2)) = 0 ] && at=$base || at=$other
    printf 'url = "%s/cart/add"\nheader = "Content-Type: application/json"\nheader = "Authorization: Bearer %s"\n' "$at" "$token"
    printf 'data = "{\\"category\\":\\"kitchen\\",\\"product_id\\":\\"%s\\",\\"quantity\\":1}"\n' "$mug"
    printf 'output = "/dev/null"\nwrite-out = "%%{http_code}\\n"\nsilent\nnext\n'
  done | sed '$d' >"$work/adds"
  curl --parallel --parallel-max 32 -K "$work/adds" >"$work/answers" 2>/dev/null
  check "both processes acknowledge: $(sort "$work/answers" | uniq -c | tr -s ' \n' ' ')" \
    [ "$(grep -c '^200$' "$work/answers")" = 400 ]
  api GET /cart; expect 200 '.cart_data.items[0].quantity == 400'
fi
redis --scan --pattern "*${prefix}*" | while read -r key; do redis del "$key"; done >/dev/null
