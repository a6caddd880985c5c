#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One account makes two hundred expensive requests at once, changes of its own password, and then as
# many logins: others can log in meanwhile, the second time from the same address, and only that
# account gets LANE_FULL.
. "$(dirname "$0")/shop.sh"
status=- body=-
export USER_ARGON2_MEMORY=19MiB USER_ARGON2_PASSES=2
start_shop

sign_up ann; expect 201
sign_up bob; expect 201
sign_up eve; expect 201
log_in eve; expect 200
token=$(value .login_data.message)
jar=

cat >"$work/attack" <<END
parallel
parallel-max = 200
silent
header = "Authorization: Bearer $token"
header = "Content-Type: application/json"
data = "{\"current_password\":\"secret-eve\",\"new_password\":\"another-secret-of-eve\"}"
END
for i in $(seq 200); do printf 'url = "%s/auth/password"\noutput = "%s/attack-%s.json"\n' "$base" "$work" "$i"; done >>"$work/attack"

# attack_beside_ann ADDRESS: begins the attack, and ann logs in five times from this address.
attack_beside_ann() {
  rm -f "$work"/attack-*.json
  curl -K "$work/attack" 2>/dev/null &
  attacker=$!
  sleep 0.3
  for _ in 1 2 3 4 5; do
    api POST /auth/login '{"email":"ann@example.com","password":"secret-ann","device_id":"laptop"}' --interface "$1"
    expect 200 '.success'
  done
}

# some_were_refused WHAT: the attack filled the lane.
some_were_refused() {
  local refused
  refused=$(grep -l LANE_FULL "$work"/attack-*.json 2>/dev/null | wc -l)
  check "the lane was full for $1 that filled it ($refused)" [ "$refused" -gt 0 ]
}

# Ann has an address of her own: once the password is changed, the requests behind it have the wrong
# one, and many failures from one address delay logins from there.
attack_beside_ann 127.0.0.2
wait $attacker
some_were_refused "the account"

# Logins have no account yet, but those of one do not keep out another's from the same address.
sed -i -e '/^header = "Authorization/d' -e 's|/auth/password|/auth/login|' \
  -e "s|^data = .*|data = \"{\\\\\"email\\\\\":\\\\\"bob@example.com\\\\\",\\\\\"password\\\\\":\\\\\"secret-bob\\\\\",\\\\\"device_id\\\\\":\\\\\"x\\\\\"}\"|" "$work/attack"
echo 'interface = "127.0.0.3"' >>"$work/attack"
attack_beside_ann 127.0.0.3
kill $attacker 2>/dev/null
wait $attacker
some_were_refused "the logins"

# The same password again is refused before anything is hashed.
api POST /auth/password '{"current_password":"x-x-x-x-x","new_password":"x-x-x-x-x"}' -H "Authorization: Bearer $token"
expect 400 '.error.reason == "PASSWORD_SAME"'
