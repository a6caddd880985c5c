#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From signing up to changing the password, on several devices.
. "$(dirname "$0")/shop.sh"
start_shop

# Signing up.
sign_up ann; expect 201 '.success' '.status_code == 201' '.user_data.email == "ann@example.com"' '.user_data.role == "customer"'
sign_up ann; expect 409 '.success == false' '.error.code == "ALREADY_EXISTS"' '.error.reason == "USER_EXISTS"'
api POST /users '{"name":"Ann","email":"ANN@Example.com","password":"another-one"}'; expect 409
api POST /users '{"name":"","email":"no address","password":"x"}'
expect 400 '[.error.field_violations[].field] | sort == ["email","name","password"]'
api POST /customers '{"name":"Bob","email":"bob@example.com","password":"secret-bob"}'; expect 201 '.email == "bob@example.com"' 'has("password") | not'

# An Idempotency-Key, plain or as a quoted string: the first answer again. Through auth and directly it is the same request.
carl() { api POST "$1" "{\"name\":\"Carl\",\"email\":\"carl@example.com\",\"password\":\"$2\"}" -H "Idempotency-Key: $3"; }
carl /users secret-carl sign-1; expect 201 '.user_data.email == "carl@example.com"'; first=$body
check "the first is not marked" [ -z "$(header idempotent-replayed)" ]
carl /users secret-carl sign-1; expect 201; check "the repeat answers the same" [ "$body" = "$first" ]
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
carl /users secret-carl '"sign-1"'; expect 201; check "the quoted form is the same key" [ "$body" = "$first" ]
carl /customers secret-carl sign-1; expect 201 '.email == "carl@example.com"'
check "the repeat is marked" [ "$(header idempotent-replayed)" = true ]
carl /users another-one sign-1; expect 422 '.error.reason == "IDEMPOTENCY_KEY_REUSED"'
carl /users secret-carl sign-2; expect 409 '.error.reason == "USER_EXISTS"'
carl /users secret-carl '"'; expect 400 '.error.reason == "IDEMPOTENCY_KEY_INVALID"'
api POST /customers '{"name":"Dora","email":"dora@example.com","password":"secret-dora"}' -H 'Idempotency-Key: sign-1'
expect 201 '.email == "dora@example.com"'
check "a stranger's key is another key" [ -z "$(header idempotent-replayed)" ]

# Logging in. Unknown addresses and wrong passwords answer alike.
api POST /auth/login '{"email":"ann@example.com","password":"wrong","device_id":"laptop"}'; expect 401 '.error.reason == "CREDENTIALS_WRONG"'
wrong=$body
api POST /auth/login '{"email":"nobody@example.com","password":"wrong","device_id":"laptop"}'; expect 401
check "both answer alike" [ "$wrong" = "$body" ]
log_in ann; expect 200 '.success' '.login_data.message | split(".") | length == 3'
access=$(value .login_data.message)
check "both cookies are HttpOnly" [ "$(grep -ci '^set-cookie: .*httponly' <<<"$headers")" = 2 ]
check "no Secure on plain loopback, or curl would not send them" [ "$(grep -ci '^set-cookie: .*secure' <<<"$headers")" = 0 ]

# The caller's own profile, by cookie and by bearer token.
api GET /customers/me; expect 200 '.email == "ann@example.com"' '.name == "ann"'
api PATCH /customers/me '{"phone":"+49 30 1234"}'; expect 200 '.phone == "+49 30 1234"' '.name == "ann"'
api GET /customers/ann@example.com; expect 200 '.phone == "+49 30 1234"'
jar=
api GET /customers/me '' -H "Authorization: Bearer $access"; expect 200 '.email == "ann@example.com"'
api GET /customers/me; expect 401 '.error.code == "UNAUTHENTICATED"'
api GET /customers/me '' -H 'x-user-email: ann@example.com' -H 'x-user-role: admin'; expect 401

# Nobody can read or change somebody else's account.
log_in ann
api GET /customers/bob@example.com; expect 403 '.error.reason == "NOT_OWNER"'
api GET /customers; expect 403 '.error.reason == "ROLE_REQUIRED"'
api DELETE /customers/bob@example.com; expect 403
api PUT /customers/ann@example.com/role '{"role":"admin"}'; expect 403

