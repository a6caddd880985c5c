#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# However a session ends, it ends at once, and so do its access tokens.
export JWT_ACCESS_TOKEN_SECRET=5e884898da28047151d0e56f8dc6292773603d0d6aabbdd6
. "$(dirname "$0")/shop.sh"
start_shop

# issued EMAIL: an access token without a session, issued now, as the existing system makes them.
issued() {
  local now claims head signed
  now=$(date +%s)
  claims="{\"Email\":\"$1\",\"Role\":\"customer\",\"DeviceId\":\"old\",\"iat\":$now,\"exp\":$((now + 300))}"
  url64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
  head=$(printf '{"alg":"HS256","typ":"JWT"}' | url64).$(printf '%s' "$claims" | url64)
  signed=$(printf '%s' "$head" | openssl dgst -sha256 -hmac "$JWT_ACCESS_TOKEN_SECRET" -binary | url64)
  printf '%s.%s' "$head" "$signed"
}

token_of() { awk -v name="$1" '$6 == name {print $7}' "$jar"; }
me() { jar='' api GET /customers/me '' -H "Authorization: Bearer $1"; }
good() { me "$1"; expect 200; }
# refused TOKEN REASON: expects the token to be refused within a second.
refused() {
  local end=$(($(date +%s%N) + 1000000000))
  me "$1"
  while [ "$status" != 401 ] && [ "$(date +%s%N)" -lt $end ]; do sleep 0.02; me "$1"; done
  expect 401 ".error.reason == \"$2\""
}

# Starts another gateway of the fleet, or the whole shop again.
start_gateway() {
  local i urls=()
  if [ "$FORM" != fleet ]; then stop_shop; start_shop; return; fi
  for i in "${!services[@]}"; do urls+=("${services[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))"); done
  start gateway2 ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 "${urls[@]}" -- --only gateway
  base=http://$(address gateway2 gateway)
}

sign_up ann; sign_up bob; make_account boss admin

# Logging out, with another session of the same user beside it.
log_in ann phone; phone=$(token_of access-token)
log_in ann laptop; laptop=$(token_of access-token)
good "$laptop"; good "$phone"
api POST /auth/logout '{}'; expect 200
refused "$laptop" TOKEN_REVOKED
good "$phone"

# Revoking from another device, and all.
log_in ann laptop; laptop=$(token_of access-token)
api DELETE /auth/sessions/phone; expect 200
refused "$phone" TOKEN_REVOKED
good "$laptop"
api DELETE /auth/sessions; expect 200
refused "$laptop" TOKEN_REVOKED

# A new login on the same device replaces the old session.
log_in ann laptop; old=$(token_of access-token)
log_in ann laptop; new=$(token_of access-token)
refused "$old" TOKEN_REVOKED
good "$new"

# Tokens of the existing system belong to no session: a logout ends those of the account that were issued before it. Their
# age is known in whole seconds.
sign_up eve; sleep 1.1
old=$(issued eve@example.com); others=$(issued bob@example.com)
good "$old"; good "$others"
log_in eve; api POST /auth/logout '{}'; expect 200
refused "$old" TOKEN_REVOKED
good "$others"
sleep 1.1
good "$(issued eve@example.com)"
log_in ann laptop; new=$(token_of access-token)

# A stolen refresh token.
first=$(token_of refresh-token)
api POST /auth/refresh/validate '{}'; expect 200; second=$(token_of refresh-token)
api POST /auth/refresh/validate '{}'; expect 200; third=$(token_of access-token)
good "$new"; good "$third"
jar=
api POST /auth/refresh/validate "{\"refresh_token\":\"$first\"}"; expect 401 '.error.reason == "TOKEN_REUSED"'
refused "$new" TOKEN_REVOKED
refused "$third" TOKEN_REVOKED

# A new password: the session that set it stays valid, the others end.
log_in ann phone; phone=$(token_of access-token)
log_in ann laptop; laptop=$(token_of access-token)
api POST /auth/password '{"current_password":"secret-ann","new_password":"brand-new"}'; expect 200
refused "$phone" TOKEN_REVOKED
sleep 0.3
good "$laptop"
api POST /auth/refresh/validate '{}'; expect 200

# A new role outdates the access tokens, also those that belong to no session; the session goes on with new ones.
log_in bob phone; bob=$(token_of access-token); good "$bob"; cp "$jar" "$work/bob.phone"
old=$(issued bob@example.com); good "$old"
log_in boss
api PUT /customers/bob@example.com/role '{"role":"seller"}'; expect 200
refused "$bob" TOKEN_EXPIRED
refused "$old" TOKEN_REVOKED
jar=$work/bob.phone
api POST /auth/refresh/validate '{}'; expect 200; bob=$(token_of access-token)
me "$bob"; expect 200 '.role == "seller"'

# A blocked account, which a gateway that starts later knows of, too.
log_in boss
api PUT /customers/bob@example.com/status '{"status":"blocked"}'; expect 200
refused "$bob" TOKEN_REVOKED
start_gateway
refused "$bob" TOKEN_REVOKED
good "$(jar=$work/boss.jar token_of access-token)"

# A deleted account. Deleting it requires the password: a stolen token is not enough.
log_in ann laptop; expect 401
jar=
api POST /auth/login '{"email":"ann@example.com","password":"brand-new","device_id":"desk"}'; expect 200
desk=$(value .login_data.message)
api DELETE /customers/ann@example.com '' -H "Authorization: Bearer $desk"; expect 400 '.error.reason == "PASSWORD_REQUIRED"'
api DELETE /customers/ann@example.com '{"password":"brand-new"}' -H "Authorization: Bearer $desk"; expect 200
refused "$desk" TOKEN_REVOKED
