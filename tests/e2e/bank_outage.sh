#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The payment provider cannot be reached for a while, which must not count as a decline: orders that are placed meanwhile
# wait and say so, all of them are confirmed once it is back, and each is charged once. The bank is always a separate
# process here.
export FORM=single
. "$(dirname "$0")/shop.sh"
export ORDER_UNPAID_MAX=0 OUTAGE_S=${OUTAGE_S:-6} ORDERS=${ORDERS:-12}
bank_port=$("$(dirname "$0")/../free_ports")
bank() { start bank ADMIN_LISTEN=127.0.0.1:0 BANK_LISTEN=127.0.0.1:$bank_port -- --only bank; }
bank
others=()
for service in "${services[@]}"; do [ "$service" = bank ] || others+=("$service"); done
start shop BANK_URL=grpc://127.0.0.1:$bank_port GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 \
  $(printf '%s_LISTEN=127.0.0.1:0 ' "${others[@]^^}") -- --only "$(IFS=,; echo "${others[*]},gateway")"
gateway=$(address shop gateway)
base=http://$gateway
make_account sam seller
sign_up ann
log_in sam
api POST /products '{"name":"Bell","category":"brass","price":8,"stock":"1000"}'; expect 201
bell=$(value .product_data.product_id)
log_in ann
order() {
  api POST /order "{\"items\":[{\"category\":\"brass\",\"product_id\":\"$bell\",\"quantity\":1}],\"payment_method\":\"pm_card_visa\"}"
  expect 201
  order=$(value .order_create_data.order_id)
}

# An order that is fulfilled while the bank cannot be reached.
order; delivered=$order
eventually "/orders/$delivered" '.order.status == "CONFIRMED"' '.order.fulfilment == "ready"'

kill -9 "$(cat "$work/bank.pid")"; wait "$(cat "$work/bank.pid")" 2>/dev/null; pids=("${pids[@]:1}")
orders=()
for _ in $(seq "$ORDERS"); do
  order; orders+=("$order")
  sleep "$(jq -n "$OUTAGE_S / $ORDERS")"
done
eventually "/orders/${orders[0]}" '.order.status == "VALIDATED"' '.order.reason == "PAYMENT_PROVIDER_DOWN"' '.order.expires_at != null'
eventually "/payments?order_id=${orders[0]}" '.payments.payments[0].status == "processing"' \
  '.payments.payments[0].reason == "PAYMENT_PROVIDER_DOWN"'
as sam; api POST "/orders/$delivered/fulfil" '{}' -H 'Idempotency-Key: ship'
expect 202 '.order.status == "CONFIRMED"' '.order.fulfilment == "requested"'
as ann

bank
for order in "${orders[@]}"; do
  eventually "/orders/$order" '.order.status == "CONFIRMED"' '.order.reason == ""'
done
eventually "/orders/$delivered" '.order.status == "FULFILLED"'
as sam; api POST "/orders/$delivered/fulfil" '{}' -H 'Idempotency-Key: ship'; expect 200 '.order.status == "FULFILLED"'

# Another process locks the bank's store: the bank answers that it is busy, which is not a decline either.
(echo 'BEGIN IMMEDIATE;'; sleep 9; echo 'COMMIT;') | sqlite3 "$ARGOSY_DATA_DIR/bank.db" &
locked=$!
sleep 0.3
as ann
orders=()
for _ in 1 2 3; do order; orders+=("$order"); done
wait $locked
for order in "${orders[@]}"; do eventually "/orders/$order" '.order.status == "CONFIRMED"'; done
check "each is charged once" [ "$(sqlite3 "$ARGOSY_DATA_DIR/bank.db" 'SELECT count(*) || "," || count(DISTINCT reference) FROM charges')" = "$((ORDERS + 4)),$((ORDERS + 4))" ]
check "payments, ledger and bank agree" env BANK_URL=grpc://127.0.0.1:$bank_port "$ARGOSY" payments reconcile
