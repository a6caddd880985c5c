#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From the cart to fulfilment: orders of all kinds, their states, and who may do what with them.
. "$(dirname "$0")/shop.sh"
export ACCESS_TOKEN_EXP_DURATION=2h
start_shop
make_account sam seller; make_account tom seller; make_account boss admin
sign_up ann; sign_up bob
log_in tom
api POST /products '{"name":"Poster","category":"prints","price":9,"stock":"50"}'; expect 201
poster=$(value .product_data.product_id)
log_in boss; log_in bob
log_in sam
api POST /products '{"name":"Mug","category":"kitchen","price":12.5,"stock":"20"}'; expect 201
mug=$(value .product_data.product_id)
api POST /products '{"name":"Shirt","category":"apparel","price":20,"variants":[
  {"options":[{"name":"Size","value":"S"}],"stock":"3"},{"options":[{"name":"Size","value":"L"}],"price":22,"stock":"5"}]}'; expect 201
shirt=$(value .product_data.product_id)
small=$(value '.product_data.variants[0].variant_id') large=$(value '.product_data.variants[1].variant_id')
api POST /products '{"name":"Sound file","category":"files","price":1}'; expect 201
file=$(value .product_data.product_id)
api POST /products '{"name":"Tea","category":"tea","unit_amount":"700","currency":"EUR"}'; expect 201
tea=$(value .product_data.product_id)
api POST /products '{"name":"Draft","category":"kitchen","price":1,"status":"draft"}'; expect 201
draft=$(value .product_data.product_id)

# stock PRODUCT ON_HAND RESERVED: expects these figures of its first variant, as its seller sees them.
stock() {
  local before=$jar
  as "${4-sam}"
  eventually "/products/$1/stock" ".stock.variants[0].on_hand == \"$2\"" ".stock.variants[0].reserved == \"$3\""
  jar=$before
}
order() { api POST /order "$1" "${@:2}"; order=$(value '.order_create_data.order_id'); }
becomes() { eventually "/orders/$order" ".order.status == \"$1\"" "${@:2}"; }

# ---- from the cart ----

log_in ann
order '{"payment_method":"pm_card_visa"}'; expect 400 '.error.reason == "CART_EMPTY"'
api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":2}"; expect 200
api POST /cart/add "{\"category\":\"apparel\",\"product_id\":\"$shirt\",\"quantity\":1,\"variant_id\":\"$large\"}"; expect 200
order '{}'
expect 201 '.success' '.status_code == 201' '.order_create_data.status == "PENDING"' '.order_create_data.total_minor == "4700"' \
  '.order_create_data.currency == "USD"' '.order_create_data.number != ""' '.order_create_data.order_id | length == 36'
becomes VALIDATED '.order.expires_at != null'
api GET /cart; expect 200 '.cart_data.items | length == 2'
api POST /payments "{\"order_id\":\"$order\",\"payment_method\":\"pm_card_visa\"}"
check "the payment is accepted" [ "$status" -lt 300 ]
becomes CONFIRMED '.order.payment_id != ""' '.order.total_minor == "4700"' '.order.user_id == "ann@example.com"' \
  '[.order.items[].quantity] == [2,1]' '[.order.items[].total_minor] == ["2500","2200"]' '.order.items[0].product_name == "Mug"' \
  '.order.items[1].options | length >= 1' '.order.items[0].seller == "sam@example.com"' \
  '[.order.history[].to] == ["PENDING","VALIDATED","CONFIRMED"]' '[.order.history[].from] == ["","PENDING","VALIDATED"]' \
  '[.order.history[].event] == ["CreateOrder","OrderValidationResult","PaymentAuthorized"]' '.order.history | all(.at != null)'
eventually /cart '.cart_data.items == []'
stock "kitchen/$mug" 18 0

