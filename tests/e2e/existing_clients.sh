#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Clients and services of the existing system call our ports by gRPC and name the user by metadata
# alone. They are trusted only where ARGOSY_TRUST_METADATA=1 says that the network is trusted.
. "$(dirname "$0")/shop.sh"
protos=$(cd "$(dirname "$0")/../../proto" && pwd)

# grpc ADDRESS SERVICE RPC REQUEST-TYPE RESPONSE-TYPE TEXT [HEADER...]: a raw call; sets $status to the gRPC status and
# $body to the answer in protobuf's text form.
grpc() {
  local address=$1 service=$2 rpc=$3 request=$4 response=$5 text=$6 file=${2%%_service*}.proto options=()
  shift 6
  for header in "$@"; do options+=(-H "$header"); done
  protoc -I"$protos" -I/usr/include --encode="${service%.*}.$request" "$file" <<<"$text" >"$work/message"
  local size
  size=$(stat -c %s "$work/message")
  { printf '\0'; printf "\\x$(printf %02x $((size >> 24)))\\x$(printf %02x $((size >> 16 & 255)))\\x$(printf %02x $((size >> 8 & 255)))\\x$(printf %02x $((size & 255)))"
    cat "$work/message"; } >"$work/frame"
  curl -sS --http2-prior-knowledge --max-time 10 -H 'content-type: application/grpc' -H 'te: trailers' "${options[@]}" \
    --data-binary "@$work/frame" -D "$work/grpc.headers" -o "$work/answer" "http://$address/$service/$rpc"
  status=$(tr -d '\r' <"$work/grpc.headers" | sed -n 's/^grpc-status: //p' | tail -1)
  body=$(tail -c +6 "$work/answer" | protoc -I"$protos" -I/usr/include --decode="${service%.*}.$response" "$file" 2>/dev/null)
}
says() { check "answers with $1" grep -q "$1" <<<"$body"; }
is() { if [ "$status" = "$1" ]; then ok; else bad "expected gRPC status $1"; fi; }

user=user_service.UserService product=product_service.ProductService cart=cart_service.CartService auth=auth_service.AuthService
start_and_find() {
  start_shop
  if [ "$FORM" = fleet ]; then
    user_at=$(address user user) auth_at=$(address auth auth) product_at=$(address product product) cart_at=$(address cart cart)
  else
    user_at=$(address shop user) auth_at=$(address shop auth) product_at=$(address shop product) cart_at=$(address shop cart)
  fi
}

# By default metadata without a signature is not trusted.
start_and_find
grpc "$user_at" $user CreateCustomer CreateCustomerRequest CreateCustomerResponse \
  'name: "Ann" email: "ann@example.com" password: "secret-ann"'
is 0; says 'role: "customer"'
grpc "$cart_at" $cart GetCart GetCartRequest CartStandardResponse '' 'x-user-email: ann@example.com'
is 16
grpc "$user_at" $user GetCustomerCredentials GetCustomerCredentialsRequest CustomerCredentialsResponse \
  'email: "ann@example.com"'
is 7
grpc "$product_at" $product CreateProduct CreateProductRequest StandardResponse 'name: "X" category: "c" price: 1' \
  'x-user-email: eve@example.com' 'x-user-role: admin'
is 16
stop_shop

# With ARGOSY_TRUST_METADATA=1 it is, as behind the existing gateway.
export ARGOSY_TRUST_METADATA=1
start_and_find
grpc "$auth_at" $auth CreateUserAccount CreateUserRequest StandardResponse \
  'name: "Bob" email: "bob@example.com" password: "secret-bob"'
is 0; says 'status_code: 201'
grpc "$auth_at" $auth Login LoginRequest StandardResponse 'email: "bob@example.com" password: "secret-bob" device_id: "web"'
is 0; says 'login_data'
check "the cookies come as metadata" [ "$(grep -ci '^set-cookie: ' "$work/grpc.headers")" = 2 ]
refresh=$(sed -n 's/^set-cookie: refresh-token=\([^;]*\);.*/\1/ip' "$work/grpc.headers")
grpc "$auth_at" $auth ValidateRefreshToken ValidateRefreshTokenRequest StandardResponse '' "refresh-token: $refresh"
is 0; says 'refreshTOkenData'
grpc "$user_at" $user GetCustomerCredentials GetCustomerCredentialsRequest CustomerCredentialsResponse \
  'email: "bob@example.com"'
is 0; says 'password: "'
grpc "$product_at" $product CreateProduct CreateProductRequest StandardResponse \
  'name: "T-Shirt" description: "100% cotton" category: "apparel" price: 19.99' \
  'x-user-email: sam@example.com' 'x-user-role: seller'
is 0; says 'price: 19.99'
id=$(sed -n 's/.*product_id: "\([^"]*\)".*/\1/p' <<<"$body" | head -1)
grpc "$product_at" $product GetProductById GetProductByIdRequest StandardResponse "category: \"apparel\" product_id: \"$id\""
is 0; says 'created_by: "sam@example.com"'
grpc "$cart_at" $cart AddToCart AddToCartRequest CartStandardResponse \
  "product_id: \"$id\" category: \"apparel\" quantity: 2" 'x-user-email: bob@example.com'
is 0; says 'quantity: 2'
grpc "$cart_at" $cart GetCart GetCartRequest CartStandardResponse '' 'x-user-email: bob@example.com'
is 0; says 'subtotal: 39.98'
grpc "$cart_at" $cart GetCart GetCartRequest CartStandardResponse ''
is 16

# Its services call without any metadata, and its gateway names the user without the role, which is then looked up.
grpc "$user_at" $user GetCustomerByEmail GetCustomerByEmailRequest Customer 'email: "bob@example.com"'
is 0; says 'name: "Bob"'
grpc "$user_at" $user GetCustomers GetCustomersRequest GetCustomersResponse ''
is 0; says 'email: "bob@example.com"'
make_account sam seller
create='name: "Cap" category: "apparel" price: 5'
grpc "$product_at" $product CreateProduct CreateProductRequest StandardResponse "$create" 'x-user-email: sam@example.com'
is 0; says 'price: 5'
grpc "$product_at" $product CreateProduct CreateProductRequest StandardResponse "$create" 'x-user-email: bob@example.com'
is 7
grpc "$product_at" $product CreateProduct CreateProductRequest StandardResponse "$create" 'x-user-email: nobody@example.com'
is 7
grpc "$product_at" $product CreateProduct CreateProductRequest StandardResponse "$create"
is 16
# A signature that does not verify comes from another shop of Argosy, not from the existing system's services.
grpc "$user_at" $user GetCustomers GetCustomersRequest GetCustomersResponse '' 'x-fleet-signature: v1.1.x'
is 16
grpc "$user_at" $user DeleteCustomer DeleteCustomerRequest DeleteCustomerResponse 'email: "bob@example.com"'
is 0
name=$([ "$FORM" = fleet ] && echo cart || echo shop)
check "the log says that every peer is trusted" grep -q ARGOSY_TRUST_METADATA "$work/$name.log"
