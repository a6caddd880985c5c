#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A seller's day: products, prices, versions, stock, search.
. "$(dirname "$0")/shop.sh"
start_shop
make_account sam seller; make_account tom seller; make_account boss admin
sign_up ann
log_in sam; token=$(value .login_data.message)

# The call that existing clients make.
jar=
status=$(curl -sS -o "$work/body" -D "$work/headers" -w '%{http_code}' -X POST "$base/products" -H 'Content-Type: application/json' \
  -H "Cookie: access-token=$token" -d '{"name":"T-Shirt","description":"100% cotton","category":"apparel","price":19.99}')
body=$(cat "$work/body"); headers=$(tr -d '\r' <"$work/headers")
expect 201 '.product_data.name == "T-Shirt"' '.product_data.price == 19.99' '.product_data.unit_amount == "1999"' '.product_data.version == "1"'
id=$(value .product_data.product_id)

# Everybody can read a product; only its seller and admins can change it.
api GET "/products/apparel/$id"; expect 200 '.product.product.name == "T-Shirt"' '.product.product.created_by == "sam@example.com"' \
  '.product.product.variants | length == 1' '.product.product.variants[0].variant_id == "'"$id"'"'
check "the version is the ETag" [ "$(header etag)" = '"1"' ]
api GET "/products/apparel/$id" '' -H 'If-None-Match: "1"'; expect 304
api HEAD "/products/apparel/$id"; expect 200
api GET /products/apparel/nothing; expect 404 '.error.reason == "PRODUCT_NOT_FOUND"'
api POST /products '{"name":"X","category":"c","price":1}'; expect 401
api DELETE "/products/apparel/$id"; expect 401
log_in ann
api POST /products '{"name":"X","category":"c","price":1}'; expect 403 '.error.reason == "ROLE_REQUIRED"'
log_in tom
api PATCH "/products/apparel/$id" '{"name":"Mine"}'; expect 403 '.error.reason == "NOT_OWNER"'

# Prices: exact, or refused.
log_in sam
api POST /products '{"name":"X","category":"c","price":1.999}'; expect 400 '.error.reason == "PRICE_TOO_PRECISE"'
api POST /products '{"name":"X","category":"c","price":100.5,"currency":"JPY"}'; expect 400
api POST /products '{"name":"X","category":"c","price":-1}'; expect 400 '.error.field_violations[0].field == "price"'
api POST /products '{"name":"Tea","category":"c","price":1.234,"currency":"KWD"}'; expect 201 '.product_data.unit_amount == "1234"'

# A product without a price is a draft; a price of 0 must be given explicitly.
api POST /products '{"name":"Unpriced","category":"c"}'; expect 201 '.product_data.status == "draft"'
unpriced=$(value .product_data.product_id)
api POST /products '{"name":"Gift","category":"c","price":0}'; expect 201 '.product_data.status == "active"' '.product_data.price == 0'
api POST /products '{"name":"Gift","category":"c","unit_amount":"0"}'; expect 201 '.product_data.status == "active"'
api POST /products '{"name":"X","category":"c","status":"active"}'; expect 400 '.error.field_violations[0].field == "price"'
api POST /products '{"name":"X","category":"c","variants":[{"options":[{"name":"A","value":"1"}]},{"options":[{"name":"A","value":"2"}]}]}'
expect 201 '.product_data.status == "draft"'
api PATCH "/products/c/$unpriced" '{"status":"active"}'; expect 400 '.error.field_violations[0].field == "price"'
api PATCH "/products/c/$unpriced" '{"status":"active","price":0}'; expect 200 '.updatedProduct.status == "active"'

