#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checkout: a cart that is ordered several times becomes one order, and unpaid orders hold only a
# bounded part of the stock.
. "$(dirname "$0")/shop.sh"
export ACCESS_TOKEN_EXP_DURATION=2h ORDER_UNPAID_MAX=3 ORDER_ADDRESS_UNPAID_MAX=4
export GATEWAY_TRUSTED_PROXIES=127.0.0.1
start_shop
make_account sam seller; make_account boss admin
sign_up ann; sign_up bob; sign_up cid
log_in boss; log_in sam
api POST /products '{"name":"Mug","category":"kitchen","price":12.5,"stock":"100"}'; expect 201
mug=$(value .product_data.product_id)
add() { api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":${1-1}}"; expect 200; }
orders() { api GET /orders; value '.orders.orders | length'; }

# ---- one state of a cart is one order ----

# press TIMES BODY: orders the cart TIMES times at once; sets $statuses and $made to the answers' statuses and order ids.
press() {
  local i presses=()
  for i in $(seq "$1"); do
    curl -sS -X POST -b "$jar" -H 'Content-Type: application/json' -d "$2" -o "$work/press.$i" \
      -w '%{http_code}\n' --max-time 20 "$base/order" >"$work/press.$i.status" &
    presses+=($!)
  done
  wait "${presses[@]}"
  statuses=$(cat "$work"/press.*.status | sort | uniq -c | tr -s ' \n' ' ')
  made=$(jq -r '.order_create_data.order_id // empty' "$work"/press.*[0-9] | sort -u)
  rm -f "$work"/press.*
}

log_in ann
add 2
press 12 '{}'
check "all presses are answered alike: $statuses" [ "$statuses" = ' 12 201 ' ]
check "they are one order" [ "$(wc -w <<<"$made")" = 1 ]
check "there is one order" [ "$(orders)" = 1 ]
first=$made
eventually "/orders/$first" '.order.status == "VALIDATED"'
api POST /order '{}'; expect 201 ".order_create_data.order_id == \"$first\""
check "a repeat says so" grep -qi '^idempotent-replayed: true' <<<"$headers"
api POST /order '{}' -H 'Idempotency-Key: other'; expect 201 ".order_create_data.order_id == \"$first\""
api POST /order '{"payment_method":"pm_card_visa"}'; expect 409 '.error.reason == "CART_ORDERED"'
check "it names the order" grep -q "$first" <<<"$body"

# Setting the same quantity again keeps the cart's state; another quantity gives it a new one.
api PUT /cart/update "{\"product_id\":\"$mug\",\"quantity\":2}"; expect 200
api POST /order '{}'; expect 201 ".order_create_data.order_id == \"$first\""

# When its order has ended, the cart can be ordered again.
api POST "/orders/$first/cancel" '{}'; expect 200
press 8 '{"payment_method":"pm_card_visa"}'
check "there is one order more: $statuses" [ "$(wc -w <<<"$made")" = 1 ]
check "it is another one" [ "$made" != "$first" ]
check "there are two orders" [ "$(orders)" = 2 ]
eventually "/orders/$made" '.order.status == "CONFIRMED"'
eventually /cart '.cart_data.items == []'

# A cart that is cleared and filled again with the same products has a new state; the order of the old one removes nothing from it.
add 1
press 1 '{}'; first=$made
api DELETE /cart/clear '{}'; expect 200
add 1
eventually "/orders/$first" '.order.status == "VALIDATED"'
api POST /payments "{\"order_id\":\"$first\",\"payment_method\":\"pm_card_visa\"}"
eventually "/orders/$first" '.order.status == "CONFIRMED"'
press 3 '{"payment_method":"pm_card_visa"}'
check "it is one order of its own: $statuses" [ "$(wc -w <<<"$made")" = 1 ]
check "it is another one" [ "$made" != "$first" ]
eventually "/orders/$made" '.order.status == "CONFIRMED"'
eventually /cart '.cart_data.items == []'

# ---- a product that has moved to another category is the same product ----

api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":1}"; expect 200
as sam; api PATCH "/products/kitchen/$mug" '{"new_category":"gifts & more"}'; expect 200
as ann
api GET /cart; expect 200 '.cart_data.items[0].category == "gifts & more"' '.cart_data.items[0].unavailable | not'
api POST /order '{"payment_method":"pm_card_visa"}'; expect 201
moved=$(value .order_create_data.order_id)
eventually "/orders/$moved" '.order.status == "CONFIRMED"' '.order.items[0].category == "gifts & more"'
api POST /order "{\"items\":[{\"product_id\":\"$mug\",\"category\":\"kitchen\",\"quantity\":1},
  {\"product_id\":\"$mug\",\"category\":\"gifts & more\",\"quantity\":2}],\"payment_method\":\"pm_card_visa\"}"; expect 201
moved=$(value .order_create_data.order_id)
eventually "/orders/$moved" '.order.status == "CONFIRMED"' '[.order.items[].quantity] == [3]'
api GET "/products/kitchen/$mug"; expect 200 '.product.product.category == "gifts & more"'
check "the answer says where it is" grep -qi "^content-location: /products/gifts%20%26%20more/$mug" <<<"$headers"
as sam
api PATCH "/products/kitchen/$mug" '{"description":"by its old address"}'; expect 200
api POST "/products/kitchen/$mug/stock" '{"delta":"1"}'; expect 200
api POST /products '{"name":"Cup","category":"kitchen","price":3}'; expect 201
cup=$(value .product_data.product_id)
api PATCH "/products/kitchen/$cup" '{"new_category":"gifts"}'; expect 200
api DELETE "/products/kitchen/$cup"; expect 200
api GET "/products/gifts/$cup"; expect 404

# ---- limits on unpaid orders ----

one() { api POST /order "{\"product_id\":\"$mug\",\"category\":\"kitchen\",\"quantity\":1}" "$@"; }
from() { one -H "X-Forwarded-For: $1"; }
log_in bob
for _ in 1 2 3; do from 198.51.100.7; expect 201; done
held=$(value .order_create_data.order_id)
from 198.51.100.8; expect 429 '.error.reason == "ORDER_UNPAID_MAX"'
check "it says when to try again" grep -qi '^retry-after: [1-9]' <<<"$headers"
api POST "/orders/$held/cancel" '{}'; expect 200
from 198.51.100.7; expect 201

# Another account at the same address can order what that address may still hold; one at another address has a limit of its own.
log_in cid
from 198.51.100.7; expect 201
from 198.51.100.7; expect 429 '.error.reason == "ORDER_UNPAID_MAX"'
from 2001:db8::1; expect 201
from 2001:db8::2; expect 201

# An admin can order for any customer.
as boss
for _ in 1 2 3 4 5; do
  api POST /order "{\"product_id\":\"$mug\",\"category\":\"kitchen\",\"quantity\":1,\"user_id\":\"cid@example.com\"}"
  expect 201
done

# An order without a payment method ends soon, and its pieces are for sale again. The shop begins anew for it, because
# nothing before may depend on how fast the machine is.
stop_shop
export ORDER_METHOD_TIMEOUT=1s
start_shop
as bob
from 198.51.100.9; expect 429 '.error.reason == "ORDER_UNPAID_MAX"'
api GET /orders; held=$(value '[.orders.orders[] | select(.status != "CANCELLED")][0].order_id')
api POST "/orders/$held/cancel" '{}'; expect 200
from 198.51.100.9; expect 201
held=$(value .order_create_data.order_id)
eventually "/orders/$held" '.order.status == "CANCELLED"' '.order.reason == "ORDER_TIMED_OUT"'
from 198.51.100.9; expect 201
