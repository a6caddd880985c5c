#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Payments: at once and later, declines, confirmations, lost answers, captures, refunds, and reconciliation at the end.
. "$(dirname "$0")/shop.sh"
export ACCESS_TOKEN_EXP_DURATION=2h
start_shop
make_account sam seller; make_account tom seller; make_account boss admin
sign_up ann; sign_up bob
log_in boss; log_in bob; log_in tom
log_in sam
api POST /products '{"name":"Lamp","category":"lights","price":30,"stock":"100"}'; expect 201
lamp=$(value .product_data.product_id)
log_in ann

# order METHOD: orders one lamp and pays with METHOD; "": pays later.
order() {
  api POST /order "{\"items\":[{\"category\":\"lights\",\"product_id\":\"$lamp\",\"quantity\":1}]${1:+,\"payment_method\":\"$1\"}}"
  expect 201
  order=$(value .order_create_data.order_id)
}
becomes() { eventually "/orders/$order" ".order.status == \"$1\"" "${@:2}"; }
# Waits until the order's payment has this status; sets $payment.
payment_becomes() {
  eventually "/payments?order_id=$order" '.payments.payments | length == 1' ".payments.payments[0].status == \"$1\"" "${@:2}"
  payment=$(value '.payments.payments[0].payment_id')
}
# available COUNT: expects that many lamps to be available.
available() {
  local before=$jar
  as sam; eventually "/products/lights/$lamp/stock" ".stock.variants[0].available == \"$1\""
  jar=$before
}

# ---- a card that works ----

order pm_card_visa
payment_becomes requires_capture '.payments.payments[0].amount_minor == "3000"' '.payments.payments[0].captured_minor == "0"' \
  '.payments.payments[0].currency == "USD"' '.payments.payments[0].provider == "test"' '.payments.payments[0].provider_reference != ""' \
  '.payments.payments[0].user_id == "ann@example.com"'
becomes CONFIRMED ".order.payment_id == \"$payment\""
api GET "/payments/$payment"; expect 200 ".payment.order_id == \"$order\"" '.payment.status == "requires_capture"'
as bob; api GET "/payments/$payment"; check "others' payments are not shown" [ "$status" = 403 -o "$status" = 404 ]
as sam; api GET "/payments/$payment"; expect 200
as ann
api POST "/payments/$payment/capture" '{}'; expect 403
api POST "/payments/$payment/void" '{}'; expect 403
api POST "/payments/$payment/refunds" '{}'; expect 403
api GET "/payments/$payment/postings"; expect 403
as tom; api POST "/payments/$payment/capture" '{}'; expect 403
as sam; api POST "/payments/$payment/refunds" '{}'; expect 400 '.error.code == "FAILED_PRECONDITION"'

# Fulfilment captures the payment.
api POST "/orders/$order/fulfil" '{}'; expect 200
payment_becomes succeeded '.payments.payments[0].captured_minor == "3000"'
api POST "/payments/$payment/capture" '{}'; expect 400 '.error.reason == "PAYMENT_STATE"'

# Refunds: in parts, made once however often they are requested, and never more than was captured.
refund() { api POST "/payments/$payment/refunds" "$@"; }
refund '{"amount_minor":"1000","reason":"scratched"}' -H 'Idempotency-Key: back-1'
check "a part is given back" [ "$status" -lt 300 ]
refunded=$(value .refund.refund_id)
check "it has an id" [ -n "$refunded" -a "$refunded" != null ]
refund '{"amount_minor":"1000","reason":"scratched"}' -H 'Idempotency-Key: back-1'
check "the repeat answers the same" [ "$(value .refund.refund_id)" = "$refunded" ]
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
refund '{"amount_minor":"1001"}' -H 'Idempotency-Key: back-1'; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
eventually "/payments/$payment" '.payment.refunded_minor == "1000"' '.payment.refunds | length == 1' '.payment.refunds[0].status == "succeeded"' \
  '.payment.refunds[0].reason == "scratched"'
