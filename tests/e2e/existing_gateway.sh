#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A configuration as the existing system's Kong has it: addresses of services with ports, plugins with a secret of 28
# bytes, no strip_path anywhere, regular expressions for paths. The gateway starts with it and serves all of its routes;
# tools that collect Kong's metrics and logs find the names that they expect.
. "$(dirname "$0")/shop.sh"
secret='a secret of only 28 bytes...'
export JWT_ACCESS_TOKEN_SECRET=$secret
start_shop
first=shop; [ "$FORM" = fleet ] && first=
at() { address "${first:-$1}" "$1"; }

route() { # NAME PATH METHOD PLUGINS...
  printf '      - name: %s\n        paths: ["%s"]\n        methods: [%s]\n        plugins:\n' "$1" "$2" "$3"
  shift 3
  printf '          - %s\n' '{name: rate-limiting, config: {minute: 1000, hour: 10000, policy: local}}' "$@"
}
token="{name: auth-token-validator, config: {jwt_secret: \"$secret\"}}"
user='name: user-context-injector'
service() { printf '  - name: %s-service\n    url: grpc://%s\n    plugins:\n      - {name: grpc-gateway, config: {proto: "/kong/protos/%s.proto"}}\n    routes:\n' "$1" "$(at "$1")" "$1"; }
{
  printf '_format_version: "3.0"\n_transform: true\nplugins:\n'
  printf '  - {name: prometheus, config: {per_consumer: false, status_code_metrics: true, latency_metrics: true, bandwidth_metrics: true, upstream_health_metrics: true}}\n'
  printf '  - {name: file-log, config: {path: "%s", reopen: true}}\nservices:\n' "$work/access.log"
  service auth
  route create-user-route /users POST "$token"
  route login-route /auth/login POST 'name: grpc-cookie-transformer'
  route validation-route /auth/refresh/validate POST 'name: auth-metadata-setter' 'name: grpc-cookie-transformer'
  route logout-route /auth/logout POST 'name: auth-metadata-setter' 'name: auth-cookie-clearer'
  service user
  route get-all-user-routes /customers GET "$token" "$user"
  service product
  route create-products /products POST "$token" "$user"
  route get-products /products GET
  route get-product-by-id /products/:category/:product_id GET
  route update-product '~/products/[^/]+/[^/]+' PATCH "$token" "$user"
  route delete-product '~/products/[^/]+/[^/]+' DELETE "$token" "$user"
  service cart
  route create-cart /cart/add POST "$token" "$user"
  route get-cart /cart GET "$token" "$user"
  route update-cart /cart/update PUT "$token" "$user"
  route delete-cart /cart/remove DELETE "$token" "$user"
} >"$work/kong.yml"

make_account sam seller
make_account boss admin
start front GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 "GATEWAY_CONFIG=$work/kong.yml" -- --only gateway
base=http://$(address front gateway)
check "a short secret is warned of" grep -q 'shorter than 32 bytes' "$work/front.log"

log_in sam
check "login sets cookies" grep -qi '^set-cookie: access-token=' <<<"$headers"
api POST /products '{"name":"T-Shirt","description":"100% cotton","category":"apparel","price":19.99}'; expect 201 '.product_data.price == 19.99'
product=$(value .product_data.product_id)
api GET /products; expect 200 '.products.total_count == 1'
api GET "/products/apparel/$product"; expect 200 '.product.product.name == "T-Shirt"'
api PATCH "/products/apparel/$product" '{"price":24.5}'; expect 200 '.updatedProduct.price == 24.5'
api POST /cart/add "{\"product_id\":\"$product\",\"category\":\"apparel\",\"quantity\":2}"; check "into the cart" [ "${status:0:1}" = 2 ]
api GET /cart; expect 200 '.cart_data.total_items == 2'
api PUT /cart/update "{\"product_id\":\"$product\",\"quantity\":3}"; expect 200 '.cart_data.total_items == 3'
api DELETE /cart/remove "{\"product_id\":\"$product\"}"; expect 200
api DELETE "/products/apparel/$product"; expect 200
api POST /users '{"name":"Zoe","email":"zoe@example.com","password":"a long enough one"}'; expect 201 '.user_data.email == "zoe@example.com"'
api POST /auth/refresh/validate '{}'; expect 200
log_in boss
api GET /customers; expect 200 '.customers | length >= 3'
api POST /auth/logout '{}'; expect 200
jar=
api GET /cart; expect 401
api GET /nothing; expect 404

curl -sS "http://$(address front admin)/metrics" >"$work/metrics"
for metric in 'kong_http_requests_total{service="product-service",route="create-products",code="201",source="service"} 1' \
  'kong_http_requests_total{service="cart-service",route="get-cart",code="401",source="exit"} 1' \
  'kong_request_latency_ms_count{service="auth-service",route="login-route"} 2' \
  'kong_bandwidth_bytes{service="cart-service",route="get-cart",direction="egress"}'; do
  check "metric $metric" grep -qF "$metric" "$work/metrics"
done
shipped() { jq -r 'select(.route.name == "create-products") | [.response.status, .client_ip, .service.name, (.latencies.request | type)] | join(" ")' "$work/access.log"; }
for _ in $(seq 50); do [ -n "$(shipped)" ] && break; sleep 0.1; done
check "the access log has the members that are shipped" [ "$(shipped)" = "201 127.0.0.1 product-service number" ]
