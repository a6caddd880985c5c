#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Carts lose no change, and show when prices have changed.
. "$(dirname "$0")/shop.sh"
start_shop
make_account sam seller
sign_up ann
log_in sam
api POST /products '{"name":"Mug","category":"kitchen","price":12.5}'; expect 201
mug=$(value .product_data.product_id)
api POST /products '{"name":"Shirt","category":"apparel","price":20,"variants":[
  {"options":[{"name":"Size","value":"S"}]},{"options":[{"name":"Size","value":"L"}],"price":22}]}'; expect 201
shirt=$(value .product_data.product_id); large=$(value '.product_data.variants[1].variant_id')
api POST /products '{"name":"Draft","category":"apparel","price":20,"status":"draft"}'; expect 201
draft=$(value .product_data.product_id)

jar=
api GET /cart; expect 401
log_in ann
api GET /cart; expect 200 '.cart_data.items == []' '.cart_data.subtotal == 0'

add() { api POST /cart/add "{\"category\":\"$1\",\"product_id\":\"$2\",\"quantity\":$3${4:+,\"variant_id\":\"$4\"}}"; }
add kitchen "$mug" 2; expect 200 '.cart_data.items[0].quantity == 2' '.cart_data.subtotal == 25' '.cart_data.items[0].product_name == "Mug"'
add kitchen "$mug" 1; expect 200 '.cart_data.items | length == 1' '.cart_data.items[0].quantity == 3'
add apparel "$shirt" 1; expect 400 '.error.field_violations[0].field == "variant_id"'
add apparel "$shirt" 1 "$large"; expect 200 '.cart_data.items[1].price == 22' '.cart_data.total_items == 4' '.cart_data.totals[0].amount_minor == "5950"'
add apparel "$draft" 1; check "a draft can't be bought" [ "$status" -ge 400 ]
add kitchen nothing 1; expect 404 '.error.reason == "PRODUCT_NOT_FOUND"'
add kitchen "$mug" 0; expect 400
add kitchen "$mug" -5; expect 400 '.error.field_violations[0].field == "quantity"'
add kitchen "$mug" 999999; expect 400 '.error.reason == "CART_QUANTITY_MAX"'

# An Idempotency-Key, plain or as a quoted string: the first answer again, and no second effect.
add_once() { api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":$1}" -H "Idempotency-Key: $2"; }
add_once 2 add-1; expect 200 '.cart_data.items[0].quantity == 5'; first=$body
check "the first is not marked" [ -z "$(header idempotent-replayed)" ]
add_once 2 add-1; expect 200; check "the repeat answers the same" [ "$body" = "$first" ]
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
add_once 2 '"add-1"'; expect 200; check "the quoted form is the same key" [ "$body" = "$first" ]
add_once 3 add-1; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
add_once 2 "$(head -c 300 /dev/zero | tr '\0' k)"; expect 400 '.error.reason == "IDEMPOTENCY_KEY_INVALID"'
api GET /cart; expect 200 '.cart_data.items[0].quantity == 5'

api PUT /cart/update "{\"product_id\":\"$mug\",\"quantity\":7}"; expect 200 '.cart_data.items[0].quantity == 7'
api PUT /cart/update '{"product_id":"nothing","quantity":7}'; expect 404 '.error.reason == "CART_LINE_NOT_FOUND"'
api DELETE /cart/remove "{\"product_id\":\"$shirt\"}"; expect 200 '.cart_data.items | length == 1'
api PUT /cart/update "{\"product_id\":\"$mug\",\"quantity\":0}"; expect 200 '.cart_data.items == []'

# A changed price is shown; the line keeps the old one until the product is added again.
add kitchen "$mug" 2; expect 200
ann=$jar
log_in sam; api PATCH "/products/kitchen/$mug" '{"price":13}'; expect 200
jar=$ann
api GET /cart; expect 200 '.cart_data.price_changed' '.cart_data.items[0].price_changed' '.cart_data.items[0].price == 12.5' '.cart_data.items[0].current_unit_amount == "1300"'
add kitchen "$mug" 1; expect 200 '.cart_data.items[0].price == 13'
api GET /cart; expect 200 '.cart_data.price_changed == false'

# A thousand items are added over many connections at once: none is lost.
api DELETE /cart/clear '{}'; expect 200 '.cart_data.items == []'
token=$(awk '$6 == "access-token" {print $7}' "$jar")
for _ in $(seq 1000); do
  printf 'url = "%s/cart/add"\nheader = "Content-Type: application/json"\nheader = "Authorization: Bearer %s"\n' "$base" "$token"
  printf 'data = "{\\"category\\":\\"kitchen\\",\\"product_id\\":\\"%s\\",\\"quantity\\":1}"\n' "$mug"
  printf 'output = "/dev/null"\nwrite-out = "%%{http_code}\\n"\nsilent\nnext\n'
done | sed '$d' >"$work/adds"
curl --parallel --parallel-max 64 -K "$work/adds" >"$work/answers" 2>/dev/null
check "a thousand adds are acknowledged" [ "$(grep -c '^200$' "$work/answers")" = 1000 ]
api GET /cart; expect 200 '.cart_data.items[0].quantity == 1000'