# Products that are added to the cart meanwhile stay in it.
api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":1}"; expect 200
order '{}'; expect 201
api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":3}"; expect 200
becomes VALIDATED
api POST /payments "{\"order_id\":\"$order\",\"payment_method\":\"pm_card_visa\"}"
becomes CONFIRMED
eventually /cart '[.cart_data.items[].quantity] == [3]'
api DELETE /cart/clear '{}'; expect 200

# A customer never pays more than the cart showed.
api POST /cart/add "{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":1}"; expect 200
as sam; api PATCH "/products/kitchen/$mug" '{"price":13}'; expect 200
as ann
order '{"payment_method":"pm_card_visa"}'
expect 400 '.error.reason == "PRICE_CHANGED"' '.error.code == "FAILED_PRECONDITION"' ".message + (.error | tostring) | contains(\"$mug\") or contains(\"Mug\")"
as sam; api PATCH "/products/kitchen/$mug" '{"price":12}'; expect 200
as ann
order '{"payment_method":"pm_card_visa"}'; expect 201 '.order_create_data.total_minor == "1200"'
becomes CONFIRMED
eventually /cart '.cart_data.items == []'
stock "kitchen/$mug" 16 0

# ---- from a list of products ----

# As clients of the existing system order.
order "{\"user_id\":\"ann@example.com\",\"product_id\":\"$poster\",\"quantity\":2,\"category\":\"prints\"}"
expect 201 '.order_create_data.status == "PENDING"' '.order_create_data.total_minor == "1800"'
becomes VALIDATED '.order.items | length == 1'
order "{\"product_id\":\"$poster\",\"category\":\"prints\"}"; expect 201 '.order_create_data.total_minor == "900"'
order "{\"user_id\":\"bob@example.com\",\"product_id\":\"$poster\",\"quantity\":1,\"category\":\"prints\"}"; expect 403 '.error.reason == "NOT_OWNER"'

items() { printf '{"items":[%s]%s}' "$1" "${2:+,$2}"; }
item() { printf '{"category":"%s","product_id":"%s","quantity":%s%s}' "$1" "$2" "$3" "${4:+,\"variant_id\":\"$4\"}"; }
visa='"payment_method":"pm_card_visa"'
order "$(items "$(item apparel "$shirt" 1 "$small"),$(item files "$file" 3)" "$visa,\"expected_total_minor\":\"2300\",\"note\":\"ring twice\",
  \"shipping_address\":{\"name\":\"Ann\",\"line1\":\"Street 1\",\"city\":\"Berlin\",\"postal_code\":\"10115\",\"country\":\"DE\"}")"
expect 201 '.order_create_data.total_minor == "2300"'
becomes CONFIRMED '.order.note == "ring twice"' '.order.shipping_address.city == "Berlin"' '.order.shipping_address.country == "DE"'
stock "apparel/$shirt" 2 0
order "$(items "$(item files "$file" 3)" "$visa,\"expected_total_minor\":\"299\"")"; expect 400 '.error.reason == "PRICE_CHANGED"'
order "$(items "$(item files "$file" 1),$(item tea "$tea" 1)" "$visa")"; expect 400 '.error.reason == "ORDER_CURRENCY_MIXED"'
order "$(items "$(item tea "$tea" 2)" "$visa")"; expect 201 '.order_create_data.currency == "EUR"' '.order_create_data.total_minor == "1400"'
becomes CONFIRMED

# All lines are reserved or none; lines of one variant count as their sum.
order "$(items "$(item kitchen "$mug" 1),$(item apparel "$shirt" 3 "$small")" "$visa")"; expect 201
becomes REJECTED '.order.reason == "STOCK_INSUFFICIENT"' ".order.message | contains(\"Shirt\") or contains(\"$shirt\")" '.order.payment_id == ""' \
  '[.order.history[].to] == ["PENDING","REJECTED"]'
