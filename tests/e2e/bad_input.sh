#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Input of hostile and broken clients: each gets a clear error, and other clients are still served.
. "$(dirname "$0")/shop.sh"
export IDEMPOTENCY_KEYS_MAX=3
start_shop
make_account sam seller
log_in sam
token=$(value .login_data.message)

# JSON.
api POST /products '{"name":'; expect 400 '.error.reason == "MALFORMED_JSON"'
api POST /products '[]'; expect 400
api POST /products '{"name":"a","name":"b","category":"c"}'; expect 400
api POST /products '{"name":"a","category":"c","colour":"red"}'; expect 400 '.error.reason == "UNKNOWN_FIELD"' '.error.field_violations[0].field == "colour"'
api POST /products '{"name":"a\u202eb","category":"c","price":1}'; expect 400 '.error.field_violations[0].field == "name"'
api POST /products '{"name":"a\nb","category":"c","price":1}'; expect 400 '.error.field_violations[0].field == "name"'
api POST /products '{"name":"\u200b","category":"c","price":1}'; expect 400 '.error.field_violations[0].field == "name"'
api POST /products '{"name":"a","category":" ","price":1}'; expect 400 '.error.field_violations[0].field == "category"'
api POST /products '{"name":"lines","category":"c","price":1,"description":"two\nlines"}'; expect 201
api POST /products '{"name":7,"category":"c"}'; expect 400 '.error.field_violations[0].field == "name"'
api POST /products '{"name":"a","category":"c","price":"much"}'; expect 400
api POST /products '{"name":"a","category":"c","unit_amount":"99999999999999999999"}'; expect 400
api POST /products '{"name":"a\u0000b","category":"c","price":1}'; expect 400
api POST /products $'{"name":"\xff\xfe","category":"c","price":1}'; expect 400
api POST /products "$(printf '[%.0s' $(seq 5000))"; expect 400
api POST /products '' -H 'Content-Type: text/plain' --data-binary '{}'; check "another media type is refused" [ "$status" = 415 ]
head -c 20000000 /dev/zero | tr '\0' ' ' >"$work/large"
api POST /products "@$work/large"; expect 413 '.error.reason == "BODY_TOO_LARGE"'
api GET /products '' -H "X-Large: $(head -c 60000 /dev/zero | tr '\0' x)"; expect 431

# Nobody fills a store with keys: each service keeps three of a caller here.
keyed() { api POST "$1" "$2" -H "Idempotency-Key: $3"; }
new_mug='{"name":"mug","category":"kitchen","price":1}'
for key in m1 m2 m3; do keyed /products "$new_mug" $key; expect 201; done
keyed /products "$new_mug" m4; expect 429 '.error.reason == "IDEMPOTENCY_KEYS_FULL"' '.message | test("without a key")'
keyed /products "$new_mug" m3; expect 201; check "a kept key still answers" [ "$(header idempotent-replayed)" = true ]
api POST /products "$new_mug"; expect 201; mug=$(value .product_data.product_id)
add_mug="{\"category\":\"kitchen\",\"product_id\":\"$mug\",\"quantity\":1}"
for key in m1 m2 m3; do keyed /cart/add "$add_mug" $key; expect 200; done
keyed /cart/add "$add_mug" m4; expect 429 '.error.reason == "IDEMPOTENCY_KEYS_FULL"'
api POST /cart/add "$add_mug"; expect 200

# Paths and methods.
api GET /nothing; expect 404 '.error.reason == "ROUTE_NOT_FOUND"'
api PUT /products '{}'; expect 405 '.error.reason == "METHOD_NOT_ALLOWED"'
api GET '/products/a/%00'; check "NUL in a path is refused" [ "$status" = 400 ]
api GET '/products/a/%ff'; check "no UTF-8 in a path is refused" [ "$status" = 400 ]
api GET '/products/a/%zz'; check "a broken escape is refused" [ "$status" = 400 ]

# Injection is just text.
api POST /products "{\"name\":\"'; DROP TABLE products; --\",\"category\":\"c\",\"price\":1}"; expect 201
api GET "/products?search=%27%3B%20DROP%20TABLE"; expect 200
api GET /products '' -H $'X-Request-Id: a\tb'; expect 200
check "an invalid request id is replaced" [ "$(header x-request-id | grep -c $'\t')" = 0 ]

# Tokens.
jar=
bearer() { api GET /customers/me '' -H "Authorization: Bearer $1"; }
b64() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
bearer garbage; expect 401 '.error.reason == "TOKEN_MALFORMED"'
bearer "${token%?}x"; expect 401
none=$(printf '{"alg":"none","typ":"JWT"}' | b64).$(cut -d. -f2 <<<"$token").
bearer "$none"; expect 401
claims='{"Email":"sam@example.com","Role":"admin","device_id":"x","typ":"access","exp":4102444800}'
unsigned=$(printf '{"alg":"HS256","typ":"JWT"}' | b64).$(printf '%s' "$claims" | b64)
forged=$unsigned.$(printf '%s' "$unsigned" | openssl dgst -sha256 -hmac 'another key of thirty-two bytes!' -binary | b64)
bearer "$forged"; expect 401 '.error.reason == "TOKEN_FORGED"'
bearer "$token"; expect 200

# Raw bytes on the socket: smuggling forms and nonsense are closed with 400.
raw() { exec 3<>"/dev/tcp/${gateway%:*}/${gateway#*:}"; printf "$1" >&3; timeout 5 head -1 <&3 | tr -d '\r'; exec 3>&-; }
refuses() { check "refuses: $1" grep -q "^HTTP/1.1 ${2:-400}" <<<"$(raw "$1")"; }
refuses 'nonsense\r\n\r\n'
refuses 'POST /products HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refuses 'POST /products HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd'
refuses 'POST /products HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n' '\(400\|501\)'
refuses 'GET /products HTTP/1.1\r\nHost : a\r\n\r\n'
refuses 'GET /products HTTP/1.1\r\n\r\n'
refuses 'GET /products HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
refuses 'GET /products HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n'

# The shop still serves, and has counted these requests.
api GET /products; expect 200
curl -s "http://$admin/metrics" >"$work/metrics"
check "refusals are counted" grep -q '^argosy_http_refused_total{' "$work/metrics"