becomes FULFILLED
refund '{"amount_minor":"2001"}'; expect 400 '.error.reason == "PAYMENT_ABOVE_CAPTURED"'
refund '{"amount_minor":"0"}'; expect 400 '.error.field_violations[0].field == "amount_minor"'
refund '{"amount_minor":"-5"}'; expect 400
refund '{"amount_minor":"500"}'; check "another part" [ "$status" -lt 300 ]
eventually "/payments/$payment" '.payment.refunded_minor == "1500"'
refund '{}'; check "and the rest" [ "$status" -lt 300 ]
eventually "/payments/$payment" '.payment.refunded_minor == "3000"' '[.payment.refunds[].amount_minor] | sort == ["1000","1500","500"]'
becomes REFUNDED '.order.history[-1].event == "PaymentRefunded"'
refund '{"amount_minor":"1"}'; expect 400
as boss
api GET "/payments/$payment/postings"
expect 200 '.postings | length >= 5' '.postings | all(([.entries[].debit_minor | tonumber] | add) == ([.entries[].credit_minor | tonumber] | add))' \
  '.postings | all(.entries | length >= 2)'

# Concurrent refunds: together never more than was captured.
as ann; order pm_card_visa; becomes CONFIRMED
as sam; api POST "/orders/$order/fulfil" '{}'; expect 200
payment_becomes succeeded
token=$(awk '$6 == "access-token" {print $7}' "$jar")
for n in $(seq 20); do
  printf 'url = "%s/payments/%s/refunds"\nheader = "Content-Type: application/json"\n' "$base" "$payment"
  printf 'header = "Authorization: Bearer %s"\ndata = "{\\"amount_minor\\":\\"700\\"}"\noutput = "/dev/null"\nsilent\nnext\n' "$token"
done | sed '$d' >"$work/refunds"
curl --parallel --parallel-max 20 -K "$work/refunds" 2>/dev/null
refund '{"amount_minor":"2301"}'; check "too much is refused" [ "$status" -ge 400 ]
eventually "/payments/$payment" '.payment.refunds | all(.status != "processing")' '(.payment.refunded_minor | tonumber) <= 2800' \
  '(.payment.refunded_minor | tonumber) == ([.payment.refunds[] | select(.status == "succeeded") | .amount_minor | tonumber] | add // 0)'

# ---- cards that do not work ----

as ann
available 98
order pm_card_chargeDeclined
# A decline is shown in the order, which waits for another card.
becomes VALIDATED '.order.reason == "PAYMENT_DECLINED"' '.order.expires_at != null' '[.order.history[].to] == ["PENDING","VALIDATED"]'
payment_becomes requires_payment_method '.payments.payments[0].reason == "PAYMENT_DECLINED"'
available 97
pay() { api POST /payments "{\"order_id\":\"$order\",\"payment_method\":\"$1\"}" "${@:2}"; }
pay pm_card_chargeDeclined; expect 402 '.error.reason == "PAYMENT_DECLINED"'
pay pm_card_authenticationRequired; expect 201 '.payment.status == "requires_action"'
pay pm_card_visa; expect 201 '.payment.status == "requires_capture"'
becomes CONFIRMED '.order.reason == ""'
api POST "/orders/$order/cancel" '{}'; expect 200
payment_becomes canceled
available 98

order pm_no_such_card
becomes VALIDATED '.order.reason == "PAYMENT_METHOD_UNKNOWN"'
api POST "/orders/$order/cancel" '{}'; expect 200
payment_becomes canceled

# A customer who has to confirm the payment.
order pm_card_authenticationRequired
payment_becomes requires_action
becomes VALIDATED
as bob; api POST "/payments/$payment/confirm" '{}'; expect 403
as ann
api POST "/payments/$payment/confirm" '{}' -H 'Idempotency-Key: yes-it-is-me'; check "confirmed by the customer" [ "$status" -lt 300 ]
becomes CONFIRMED
payment_becomes requires_capture
api POST "/payments/$payment/confirm" '{}' -H 'Idempotency-Key: yes-it-is-me'; check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
api POST "/payments/$payment/confirm" '{}'; expect 400 '.error.reason == "PAYMENT_STATE"'

# One who does not confirm, and cancels the order.
order pm_card_authenticationRequired
payment_becomes requires_action
api POST "/orders/$order/cancel" '{}'; expect 200
payment_becomes canceled

# The charge succeeds, but the answer is lost: the call is retried with the same key, and the customer is charged once.
order pm_test_timeout
becomes CONFIRMED
payment_becomes requires_capture '.payments.payments[0].amount_minor == "3000"'

# The provider can't be reached: the order waits, and can be cancelled.
order pm_test_unavailable
payment_becomes processing '.payments.payments[0].reason == "PAYMENT_PROVIDER_DOWN"'
becomes VALIDATED '.order.reason == "PAYMENT_PROVIDER_DOWN"'
api POST "/orders/$order/cancel" '{}'; expect 200 '.order.status == "CANCELLED"'

# ---- paying later ----

