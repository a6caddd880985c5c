#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two processes of the payment service on one store in PostgreSQL, killed in turn while customers pay: each order is paid
# once, and none stays unpaid.
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
schema=two_payment_processes_$$
export FORM=fleet PAYMENT_STORE="$ARGOSY_TEST_POSTGRES?schema=$schema" PAYMENT_PROVIDER_TIMEOUT=1s
. "$(dirname "$0")/../../e2e/shop.sh"

orders=40
# The second process: nobody calls it, but it hears of the orders and attempts operations.
start_second() {
  local i urls=()
  for i in "${!services[@]}"; do
    [ "${services[i]}" = payment ] || urls+=("${services[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))")
  done
  start second ADMIN_LISTEN=127.0.0.1:0 PAYMENT_LISTEN=127.0.0.1:0 "${urls[@]}" -- --only payment
}
start_first() {
  local i own=0 urls=()
  for i in "${!services[@]}"; do
    if [ "${services[i]}" = payment ]; then own=$i; else urls+=("${services[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))"); fi
  done
  start payment ADMIN_LISTEN=127.0.0.1:0 "PAYMENT_LISTEN=127.0.0.1:$((first_port + own))" "${urls[@]}" -- --only payment
}
# end NAME: kills the process at once, and forgets it.
end() {
  local pid left=() one
  pid=$(cat "$work/$1.pid")
  kill -9 "$pid"; wait "$pid" 2>/dev/null
  for one in "${pids[@]}"; do [ "$one" = "$pid" ] || left+=("$one"); done
  pids=("${left[@]}")
}

start_shop
start_second
make_account sam seller; make_account boss admin
sign_up ann; log_in boss; log_in sam
api POST /products "{\"name\":\"Lamp\",\"category\":\"lights\",\"price\":30,\"stock\":\"$orders\"}"; expect 201
lamp=$(value .product_data.product_id)
log_in ann

ids=()
for ((n = 0; n < orders; n++)); do
  api POST /order "{\"items\":[{\"category\":\"lights\",\"product_id\":\"$lamp\",\"quantity\":1}],\"payment_method\":\"pm_card_visa\"}"
  expect 201
  ids+=("$(value .order_create_data.order_id)")
  case $((n % 10)) in
    2) end second ;;
    4) start_second ;;
    6) end payment ;;
    8) start_first ;;
  esac
done
for id in "${ids[@]}"; do eventually "/orders/$id" '.order.status == "CONFIRMED"'; done
bank() { sqlite3 "$ARGOSY_DATA_DIR/bank.db" "$1"; }
check "each order is charged once" [ "$(bank 'SELECT count(*), count(DISTINCT reference) FROM charges WHERE status IN (1, 2)')" = "$orders|$orders" ]
url=()
for service in product payment bank; do url+=("${service^^}_URL=grpc://$(address "$service" "$service")"); done
check "payments, ledger and bank agree" env "${url[@]}" "$ARGOSY" payments reconcile
stop_shop
psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error; DROP SCHEMA $schema CASCADE"