stock "kitchen/$mug" 16 0
order "$(items "$(item apparel "$shirt" 2 "$small"),$(item apparel "$shirt" 1 "$small")" "$visa")"; expect 201
becomes REJECTED '.order.reason == "STOCK_INSUFFICIENT"'
stock "apparel/$shirt" 2 0

# ---- bad input ----

order '{"items":[]'; expect 400 '.error.reason == "MALFORMED_JSON"'
order '{"colour":"red"}'; expect 400 '.error.reason == "UNKNOWN_FIELD"'
order "{\"product_id\":\"$poster\",\"quantity\":-1,\"category\":\"prints\"}"; expect 400 '.error.field_violations[0].field == "quantity"'
order "$(items "$(item prints "$poster" 0)")"; expect 400 '.error.field_violations[0].field == "items[0].quantity"'
order "$(items "$(item prints nothing 1)")"; expect 404 '.error.reason == "PRODUCT_NOT_FOUND"'
order "$(items "$(item kitchen "$draft" 1)")"; check "a draft can't be ordered" [ "$status" -ge 400 ]
order "$(items "$(item apparel "$shirt" 1)")"; check "a variant must be named" [ "$status" -ge 400 ]
order "$(items "$(item apparel "$shirt" 1 nothing)")"; check "an unknown variant is refused" [ "$status" -ge 400 ]
order "$(items "$(item prints "$poster" 1)" '"shipping_address":{"line1":"a","city":"b","country":"Germany"}')"
expect 400 '.error.field_violations[0].field == "shipping_address.country"'
api GET /orders/nothing; expect 404 '.error.reason == "ORDER_NOT_FOUND"'
api POST /orders/nothing/cancel '{}'; expect 404 '.error.reason == "ORDER_NOT_FOUND"'
api GET '/orders?status=LOST'; expect 400
api GET '/orders?page_size=9999'; expect 400 '.error.field_violations[0].field == "page_size"'
api GET '/orders?cursor=nonsense'; expect 400 '.error.reason == "PAGE_CURSOR_INVALID"'
jar=
order "$(items "$(item prints "$poster" 1)")"; expect 401
api GET /orders; expect 401

# ---- the same request twice ----

as ann
body_once=$(items "$(item prints "$poster" 1)" "$visa")
order "$body_once" -H 'Idempotency-Key: once'; expect 201; first=$order first_body=$body
check "the first is not marked" [ -z "$(header idempotent-replayed)" ]
order "$body_once" -H 'Idempotency-Key: once'; expect 201
check "the answer is the first one's" [ "$body" = "$first_body" ]
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
order "$body_once" -H 'Idempotency-Key: "once"'; expect 201
check "a quoted key is the same" [ "$order" = "$first" ]
order "$(items "$(item prints "$poster" 2)" "$visa")" -H 'Idempotency-Key: once'; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
order "$body_once" -H 'Idempotency-Key: twice'; expect 201
check "another key is another order" [ "$order" != "$first" ]
order "$body_once" -H "Idempotency-Key: $(head -c 300 /dev/zero | tr '\0' k)"; expect 400 '.error.reason == "IDEMPOTENCY_KEY_INVALID"'
as bob
order "$body_once" -H 'Idempotency-Key: once'; expect 201
check "keys belong to their caller" [ "$order" != "$first" ]

# The same key in many requests at once: one order.
as ann
token=$(awk '$6 == "access-token" {print $7}' "$jar")
for n in $(seq 40); do
  printf 'url = "%s/order"\nheader = "Content-Type: application/json"\nheader = "Authorization: Bearer %s"\n' "$base" "$token"
  printf 'header = "Idempotency-Key: race"\ndata = "%s"\noutput = "%s"\nsilent\nnext\n' "${body_once//\"/\\\"}" "$work/race.$n"
done | sed '$d' >"$work/race"
curl --parallel --parallel-max 40 -K "$work/race" 2>/dev/null
check "racing requests with one key make one order" \
  [ "$(cat "$work"/race.[0-9]* | jq -r '.order_create_data.order_id // empty' | sort -u | wc -l)" = 1 ]