# Refreshing rotates; a used token ends the session.
old=$(awk '$6 == "refresh-token" {print $7}' "$jar")
api POST /auth/refresh/validate '{}'; expect 200 '.refreshTOkenData.message | split(".") | length == 3'
new=$(awk '$6 == "refresh-token" {print $7}' "$jar")
check "the refresh token rotates" [ "$old" != "$new" ]
jar=
api POST /auth/refresh/validate "{\"refresh_token\":\"$old\"}"; expect 200
again=$(grep -i '^set-cookie: refresh-token=' <<<"$headers" | sed 's/.*refresh-token=\([^;]*\).*/\1/')
check "within the grace the predecessor answers with the same successor" [ "$again" = "$new" ]
api POST /auth/refresh/validate "{\"refresh_token\":\"$new\"}"; expect 200
api POST /auth/refresh/validate "{\"refresh_token\":\"$old\"}"; expect 401 '.error.reason == "TOKEN_REUSED"'
api POST /auth/refresh/validate "{\"refresh_token\":\"$new\"}"; expect 401 '.error.reason == "TOKEN_REVOKED"'
api POST /auth/refresh/validate "{\"refresh_token\":\"$access\"}"; expect 401
api POST /auth/refresh/validate '{}'; expect 401 '.error.reason == "LOGIN_REQUIRED"'

# Sessions by device.
log_in ann phone; log_in ann laptop
refresh=$(awk '$6 == "refresh-token" {print $7}' "$jar")
api GET /auth/sessions; expect 200 '[.sessions_data.sessions[].device_id] | sort == ["laptop","phone"]' \
  '[.sessions_data.sessions[] | select(.current) | .device_id] == ["laptop"]'
api DELETE /auth/sessions/phone; expect 200
api DELETE /auth/sessions/phone; expect 404 '.error.reason == "SESSION_NOT_FOUND"'
api POST /auth/logout '{}'; expect 200 '.logout_data.message == "logout successful"'
check "logging out clears both cookies" [ "$(grep -ci '^set-cookie: \(access\|refresh\)-token=; .*max-age=0' <<<"$headers")" = 2 ]
api POST /auth/refresh/validate "{\"refresh_token\":\"$refresh\"}"; expect 401 '.error.reason == "TOKEN_REVOKED"'

# Changing the password ends the other sessions and keeps this one.
log_in ann phone; phone=$jar; cp "$phone" "$work/phone.jar"
log_in ann laptop
api POST /auth/password '{"current_password":"wrong","new_password":"brand-new"}'; expect 401
api POST /auth/password '{"current_password":"secret-ann","new_password":"brand-new"}'; expect 200
api POST /auth/refresh/validate '{}'; expect 200
jar=$work/phone.jar
api POST /auth/refresh/validate '{}'; expect 401
jar=
api POST /auth/login '{"email":"ann@example.com","password":"secret-ann"}'; expect 401
api POST /auth/login '{"email":"ann@example.com","password":"brand-new"}'; expect 200

# Admins.
make_account root superAdmin; make_account boss admin
log_in boss
api GET '/customers?page_size=2'; expect 200 '.customers | length == 2' '.next_cursor != ""'
cursor=$(value .next_cursor)
api GET "/customers?page_size=50&cursor=$cursor"; expect 200 '.customers | length >= 2' '.next_cursor == ""'
api PUT /customers/bob@example.com/role '{"role":"seller"}'; expect 200 '.role == "seller"'
api PUT /customers/bob@example.com/role '{"role":"admin"}'; expect 403
api PUT /customers/root@example.com/role '{"role":"customer"}'; expect 403
api PUT /customers/bob@example.com/role '{"role":"king"}'; expect 400 '.error.field_violations[0].field == "role"'
api PUT /customers/nobody@example.com/role '{"role":"seller"}'; expect 404

# A blocked user's session ends at the next refresh, and there is no new one.
log_in bob; expect 200
bob=$jar
log_in boss
api PUT /customers/bob@example.com/status '{"status":"blocked"}'; expect 200
jar=$bob
api POST /auth/refresh/validate '{}'; expect 401
log_in bob; expect 403 '.error.reason == "USER_BLOCKED"'
log_in boss
api DELETE /customers/bob@example.com; expect 200
api DELETE /customers/bob@example.com; expect 404
jar=
log_in bob; expect 401

# Deleting one's own account requires the password again.
api POST /users '{"name":"Eve","email":"eve@example.com","password":"password1"}'; expect 400 '.error.reason == "PASSWORD_WEAK"'
sign_up eve; log_in eve; expect 200
api DELETE /customers/eve@example.com; expect 400 '.error.reason == "PASSWORD_REQUIRED"'
api DELETE /customers/eve@example.com '{"password":"wrong"}'; expect 401 '.error.reason == "CREDENTIALS_WRONG"'
api DELETE /customers/eve@example.com '{"password":"secret-eve"}'; expect 200

# Guessing passwords from this address is slowed down.
jar=
for _ in $(seq 20); do
  api POST /auth/login '{"email":"root@example.com","password":"guess"}'
  [ "$status" != 429 ] || break
done
expect 429 '.error.reason == "LOGIN_BACKOFF"'
check "it says when to try again" [ -n "$(header retry-after)" ]