# An update changes only the fields that are given; with a stale version it changes nothing.
api PATCH "/products/apparel/$id" '{"price":24.5}'; expect 200 '.updatedProduct.price == 24.5' '.updatedProduct.name == "T-Shirt"' '.updatedProduct.version == "2"'
api PATCH "/products/apparel/$id" '{"name":"Stale","version":"1"}'; expect 409 '.error.reason == "VERSION_STALE"'
api PATCH "/products/apparel/$id" '{"name":"Stale"}' -H 'If-Match: "1"'; expect 412 '.error.reason == "VERSION_STALE"' '.error.code == "ABORTED"'
api PATCH "/products/apparel/$id" '{"name":"Stale"}' -H 'If-Match: W/"2"'; expect 412
api PATCH "/products/apparel/$id" '{"name":"Stale"}' -H 'If-Match: "2-77"'; expect 412
api PATCH "/products/apparel/$id" '{"name":"Stale"}' -H 'If-None-Match: *'; expect 412
api DELETE "/products/apparel/$id" '' -H 'If-Match: "1", "3"'; expect 412
api PATCH "/products/apparel/$id" '{"name":"Tee"}' -H 'If-Match: "2"'; expect 200 '.updatedProduct.name == "Tee"'
api PATCH "/products/apparel/$id" '{"new_category":"tops"}'; expect 200 '.updatedProduct.category == "tops"'
# A product's id identifies it for good: links with an old category find it, and Content-Location says where it is now.
api GET "/products/apparel/$id"; expect 200 '.product.product.category == "tops"'
check "the answer says where it is" [ "$(header content-location)" = "/products/tops/$id" ]
api HEAD "/products/apparel/$id"; expect 200
api GET "/products/apparel/$id/stock"; expect 200
api GET '/products?category=apparel'; expect 200 ".products.products | all(.product_id != \"$id\")"
api GET "/products/tops/$id"; expect 200 '.product.product.name == "Tee"'
check "a link with the present category gets no Content-Location" [ -z "$(header content-location)" ]
log_in boss
api PATCH "/products/tops/$id" '{"is_featured":true}'; expect 200 '.updatedProduct.is_featured'

# Of concurrent updates with the same version one succeeds.
log_in sam
version=$(api GET "/products/tops/$id"; value .product.product.version)
for i in $(seq 20); do
  curl -s -o /dev/null -w '%{http_code}\n' -b "$jar" -X PATCH "$base/products/tops/$id" -H 'Content-Type: application/json' \
    -d "{\"description\":\"by $i\",\"version\":\"$version\"}" >>"$work/race" &
  race[$i]=$!
done
wait "${race[@]}"
check "one of twenty stale updates wins" [ "$(grep -c 200 "$work/race")" = 1 ]
check "the others get a conflict" [ "$(grep -c 409 "$work/race")" = 19 ]

# Variants and stock.
api POST /products '{"name":"Mug","category":"kitchen","unit_amount":"1200","variants":[
  {"sku":"MUG-B","options":[{"name":"Colour","value":"Blue"}],"stock":"5"},
  {"sku":"MUG-R","options":[{"name":"Colour","value":"Red"}],"unit_amount":"1400"}]}'
expect 201 '.product_data.variants | length == 2' '.product_data.price == 12' '.product_data.variants[0].available == "5"' \
  '.product_data.variants[1] | has("available") | not'
mug=$(value .product_data.product_id); blue=$(value '.product_data.variants[0].variant_id')
api POST "/products/kitchen/$mug/stock" "{\"variant_id\":\"$blue\",\"delta\":\"10\",\"cause\":\"received\",\"reference\":\"note-1\"}"
expect 200 '.stock.variants[0].on_hand == "15"'
api POST "/products/kitchen/$mug/stock" "{\"variant_id\":\"$blue\",\"delta\":\"10\",\"cause\":\"received\",\"reference\":\"note-1\"}"; expect 200
api GET "/products/kitchen/$mug/stock"; expect 200 '.stock.variants[0].on_hand == "15"' '.stock.variants[0].available == "15"'
api POST "/products/kitchen/$mug/stock" "{\"variant_id\":\"$blue\",\"delta\":\"-16\"}"; expect 400 '.error.reason == "STOCK_INSUFFICIENT"'
api GET "/products/kitchen/$mug"; tag=$(header etag)
api GET "/products/kitchen/$mug" '' -H "If-None-Match: $tag"; expect 304
api POST "/products/kitchen/$mug/stock" "{\"variant_id\":\"$blue\",\"delta\":\"1\"}"; expect 200
api GET "/products/kitchen/$mug" '' -H "If-None-Match: $tag"; expect 200 '.product.product.variants[0].available == "16"'
api PATCH "/products/kitchen/$mug" '{"vendor":"Potters"}' -H "If-Match: $tag"; expect 412
api GET "/products/kitchen/$mug"; tag=$(header etag)
api PATCH "/products/kitchen/$mug" '{"vendor":"Potters"}' -H 'If-Match: "9"' -H "If-Match: $tag"; expect 200
tag=$(header etag)
api GET "/products/kitchen/$mug" '' -H "If-None-Match: $tag"; expect 304
api GET "/products/kitchen/$mug" '' -H "If-Match: W/$tag"; expect 412
api POST "/products/kitchen/$mug/stock" "{\"variant_id\":\"$blue\",\"delta\":\"-1\"}"; expect 200
api GET "/products/kitchen/$mug/stock/entries"; expect 200 '.stock_entries.entries | length == 4' '.stock_entries.entries[2].on_hand_delta == "10"'