check "the others learn that it is running" \
  [ "$(cat "$work"/race.[0-9]* | jq -r 'select(.success | not) | .error.reason' | grep -cv IDEMPOTENCY_KEY_RUNNING)" = 0 ]

# ---- cancelling and fulfilling ----

cancel() { api POST "/orders/$order/cancel" "${1:-{\}}" "${@:2}"; }
fulfil() { api POST "/orders/$order/fulfil" "${1:-{\}}" "${@:2}"; }
shirt_small() { items "$(item apparel "$shirt" 1 "$small")" "${1-}"; }
# From VALIDATED: the reserved pieces are released.
order "$(shirt_small)"; expect 201
becomes VALIDATED
stock "apparel/$shirt" 2 1
as bob; cancel; expect 403 '.error.reason == "NOT_OWNER"'
as tom; cancel; expect 403
as ann; fulfil; expect 403
cancel '{"reason":"too small"}' -H 'Idempotency-Key: cancel-1'
expect 200 '.order.status == "CANCELLED"' '.order.reason == "ORDER_CANCELLED"' '.order.history[-1].event == "CancelOrder"' \
  '.order.history[-1].cause == "ann@example.com"' '[.order.message, .order.history[-1].message] | any(contains("too small"))'
cancel '{"reason":"too small"}' -H 'Idempotency-Key: cancel-1'; expect 200 '.order.status == "CANCELLED"'
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
cancel; expect 400 '.error.reason == "ORDER_STATE"' '.message | contains("CANCELLED")'
stock "apparel/$shirt" 2 0
api POST /payments "{\"order_id\":\"$order\",\"payment_method\":\"pm_card_visa\"}"
check "what is cancelled is not paid for" [ "$status" -ge 400 ]

# From CONFIRMED: the pieces are restocked, and the payment is voided.
order "$(shirt_small "$visa")"; expect 201
becomes CONFIRMED
payment=$(value .order.payment_id)
stock "apparel/$shirt" 1 0
cancel; expect 200 '.order.status == "CANCELLED"'
stock "apparel/$shirt" 2 0
eventually "/payments/$payment" '.payment.status == "canceled"' '.payment.captured_minor == "0"'
as sam; fulfil; expect 400 '.error.reason == "ORDER_STATE"' '.message | contains("CANCELLED")'

# Cancelled right after it was placed, in whatever state it is by then: no stock or money is held afterwards.
as ann
for _ in $(seq 10); do
  order "$(shirt_small "$visa")"; expect 201
  cancel; expect 200 '.order.status == "CANCELLED"'
done
stock "apparel/$shirt" 2 0

# The seller of all its products can fulfil an order, the seller of a part cannot.
order "$(items "$(item kitchen "$mug" 1),$(item prints "$poster" 1)" "$visa")"; expect 201; mixed=$order
becomes CONFIRMED
as sam; fulfil; expect 403 '.error.reason == "NOT_OWNER"'
cancel; expect 403
api GET "/orders/$mixed"; expect 200 '.order.order_id == "'"$mixed"'"'
as bob; api GET "/orders/$mixed"; check "others' orders are not shown" [ "$status" = 403 -o "$status" = 404 ]
as boss; fulfil '{"tracking_number":"T-1"}'; expect 200 '.order.status == "FULFILLED"' '.order.tracking_number == "T-1"'
cancel; expect 400 '.error.reason == "ORDER_STATE"' '.message | contains("FULFILLED")'

as ann
order "$(shirt_small "$visa")"; expect 201
becomes CONFIRMED
as sam
fulfil '{"tracking_number":"T-2"}' -H 'Idempotency-Key: ship'; expect 200 '.order.status == "FULFILLED"' '.order.history[-1].event == "PaymentCaptured"' \
  '.order.history[-2].event == "FulfilOrder"' '.order.history[-2].cause == "sam@example.com"'
