#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What operators and clients see of a shop with faults: readiness, addresses, keys, origins.
. "$(dirname "$0")/shop.sh"
export GATEWAY_CORS_ORIGINS=https://shop.example GATEWAY_TIMEOT=10s
start_shop
ready() { curl -s -o "$work/ready" -w '%{http_code}' "http://$1/readyz"; }
check_ready() {
  local want=$1 address=$2 expression=$3
  check "readyz: $(cat "$work/ready" 2>/dev/null)" [ "$(ready "$address")" = "$want" ]
  check "$expression: $(cat "$work/ready")" [ "$(jq -r "$expression" "$work/ready")" = true ]
}

check_ready 200 "$admin" '.status == "ready" and .unreachable == null'

# A misspelt setting in the environment is mentioned in the log.
check "a misspelt setting is mentioned" grep -q '"variable":"GATEWAY_TIMEOT","setting":"GATEWAY_TIMEOUT"' "$work"/*.log

# JSON ends with a line feed, errors too.
ends_with_line() { [ "$(tail -c 1 "$work/body" | od -An -tx1)" = ' 0a' ]; }
api GET /products; expect 200; check "a line feed at the end" ends_with_line
api GET /nowhere; expect 404; check "a line feed at the end of an error" ends_with_line
check "and the length counts it" [ "$(header content-length)" = "$(stat -c %s "$work/body")" ]

# Pages of a configured origin may call the shop, with cookies; others may not.
api OPTIONS /cart/add '' -H 'Origin: https://shop.example' -H 'Access-Control-Request-Method: POST' \
  -H 'Access-Control-Request-Headers: content-type'
check "a preflight" [ "$status" = 204 ]
check "names the origin" [ "$(header access-control-allow-origin)" = https://shop.example ]
check "allows cookies" [ "$(header access-control-allow-credentials)" = true ]
api GET /products '' -H 'Origin: https://other.example'
expect 200
check "no other origin" [ -z "$(header access-control-allow-origin)" ]

# A process is not ready when its own store is gone.
store_of=$admin
[ "$FORM" = fleet ] && store_of=$(address cart admin)
mv "$ARGOSY_DATA_DIR/cart.db" "$ARGOSY_DATA_DIR/cart.away"
check_ready 503 "$store_of" '.reason | startswith("cart: ")'
mv "$ARGOSY_DATA_DIR/cart.away" "$ARGOSY_DATA_DIR/cart.db"
check_ready 200 "$store_of" '.status == "ready"'

if [ "$FORM" = fleet ]; then
  # When one of many services is down, the other processes stay ready, and name it.
  kill "$(cat "$work/product.pid")"
  wait "$(cat "$work/product.pid")" 2>/dev/null
  mapfile -t pids < <(printf '%s\n' "${pids[@]}" | grep -vx "$(cat "$work/product.pid")")
  check_ready 200 "$admin" '.status == "ready" and .unreachable == ["product"]'
  api GET /products
  expect 503 '.error.reason == "SERVICE_UNREACHABLE"' '.message | test("127\\.0\\.0\\.1|:[0-9]{4}") | not'
  check "the log has the address" grep -q '"address":"127.0.0.1:' "$work/gateway.log"

  # A process with a different key gets an error that says so, and so does the log.
  urls=()
  for service in user auth cart order payment bank; do urls+=("${service^^}_URL=grpc://$(address $service $service)"); done
  start stranger ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 "${urls[@]}" \
    FLEET_KEY=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef -- --only gateway
  sign_up ann
  log_in ann
  base=http://$(address stranger gateway)
  api GET /cart
  check "a wrong fleet key is named: $body" grep -q 'different fleet key' "$work/body"
  check "in the log too" grep -q 'different fleet key' "$work/cart.log"
else
  # With --demo the shop is ready only when the demo catalogue is loaded.
  export ARGOSY_DATA_DIR=$work/demo ARGOSY_DEMO_PASSWORD='open sesame "1"'
  stop_shop
  start_shop --demo
  for _ in $(seq 200); do
    code=$(ready "$admin")
    [ "$code" = 200 ] && break
    grep -q 'demo is still being loaded' "$work/ready" || bad "not ready: $(cat "$work/ready")"
    sleep 0.05
  done
  check "ready when the demo is loaded" grep -q 'Demo catalogue: 1000 products' "$work/shop.out"
  kettle=$(curl -s "$base/products?category=kitchen&search=kettle&page_size=1")
  check "the kettle's stock is counted" [ "$(jq -r '.products.products[0].variants[0].available != null' <<<"$kettle")" = true ]
fi

# Large JSON is compressed for clients that accept it; the compressed form has an ETag of its own, which If-None-Match accepts.
base=http://$gateway
if [ "$FORM" = single ]; then
  gzipped() { curl -s -D "$work/headers" -H "Accept-Encoding: $1" "${@:3}" "$base$2" -o "$work/packed"; headers=$(tr -d '\r' <"$work/headers"); }
  curl -s "$base/products?page_size=100" -o "$work/plain"
  gzipped 'br;q=1, gzip;q=0.8' '/products?page_size=100'
  check "it is gzip" [ "$(header content-encoding)" = gzip ]
  check "it varies" grep -qi '^vary:.*accept-encoding' <<<"$headers"
  check "it is the same text" cmp "$work/plain" <(gunzip <"$work/packed")
  check "and much smaller" [ "$(stat -c %s "$work/packed")" -lt $(($(stat -c %s "$work/plain") / 4)) ]
  check "with its own length" [ "$(header content-length)" = "$(stat -c %s "$work/packed")" ]
  gzipped 'gzip;q=0' '/products?page_size=100'
  check "not for clients that refuse it" [ -z "$(header content-encoding)" ]
  check "which varies too" grep -qi '^vary:.*accept-encoding' <<<"$headers"
  gzipped gzip '/products?page_size=1&search=nothing-of-this-name'
  check "nothing small" [ -z "$(header content-encoding)" ]
  product=$(jq -r '[.products.products[] | select(.variants | length > 2)][0] | "\(.category)/\(.product_id)"' "$work/plain")
  gzipped gzip "/products/$product"
  tag=$(header etag)
  check "a tag of its own: $tag" grep -q -- '-gzip"$' <<<"$tag"
  gzipped gzip "/products/$product" -H "If-None-Match: $tag"
  check "not modified" grep -q ' 304' <<<"$headers"
  check "with that tag" [ "$(header etag)" = "$tag" ]
  api POST /auth/login '{"email":"seller@example.com","password":"open sesame \"1\"","device_id":"desk"}'
  expect 200
  token=$(value .login_data.message)
  api PATCH "/products/$product" '{"price":3}' -H "If-Match: $tag" -H "Authorization: Bearer $token"
  expect 200
  api PATCH "/products/$product" '{"price":4}' -H "If-Match: $tag" -H "Authorization: Bearer $token"
  check "a tag that is old: $status" [ "$status" != 200 ]
fi