# An Idempotency-Key, plain or as a quoted string: the first answer again, and no second effect.
make_once() { api POST /products "{\"name\":\"$1\",\"category\":\"once\",\"price\":3,\"stock\":\"5\"}" -H "Idempotency-Key: $2"; }
make_once Bowl make-1; expect 201; first=$body; first_tag=$(header etag); bowl=$(value .product_data.product_id)
check "the first is not marked" [ -z "$(header idempotent-replayed)" ]
make_once Bowl make-1; expect 201; check "the repeat answers the same" [ "$body" = "$first" ]
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
check "and has the tag" [ "$(header etag)" = "$first_tag" ]
make_once Bowl '"make-1"'; expect 201; check "the quoted form is the same key" [ "$body" = "$first" ]
make_once Dish make-1; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
api GET '/products?category=once'; expect 200 '.products.total_count == 1'
stock_once() { api POST "/products/once/$bowl/stock" "{\"delta\":\"$1\"}" -H "Idempotency-Key: $2"; }
stock_once 10 stock-1; expect 200 '.stock.variants[0].on_hand == "15"'; first=$body
stock_once 10 stock-1; expect 200; check "the repeat answers the same" [ "$body" = "$first" ]
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
stock_once 10 '"stock-1"'; expect 200; check "the quoted form is the same key" [ "$body" = "$first" ]
stock_once 11 stock-1; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
api GET "/products/once/$bowl/stock"; expect 200 '.stock.variants[0].on_hand == "15"'

# The list: search, filter, sort, pages.
for i in $(seq 12); do
  api POST /products "{\"name\":\"Lantern $i\",\"category\":\"lights\",\"price\":$i,\"tags\":[\"brass\"]}"
done
expect 201
jar=
api GET '/products?category=lights'; expect 200 '.products.total_count == 12'
api GET '/products?search=lantern&page_size=5&sort=price'; expect 200 '[.products.products[].price] == [1,2,3,4,5]' '.products.total_count == 12'
cursor=$(value .products.next_cursor)
api GET "/products?search=lantern&page_size=5&sort=price&cursor=$cursor"; expect 200 '[.products.products[].price] == [6,7,8,9,10]'
api GET "/products?search=lantern&page_size=5&sort=-price&cursor=$cursor"; expect 400 '.error.reason == "PAGE_CURSOR_INVALID"'
api GET '/products?category=lights&min_unit_amount=300&max_unit_amount=500'; expect 200 '.products.total_count == 3'
api GET '/products?search=lant%20bra&tag=brass'; expect 200
api GET '/products?search=%22%29%20OR%201%3D1%20--'; expect 200
api GET '/products?page_size=9999'; expect 400 '.error.field_violations[0].field == "page_size"'
api GET '/products?colour=red'; expect 400 '.error.reason == "UNKNOWN_FIELD"'

# Drafts are visible to their seller only.
log_in sam
api POST /products '{"name":"Secret","category":"lights","price":1,"status":"draft"}'; expect 201
draft=$(value .product_data.product_id)
api GET "/products/lights/$draft"; expect 200
jar=
api GET "/products/lights/$draft"; expect 404

# Deleting.
log_in sam
api DELETE "/products/tops/$id"; expect 200 '.deleted_product.product.product_id == "'"$id"'"'
api GET "/products/tops/$id"; expect 404