fulfil '{"tracking_number":"T-2"}' -H 'Idempotency-Key: ship'; expect 200 '.order.tracking_number == "T-2"'
fulfil; expect 400 '.error.reason == "ORDER_STATE"'
stock "apparel/$shirt" 1 0

# ---- lists ----

as bob
for _ in $(seq 7); do order "$(items "$(item files "$file" 1)")"; expect 201; done
becomes VALIDATED
api GET '/orders?page_size=3'; expect 200 '.orders.orders | length == 3' ".orders.orders[0].order_id == \"$order\"" '.orders.next_cursor != ""'
ids=$(value '.orders.orders[].order_id') cursor=$(value .orders.next_cursor)
api GET "/orders?page_size=3&status=CONFIRMED&cursor=$cursor"; expect 400 '.error.reason == "PAGE_CURSOR_INVALID"'
while [ -n "$cursor" ]; do
  api GET "/orders?page_size=3&cursor=$cursor"; expect 200
  ids+=$'\n'$(value '.orders.orders[].order_id') cursor=$(value .orders.next_cursor)
done
check "the pages have each order once" [ "$(sort -u <<<"$ids" | wc -l) $(wc -l <<<"$ids")" = "8 8" ]
eventually '/orders?status=VALIDATED' '.orders.orders | length == 7' '.orders.orders | all(.status == "VALIDATED" and .user_id == "bob@example.com")'
api GET '/orders?user_id=ann@example.com'; expect 403
api GET '/orders?seller=tom@example.com'; expect 403
as boss
api GET '/orders?user_id=bob@example.com&status=VALIDATED'; expect 200 '.orders.orders | length == 7'
as tom
api GET '/orders?seller=tom@example.com&page_size=200'
expect 200 '.orders.orders | length >= 4' "[.orders.orders[].order_id] | index(\"$mixed\") != null" \
  '.orders.orders | all(.items | any(.seller == "tom@example.com"))'

# ---- watching ----

# Server-Sent Events: the present state, each change, and the end of the stream with the final state. The cookies are a copy,
# because each call rewrites them.
as ann
cp "$jar" "$work/watcher.jar"
order "$(shirt_small)"; expect 201
curl -sN -b "$work/watcher.jar" -D "$work/events.head" --max-time 20 "$base/orders/$order/events" >"$work/events" 2>"$work/curl.err" &
watcher=$!
for _ in $(seq 100); do grep -q '^data' "$work/events" && break; sleep 0.1; done
becomes VALIDATED
cancel; expect 200
wait "$watcher"
check "the stream ends by itself" [ $? = 0 ]
check "it is a stream of events" grep -qi '^content-type: text/event-stream' "$work/events.head"
check "it has every state from its begin on" [ "$(sed -n 's/^data: *//p' "$work/events" | jq -r '.order.status' | uniq | tr '\n' ' ' |
  grep -cx '\(PENDING \)\?VALIDATED CANCELLED ')" = 1 ]
as bob; api GET "/orders/$order/events"; check "others can't watch" [ "$status" = 403 -o "$status" = 404 ]
as ann; api GET "/orders/$order/events"; check "what is final ends at once" [ "$status" = 200 ]
api GET "/orders/$order/events" '' -H 'Accept: application/x-ndjson'; expect 200 '.order.status == "CANCELLED"'

# A long watch does not count as a slow request.
order "$(shirt_small)"; expect 201
curl -sN -b "$jar" --max-time 1.2 "$base/orders/$order/events" >"$work/events" 2>"$work/curl.err"
cancel; expect 200
check "a stream that lasts is not told of as slow" bash -c "! cat '$work'/*.log | grep 'request was slow' | grep -q '/events'"

# ---- at the end ----

url=()
[ "$FORM" = fleet ] && url=(PRODUCT_URL="grpc://$(address product product)")
check "the stock's books are right" env "${url[@]}" "$ARGOSY" stock check
