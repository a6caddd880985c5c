#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Unpaid orders expire, and their pieces are for sale again.
. "$(dirname "$0")/shop.sh"
start_shop
make_account sam seller
sign_up ann
log_in sam
api POST /products '{"name":"Vase","category":"glass","price":40,"stock":"2"}'; expect 201
vase=$(value .product_data.product_id)
order() {
  api POST /order "{\"items\":[{\"category\":\"glass\",\"product_id\":\"$vase\",\"quantity\":1}],\"payment_method\":\"$1\"}"; expect 201
  order=$(value .order_create_data.order_id)
}
held() { as sam; eventually "/products/glass/$vase/stock" ".stock.variants[0].reserved == \"$1\"" '.stock.variants[0].on_hand == "2"'; as ann; }

log_in ann
order ''; first=$order
order pm_card_authenticationRequired; second=$order
held 2
order pm_card_visa
eventually "/orders/$order" '.order.status == "REJECTED"' '.order.reason == "STOCK_INSUFFICIENT"'
for order in "$first" "$second"; do
  eventually "/payments?order_id=$order" '.payments.payments | length == 1'
  api POST "/orders/$order/cancel" '{}'; expect 200
done
held 0

# Now they end by themselves. What was tried above takes longer on a slow machine than these orders live.
stop_shop
export ORDER_PAYMENT_TIMEOUT=5s
start_shop
as ann
order ''; unpaid=$order
order pm_card_authenticationRequired; unconfirmed=$order
for order in "$unpaid" "$unconfirmed"; do
  eventually "/orders/$order" '.order.status == "CANCELLED"' '.order.reason == "ORDER_TIMED_OUT"' '.order.history[-1].event == "Timeout"'
  eventually "/payments?order_id=$order" '.payments.payments | all(.status == "canceled")'
done
held 0
api POST /payments "{\"order_id\":\"$unpaid\",\"payment_method\":\"pm_card_visa\"}"; check "too late to pay" [ "$status" -ge 400 ]
