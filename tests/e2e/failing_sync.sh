#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A disk whose syncs fail for a while: no order is acknowledged meanwhile, none that was acknowledged is lost, one that was
# not does not appear after a kill, and everything continues once the disk can sync again. FAILING_SYNC_LIBRARY makes the
# syncs fail.
export FORM=single
. "$(dirname "$0")/shop.sh"
export ORDER_UNPAID_MAX=0 FAILING_SYNC=$work/failing
# AddressSanitizer wants to come before every library that is preloaded; a library that only fails may come before it.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
begin() { LD_PRELOAD=$FAILING_SYNC_LIBRARY start_shop; }
fail() { printf %s "$1" >"$work/rule"; mv "$work/rule" "$FAILING_SYNC"; }
recover() { rm "$FAILING_SYNC"; }
begin
make_account sam seller
sign_up ann
log_in sam
api POST /products '{"name":"Bell","category":"brass","price":8,"stock":"100000"}'; expect 201
bell=$(value .product_data.product_id)
log_in ann
orders=()
order() {
  api POST /order "{\"items\":[{\"category\":\"brass\",\"product_id\":\"$bell\",\"quantity\":1}],\"payment_method\":\"pm_card_visa\"}" "$@"
  [ "$status" != 201 ] || orders+=("$(value .order_create_data.order_id)")
}
all_confirmed() { local order; for order in "${orders[@]}"; do eventually "/orders/$order" '.order.status == "CONFIRMED"'; done; }
ready() { curl -sS -o "$work/ready" -w '%{http_code}' "http://$admin/readyz"; }
says() { [ "$(grep -c "$2" "$work/shop.log")" = "$1" ]; }

# The log of one store: nothing is acknowledged, everything is read, and the log says once what is wrong.
order; expect 201
fail order.db-wal
for _ in 1 2 3 4 5; do order; expect 503 '.error.reason == "STORE_OUTCOME_UNKNOWN"' '.message | contains("Idempotency-Key")'; done
check "no time is named after which to repeat it blindly" [ -z "$(header retry-after)" ]
order -H 'Idempotency-Key: once'; expect 503
api GET /products; expect 200
check "readiness names the store that can't be written" [ "$(ready) $(jq -r .reason "$work/ready" | grep -c 'did not confirm.*order.db')" = "503 1" ]
check "the log says once what is wrong" says 1 'nothing can be written.*order.db.*did not confirm'
recover
order -H 'Idempotency-Key: once'; expect 201
check "the log says that it is over" says 1 'can be written again.*order.db'
all_confirmed

# Without any request the shop finds out by itself that it is over.
check "it is ready" [ "$(ready)" = 200 ]
fail cart.db-wal
api POST /cart/add "{\"category\":\"brass\",\"product_id\":\"$bell\",\"quantity\":1}"; expect 503
check "it is not ready" [ "$(ready)" = 503 ]
sleep 1.2
check "it stays so while the disk fails" [ "$(ready)" = 503 ]
recover
for _ in $(seq 100); do [ "$(ready)" != 200 ] || break; sleep 0.1; done
check "it is ready again without a request" [ "$(ready)" = 200 ]
api GET /cart; expect 200 '.cart_data.items == []'

# A kill before the next commit: what was not acknowledged is not there.
fail order.db-wal
order; expect 503
kill -9 "${pids[0]}"; wait "${pids[0]}" 2>/dev/null; pids=()
recover
begin
as ann; api GET "/orders?page_size=100"
expect 200 "(.orders.orders | length) == ${#orders[@]}"
all_confirmed

# The other stores, one after another and all together: orders wait for what is missing.
for ending in product.db-wal payment.db-wal bank.db-wal -wal .db; do
  fail "$ending"
  for _ in 1 2 3; do order; sleep 0.2; done
  recover
  order; expect 201
  all_confirmed
done
check "each order is charged once" [ "$(sqlite3 "$ARGOSY_DATA_DIR/bank.db" 'SELECT count(*) || "," || count(DISTINCT reference) FROM charges')" = "${#orders[@]},${#orders[@]}" ]
check "payments, ledger and bank agree" "$ARGOSY" payments reconcile
check "stock agrees" "$ARGOSY" stock check