order ''
payment_becomes requires_payment_method
becomes VALIDATED
as bob; pay pm_card_visa; expect 403 '.error.reason == "NOT_OWNER"'
as ann
pay pm_card_visa -H 'Idempotency-Key: pay-1'; check "paid" [ "$status" -lt 300 ]
answer=$body
pay pm_card_visa -H 'Idempotency-Key: pay-1'; check "the repeat answers the same" [ "$body" = "$answer" ]
pay pm_card_chargeDeclined -H 'Idempotency-Key: pay-1'; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
becomes CONFIRMED
pay pm_card_visa; check "nobody pays twice" [ "$status" -ge 400 ]
api POST /payments '{"order_id":"nothing","payment_method":"pm_card_visa"}'; expect 404
api POST /payments "{\"order_id\":\"$order\"}"; expect 400 '.error.field_violations[0].field == "payment_method"'
api GET /payments/nothing; expect 404 '.error.reason == "PAYMENT_NOT_FOUND"'
api GET "/payments?page_size=3"; expect 200 '.payments.payments | length == 3' '.payments.payments | all(.user_id == "ann@example.com")' '.payments.next_cursor != ""'
cursor=$(value .payments.next_cursor)
api GET "/payments?page_size=200&cursor=$cursor"; expect 200 '.payments.payments | length >= 3'
jar=
api GET "/payments?order_id=$order"; expect 401

# ---- captured by hand ----

# A part is captured before fulfilment, and the rest is released.
as ann; order pm_card_visa; becomes CONFIRMED
payment_becomes requires_capture
as sam
api POST "/payments/$payment/capture" '{"amount_minor":"3001"}'; expect 400 '.error.reason == "PAYMENT_ABOVE_AUTHORIZED"'
api POST "/payments/$payment/capture" '{"amount_minor":"2500"}'; check "a part is captured" [ "$status" -lt 300 ]
payment_becomes succeeded '.payments.payments[0].captured_minor == "2500"'
api POST "/orders/$order/fulfil" '{}'; expect 200
payment_becomes succeeded '.payments.payments[0].captured_minor == "2500"'

# Captured, then cancelled: it is refunded in full.
as ann; order pm_card_visa; becomes CONFIRMED
payment_becomes requires_capture
as sam; api POST "/payments/$payment/capture" '{}'; check "captured" [ "$status" -lt 300 ]
payment_becomes succeeded
as ann; api POST "/orders/$order/cancel" '{}'; expect 200
payment_becomes succeeded '.payments.payments[0].refunded_minor == "3000"'

# Captured, then refunded before fulfilment: the lamp is for sale again.
as sam; api GET "/products/lights/$lamp/stock"; lamps=$(value '.stock.variants[0].available')
as ann; order pm_card_visa; becomes CONFIRMED
payment_becomes requires_capture
available $((lamps - 1))
as sam; api POST "/payments/$payment/capture" '{}'; check "captured" [ "$status" -lt 300 ]
payment_becomes succeeded
refund '{}'; check "given back" [ "$status" -lt 300 ]
becomes REFUNDED
available "$lamps"

# An authorization that an admin voids.
order pm_card_visa; becomes CONFIRMED
payment_becomes requires_capture
as sam; api POST "/payments/$payment/void" '{}'; expect 403
as boss; api POST "/payments/$payment/void" '{}'; check "voided" [ "$status" -lt 300 ]
payment_becomes canceled
becomes CANCELLED

# ---- at the end ----

url=()
[ "$FORM" = fleet ] && for service in product payment bank; do
  url+=("${service^^}_URL=grpc://$(address "$service" "$service")")
done
check "the stock's books are right" env "${url[@]}" "$ARGOSY" stock check
check "payments, ledger and bank agree" env "${url[@]}" "$ARGOSY" payments reconcile
check "and it says so" bash -c "env ${url[*]-} '$ARGOSY' payments reconcile | grep -qx '0 differences'"
check "in JSON there is a line for each difference" [ -z "$(env "${url[@]}" "$ARGOSY" payments reconcile --json)" ]
bank() { sqlite3 "$ARGOSY_DATA_DIR/bank.db" "$1"; }
check "no order is charged twice" [ "$(bank "SELECT count(*) FROM (SELECT 1 FROM charges WHERE status IN (1, 2, 4)
  GROUP BY reference HAVING count(*) > 1)")" = 0 ]
check "never more is captured than authorized, or refunded than captured" \
  [ "$(bank 'SELECT count(*) FROM charges WHERE captured_minor > amount_minor OR refunded_minor > captured_minor')" = 0 ]
