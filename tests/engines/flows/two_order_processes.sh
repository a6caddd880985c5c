#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two processes of the order service on one store in PostgreSQL, each behind a gateway of its own: what one does the other
# knows at once, each order is handled once, and a cart that is ordered at both is one order.
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
here=$(cd "$(dirname "$0")" && pwd)
schema=two_$$
export ORDER_STORE="$ARGOSY_TEST_POSTGRES?schema=$schema" FORM=fleet ORDER_METHOD_TIMEOUT=10s
. "$here/../../e2e/shop.sh"
start_shop
first=$base

# The second order process, and a gateway that calls it.
others=()
for i in "${!services[@]}"; do
  [ "${services[i]}" = order ] || others+=("${services[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))")
done
start order2 ADMIN_LISTEN=127.0.0.1:0 ORDER_LISTEN=127.0.0.1:0 "${others[@]}" -- --only order
start gateway2 ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 "${others[@]}" \
  "ORDER_URL=grpc://$(address order2 order)" -- --only gateway
second=http://$(address gateway2 gateway)

make_account sam seller; sign_up ann; log_in sam
api POST /products '{"name":"Mug","category":"kitchen","price":12.5,"stock":"1000"}'; expect 201
mug=$(value .product_data.product_id)
log_in ann
wanted="{\"product_id\":\"$mug\",\"category\":\"kitchen\",\"quantity\":1,\"payment_method\":\"pm_card_visa\"}"

# ---- what one has made the other reads, and both confirm ----

# A third process follows the events beside them.
"$ARGOSY" events tail order-events --follow >"$work/follow.json" 2>"$work/follow.err" & follower=$!
made=()
for i in 1 2 3 4 5 6; do
  if [ $((i % 2)) = 0 ]; then base=$first; else base=$second; fi
  api POST /order "$wanted"; expect 201
  made+=("$(value .order_create_data.order_id)")
  if [ "$base" = "$first" ]; then base=$second; else base=$first; fi
  api GET "/orders/${made[-1]}"; expect 200
done
for id in "${made[@]}"; do
  base=$first; eventually "/orders/$id" '.order.status == "CONFIRMED"'
  base=$second; api GET "/orders/$id"; expect 200 '.order.status == "CONFIRMED"' '[.order.history[].to] == ["PENDING","VALIDATED","CONFIRMED"]'
done
api GET /orders; expect 200 '.orders.orders | length == 6' '[.orders.orders[].number] | unique | length == 6'

for _ in $(seq 100); do [ "$(grep -c OrderConfirmedEvent "$work/follow.json")" -lt 6 ] || break; sleep 0.1; done
kill $follower
check "a third process follows the events: $(cat "$work/follow.err")" [ "$(grep -c OrderConfirmedEvent "$work/follow.json")" = 6 ]

# ---- a cart that is ordered at both at once is one order ----

api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":2}"; expect 200
presses=()
for i in 1 2 3 4 5 6 7 8; do
  if [ $((i % 2)) = 0 ]; then url=$first; else url=$second; fi
  curl -sS -X POST -b "$jar" -H 'Content-Type: application/json' -d '{}' --max-time 20 "$url/order" >"$work/press.$i" &
  presses+=($!)
done
wait "${presses[@]}"
check "all presses have one order" [ "$(jq -r '.order_create_data.order_id' "$work"/press.* | sort -u | wc -l)" = 1 ]
one=$(jq -r '.order_create_data.order_id' "$work/press.1")

# ---- both look for orders that have waited too long, and one of them ends it, once ----

base=$first; eventually "/orders/$one" '.order.status == "CANCELLED"'
base=$second; api GET "/orders/$one"; expect 200 '[.order.history[].to] | map(select(. == "CANCELLED")) | length == 1'
psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error; DROP SCHEMA $schema CASCADE"
