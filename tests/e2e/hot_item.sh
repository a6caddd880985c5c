#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Five hundred buyers, a hundred pieces, all at once: exactly a hundred get one, and the others get
# the reason.
. "$(dirname "$0")/shop.sh"
export ACCESS_TOKEN_EXP_DURATION=2h
buyers=500 pieces=100
start_shop
make_account sam seller; make_account boss admin
log_in sam
api POST /products "{\"name\":\"Golden Ticket\",\"category\":\"hot\",\"price\":10,\"stock\":\"$pieces\"}"; expect 201
ticket=$(value .product_data.product_id)

# many FILE: makes the calls of a curl configuration file, 64 at a time.
many() { curl --parallel --parallel-max 64 -K "$1" >"$1.out" 2>/dev/null; }
# call BUYER URL BODY [HEADER]...: prints one call for such a file; its answer goes to $work/<name of the file>.<buyer>.
call() {
  printf 'url = "%s%s"\nheader = "Content-Type: application/json"\n' "$base" "$2"
  printf 'header = "%s"\n' "${@:4}"
  printf 'data = "%s"\noutput = "%s.%s"\nsilent\nmax-time = 60\nnext\n' "${3//\"/\\\"}" "$work/$name" "$1"
}
calls() { name=$1; for n in $(seq $buyers); do "$2" "$n"; done | sed '$d' >"$work/$1"; many "$work/$1"; }
signing_up() { call "$1" /users "{\"name\":\"b$1\",\"email\":\"b$1@example.com\",\"password\":\"secret-b$1\"}" 'Accept: */*'; }
logging_in() { call "$1" /auth/login "{\"email\":\"b$1@example.com\",\"password\":\"secret-b$1\"}" 'Accept: */*'; }
buying() {
  call "$1" /order "{\"items\":[{\"category\":\"hot\",\"product_id\":\"$ticket\",\"quantity\":1}],\"payment_method\":\"pm_card_visa\"}" \
    "Authorization: Bearer ${tokens[$1 - 1]}" "Idempotency-Key: ticket-$1"
}
calls sign-up signing_up
calls log-in logging_in
mapfile -t tokens < <(jq -r .login_data.message $(printf "$work/log-in.%d " $(seq $buyers)))
calls buy buying
check "every buyer has an order" [ "$(cat "$work"/buy.[0-9]* | jq -r '.order_create_data.order_id // empty' | sort -u | wc -l)" = $buyers ]

# states: the number of orders in each state.
states() {
  local cursor=
  while :; do
    api GET "/orders?seller=sam@example.com&page_size=200&cursor=$cursor"
    value '.orders.orders[] | .status' >>"$work/states"
    cursor=$(value .orders.next_cursor)
    [ -n "$cursor" ] || return 0
  done
}
log_in boss
end=$((SECONDS + 120))
while [ $SECONDS -lt $end ]; do
  : >"$work/states"
  states
  grep -q -e PENDING -e VALIDATED "$work/states" || break
  sleep 0.1
done
check "as many are confirmed as there are pieces" [ "$(grep -c '^CONFIRMED$' "$work/states")" = $pieces ]
check "all others are rejected" [ "$(grep -c '^REJECTED$' "$work/states")" = $((buyers - pieces)) ]
api GET '/orders?seller=sam@example.com&status=REJECTED&page_size=200'
expect 200 '.orders.orders | length == 200' '.orders.orders | all(.reason == "STOCK_INSUFFICIENT")' \
  ".orders.orders | all(.message | contains(\"Golden Ticket\") or contains(\"$ticket\"))" '.orders.orders | all(.payment_id == "")'
log_in sam
api GET "/products/hot/$ticket/stock"
expect 200 '.stock.variants[0].on_hand == "0"' '.stock.variants[0].reserved == "0"' '.stock.variants[0].available == "0"'

# Repeated requests with the same keys return the same orders.
calls again buying
check "repeats make no further order" [ "$(cat "$work"/{buy,again}.[0-9]* | jq -r '.order_create_data.order_id' | sort -u | wc -l)" = $buyers ]

url=()
[ "$FORM" = fleet ] && for service in product payment bank; do
  url+=("${service^^}_URL=grpc://$(address "$service" "$service")")
done
check "the stock's books are right" env "${url[@]}" "$ARGOSY" stock check
check "payments, ledger and bank agree" env "${url[@]}" "$ARGOSY" payments reconcile
check "the bank has charged a hundred times" [ "$(sqlite3 "$ARGOSY_DATA_DIR/bank.db" 'SELECT count(*) FROM charges')" = $pieces ]
