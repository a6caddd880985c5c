#!/usr/bin/env bash
# What operators and strangers get to see of a shop that is not all there: readiness, addresses, keys, origins.
. "$(dirname "$0")/shop.sh"
export GATEWAY_CORS_ORIGINS=https://shop.example
start_shop
ready() { curl -s -o "$work/ready" -w '%{http_code}' "http://$1/readyz"; }
check_ready() {
  local want=$1 address=$2 expression=$3
  check "readyz: $(cat "$work/ready" 2>/dev/null)" [ "$(ready "$address")" = "$want" ]
  check "$expression: $(cat "$work/ready")" [ "$(jq -r "$expression" "$work/ready")" = true ]
}

check_ready 200 "$admin" '.status == "ready" and .unreachable == null'

# JSON ends with a line feed, errors too.
ends_with_line() { [ "$(tail -c 1 "$work/body" | xxd -p)" = 0a ]; }
api GET /products; expect 200; check "a line feed at the end" ends_with_line
api GET /nowhere; expect 404; check "a line feed at the end of an error" ends_with_line
check "and the length counts it" [ "$(header content-length)" = "$(stat -c %s "$work/body")" ]

# A page of an origin that is named may call, with cookies; others may not.
api OPTIONS /cart/add '' -H 'Origin: https://shop.example' -H 'Access-Control-Request-Method: POST' \
  -H 'Access-Control-Request-Headers: content-type'
check "a preflight" [ "$status" = 204 ]
check "names the origin" [ "$(header access-control-allow-origin)" = https://shop.example ]
check "allows cookies" [ "$(header access-control-allow-credentials)" = true ]
api GET /products '' -H 'Origin: https://other.example'
expect 200
check "no other origin" [ -z "$(header access-control-allow-origin)" ]

# A store that is gone is the process's own.
store_of=$admin
[ "$FORM" = fleet ] && store_of=$(address cart admin)
mv "$ARGOSY_DATA_DIR/cart.db" "$ARGOSY_DATA_DIR/cart.away"
check_ready 503 "$store_of" '.reason | startswith("cart: ")'
mv "$ARGOSY_DATA_DIR/cart.away" "$ARGOSY_DATA_DIR/cart.db"
check_ready 200 "$store_of" '.status == "ready"'

if [ "$FORM" = fleet ]; then
  # One of many services is away: the others' processes are ready, and say which.
  kill "$(cat "$work/product.pid")"
  wait "$(cat "$work/product.pid")" 2>/dev/null
  mapfile -t pids < <(printf '%s\n' "${pids[@]}" | grep -vx "$(cat "$work/product.pid")")
  check_ready 200 "$admin" '.status == "ready" and .unreachable == ["product"]'
  api GET /products
  expect 503 '.error.reason == "SERVICE_UNREACHABLE"' '.message | test("127\\.0\\.0\\.1|:[0-9]{4}") | not'
  check "the log has the address" grep -q '"address":"127.0.0.1:' "$work/gateway.log"

  # A process with another key is told so, and so is the log.
  urls=()
  for service in user auth cart order payment bank; do urls+=("${service^^}_URL=grpc://$(address $service $service)"); done
  start stranger ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 "${urls[@]}" \
    FLEET_KEY=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef -- --only gateway
  sign_up ann
  log_in ann
  base=http://$(address stranger gateway)
  api GET /cart
  check "a wrong fleet key is named: $body" grep -q 'another fleet key' "$work/body"
  check "in the log too" grep -q 'another fleet key' "$work/cart.log"
else
  # The demo counts as loaded once it is.
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
