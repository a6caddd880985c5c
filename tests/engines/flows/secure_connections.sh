#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who may talk to whom: orders on PostgreSQL, carts on Redis and accounts on MongoDB, each over TLS with verification and
# with a user of its own. A wrong authority, host name, certificate, user or password is refused with what to do about it,
# by `argosy store check` at once and by the server in its log, and no secret is in either. The server goes on trying, and
# works as soon as a password is mended. The engines are of this flow alone.
set -u
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] && [ -n "${ARGOSY_TEST_REDIS:-}" ] && [ -n "${ARGOSY_TEST_MONGODB:-}" ] ||
  { echo "skipped: it needs PostgreSQL, Redis and MongoDB; tests/engines/run starts them"; exit 0; }
FORM=single
. "$root/tests/e2e/shop.sh"
. "$root/tests/engines/certificates.sh"
chmod 755 "$work"
certificates=$work/certificates
mkdir "$certificates" "$work/postgres" "$work/redis" "$work/mongodb"
engines=()
finish_engines() {
  local code=$? engine
  for engine in "${engines[@]}"; do "$root/tests/engines/$engine.sh" stop "$work/$engine"; done
  (exit $code); finish
}
trap finish_engines EXIT
export STORE_START_TIMEOUT=30s
secrets='shop-secret|redis-secret|mongo-secret|postgres-pass|redis-pass|mongo-pass|wr0ng'

make_authority ca
make_authority stranger
issue ca server localhost DNS:localhost,IP:127.0.0.1
issue ca elsewhere elsewhere DNS:elsewhere.test
issue ca expired localhost DNS:localhost,IP:127.0.0.1 -1
issue ca shopper shopper DNS:shopper
ca=$certificates/ca.crt

# settled TEXT COMMAND...: the command says the text within five seconds.
settled() {
  local text=$1 end=$((SECONDS + 5))
  shift
  until "$@" 2>&1 | grep -q -E "$text"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

# refused SETTING URL TEXT: `store check` ends at once, names the setting, and says the text and no secret.
refused() {
  local begun=$SECONDS
  body=$(env "$1=$2" "$ARGOSY" store check 2>&1); status=$?
  check "$1=$2: fails" test $status = 1
  check "$1=$2: says '$3'" grep -q -E "$1.*cannot be used.*$3" <<<"$body"
  check "$1=$2: keeps secrets" eval '! grep -q -E "$secrets" <<<"$body"'
  check "$1=$2: does not wait" test $((SECONDS - begun)) -lt 5
}

accepted() {
  body=$(env "$1=$2" "$ARGOSY" store check 2>&1); status=$?
  check "$1=$2: can be used" test $status = 0
}

# ---- PostgreSQL ----

start_postgres() {
  engines+=(postgres)
  postgres=$("$root/tests/engines/postgres.sh" start "$work/postgres" | cut -d= -f2-)
  postgres_port=$(cat "$work/postgres/port")
  cp "$certificates"/{ca,server,elsewhere,expired}.crt "$certificates"/{server,elsewhere,expired}.key "$work/postgres/data/"
  [ "$(id -u)" -ne 0 ] || chown postgres: "$work/postgres/data"/*.{crt,key}
  # The users may come over TLS only, and `shopper` with a certificate only.
  printf 'host all shop 127.0.0.1/32 scram-sha-256\nhostssl all seller 127.0.0.1/32 scram-sha-256\nhostssl all shopper 127.0.0.1/32 cert\n' \
    >"$work/postgres/data/pg_hba.conf"
  sql "CREATE ROLE seller LOGIN PASSWORD 'postgres-pass'; CREATE ROLE shopper LOGIN; CREATE SCHEMA \"order\" AUTHORIZATION seller"
  sql "GRANT seller TO shopper"
  sql "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'"
  show_certificate server
}

sql() { psql "$postgres" -qAtc "$1"; }

show_certificate() {
  sql "ALTER SYSTEM SET ssl_cert_file = '$1.crt'"
  sql "ALTER SYSTEM SET ssl_key_file = '$1.key'"
  sql "ALTER SYSTEM SET ssl = on"
  sql "SELECT pg_reload_conf()" >/dev/null
  settled "$(openssl x509 -in "$certificates/$1.crt" -noout -fingerprint -sha256 | cut -d= -f2)" show_presented
}

show_presented() {
  openssl s_client -starttls postgres -connect "127.0.0.1:$postgres_port" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256
}

postgres_url() { echo "postgres://$1@${2:-localhost}:$postgres_port/postgres?sslmode=verify-full&sslrootcert=${3:-$ca}"; }

try_postgres() {
  ORDER_STORE=$(postgres_url seller:postgres-pass) "$ARGOSY" store prepare >/dev/null
  accepted ORDER_STORE "$(postgres_url seller:postgres-pass)"
  accepted ORDER_STORE "$(postgres_url shopper)&sslcert=$certificates/shopper.crt&sslkey=$certificates/shopper.key"
  PGPASSWORD=postgres-pass accepted ORDER_STORE "$(postgres_url seller)"
  refused ORDER_STORE "$(postgres_url seller:wr0ng)" '28P01.*correct the user and password'
  refused ORDER_STORE "$(postgres_url nobody:wr0ng)" '28000.*admit it in the server'
  refused ORDER_STORE "$(postgres_url seller)" 'no password supplied; write the password'
  refused ORDER_STORE "$(postgres_url shopper)" '28000.*'
  refused ORDER_STORE "postgres://seller:postgres-pass@localhost:$postgres_port/postgres?sslmode=disable" '28000.*no encryption'
  refused ORDER_STORE "postgres://shop:wr0ng@localhost:$postgres_port/postgres?password=wr0ng" '28P01'
  refused ORDER_STORE "postgres://seller:postgres-pass@localhost:$postgres_port/nowhere?sslmode=verify-full&sslrootcert=$ca" '3D000.*create it'
  refused ORDER_STORE "$(postgres_url seller:postgres-pass localhost "$certificates/stranger.crt")" 'sslrootcert'
  refused ORDER_STORE "$(postgres_url seller:postgres-pass localhost "$certificates/none.crt")" 'sslrootcert'
  show_certificate elsewhere
  refused ORDER_STORE "$(postgres_url seller:postgres-pass)" 'does not match host name.*use the name in the certificate'
  show_certificate expired
  refused ORDER_STORE "$(postgres_url seller:postgres-pass)" 'renew the certificate if it has expired'
  show_certificate server
}

# ---- Redis ----

start_redis() {
  engines+=(redis)
  "$root/tests/engines/redis.sh" start "$work/redis" >"$work/redis.settings"
  redis_port=$(cat "$work/redis/tls-port")
  redis ACL SETUSER seller on '>redis-pass' '~*' '&*' +@read +@write +@scripting +info +role '+client|setname' '+config|get' +wait
  redis_certificate server
}

redis() { REDISCLI_AUTH=redis-secret redis-cli -p "$(cat "$work/redis/port")" "$@" >/dev/null; }
redis_certificate() {
  redis CONFIG SET tls-cert-file "$certificates/$1.crt" tls-key-file "$certificates/$1.key" tls-ca-cert-file "$ca"
}
redis_url() { echo "rediss://$1@localhost:$redis_port?cafile=${2:-$ca}"; }

try_redis() {
  accepted CART_STORE "$(redis_url seller:redis-pass)"
  accepted CART_STORE "$(redis_url :redis-secret)"
  refused CART_STORE "$(redis_url seller:wr0ng)" 'WRONGPASS.*correct the user, the password'
  refused CART_STORE "$(redis_url nobody:wr0ng)" 'WRONGPASS.*correct the user, the password'
  refused CART_STORE "rediss://localhost:$redis_port?cafile=$ca" 'NOAUTH.*correct the user, the password'
  refused CART_STORE "$(redis_url seller:redis-pass "$certificates/stranger.crt")" 'not accepted.*cafile'
  redis_certificate elsewhere
  refused CART_STORE "$(redis_url seller:redis-pass)" 'mismatch; use the name in the certificate'
  redis_certificate expired
  refused CART_STORE "$(redis_url seller:redis-pass)" 'expired; renew the certificate'
  redis_certificate server
  redis CONFIG SET tls-auth-clients yes
  accepted CART_STORE "$(redis_url seller:redis-pass)&certfile=$certificates/shopper.crt&keyfile=$certificates/shopper.key"
  refused CART_STORE "$(redis_url seller:redis-pass)" 'does not accept our certificate.*certfile'
  redis CONFIG SET tls-auth-clients no
}

# ---- MongoDB ----

mongo() {
  "$root/build/engines"/secantusdb-*/bin/python - "$(cat "$work/mongodb/port")" "$1" <<'PYTHON' >/dev/null
import json, sys, pymongo
options = {"directConnection": True, "serverSelectionTimeoutMS": 5000}
try:
    client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]), **options)
    client.admin.command(json.loads(sys.argv[2]))
except pymongo.errors.PyMongoError:
    client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]), username="admin", password="mongo-secret", tls=True,
                                 tlsAllowInvalidCertificates=True, **options)
    client.admin.command(json.loads(sys.argv[2]))
PYTHON
}

start_mongodb() {
  engines+=(mongodb)
  "$root/tests/engines/mongodb.sh" start "$work/mongodb" >/dev/null
  mongo '{"createUser": "admin", "pwd": "mongo-secret", "roles": [{"role": "root", "db": "admin"}]}'
  mongo '{"createUser": "seller", "pwd": "mongo-pass", "roles": [{"role": "readWriteAnyDatabase", "db": "admin"}]}'
  touch "$work/mongodb/auth"
  mongodb_certificate server
}

mongodb_certificate() {
  "$root/tests/engines/mongodb.sh" stop "$work/mongodb"
  cp "$certificates/$1.crt" "$work/mongodb/tls.crt"
  cp "$certificates/$1.key" "$work/mongodb/tls.key"
  "$root/tests/engines/mongodb.sh" start "$work/mongodb" >/dev/null
}

mongodb_url() {
  echo "mongodb://$1localhost:$(cat "$work/mongodb/port")/user_service?replicaSet=secantus&authSource=admin&tls=true&tlsCAFile=${2:-$ca}"
}

try_mongodb() {
  USER_STORE=$(mongodb_url seller:mongo-pass@) "$ARGOSY" store prepare >/dev/null
  accepted USER_STORE "$(mongodb_url seller:mongo-pass@)"
  refused USER_STORE "$(mongodb_url seller:wr0ng@)" 'refuses the user.*correct the user, the password'
  refused USER_STORE "$(mongodb_url nobody:wr0ng@)" 'refuses the user.*correct the user, the password'
  refused USER_STORE "$(mongodb_url '')" 'refuses the user.*correct the user, the password'
  refused USER_STORE "$(mongodb_url seller:mongo-pass@ "$certificates/stranger.crt")" 'tlsCAFile'
  refused USER_STORE "$(mongodb_url seller:mongo-pass@ "$certificates/none.crt")" 'tlsCAFile'
  mongodb_certificate elsewhere
  refused USER_STORE "$(mongodb_url seller:mongo-pass@)" 'mismatch.*use the names in the certificates'
  mongodb_certificate expired
  refused USER_STORE "$(mongodb_url seller:mongo-pass@)" 'renew the server.s certificate'
  mongodb_certificate server
}

# ---- a shop whose passwords are changed under it ----

set_passwords() {
  sql "ALTER ROLE seller PASSWORD 'postgres-$1'"
  redis ACL SETUSER seller resetpass ">redis-$1"
  mongo "{\"updateUser\": \"seller\", \"pwd\": \"mongo-$1\"}"
}

cut_connections() {
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'seller'" >/dev/null
  redis CLIENT KILL USER seller
  "$root/tests/engines/mongodb.sh" stop "$work/mongodb"
  "$root/tests/engines/mongodb.sh" start "$work/mongodb" >/dev/null
}

says() { settled "$1" cat "$work/shop.log"; }

start_waiting() {
  local service listens=()
  for service in "${services[@]}"; do listens+=("${service^^}_LISTEN=127.0.0.1:0"); done
  env GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 "${listens[@]}" ORDER_STORE_FILE="$work/order.url" \
    CART_STORE_FILE="$work/cart.url" USER_STORE_FILE="$work/user.url" "$ARGOSY" serve >"$work/shop.out" 2>"$work/shop.log" & pids+=($!)
  for _ in $(seq 200); do [ -n "$(address shop gateway)" ] && break; sleep 0.05; done
  gateway=$(address shop gateway) admin=$(address shop admin) base=http://$gateway
}

try_mended_passwords() {
  (umask 077; postgres_url seller:postgres-pass >"$work/order.url"; redis_url seller:redis-pass >"$work/cart.url"
    mongodb_url seller:mongo-pass@ >"$work/user.url")
  set_passwords new
  start_waiting
  check "it says that PostgreSQL refuses it" says 'refuses this program, trying again.*"order".*28P01'
  check "it says that Redis refuses it" says 'refuses this program, trying again.*"cart".*WRONGPASS'
  check "it says that MongoDB refuses it" says 'refuses this program, trying again.*"user".*correct the user'
  base=http://$admin; api GET /readyz; expect 503
  set_passwords pass
  eventually /readyz
  base=http://$gateway
  sign_up ann; expect 201
  log_in ann; expect 200
  api GET /cart; expect 200
  api GET /orders; expect 200
  check "PostgreSQL is spoken to over TLS" test "$(sql "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'seller'")" = t

  set_passwords new
  cut_connections
  for _ in 1 2 3 4 5; do api GET /cart; api GET /orders; api GET /customers/me; done
  api GET /cart; expect 503 '.error.code == "UNAVAILABLE"'
  api GET /orders; expect 503 '.error.code == "UNAVAILABLE"'
  api GET /customers/me; expect 503 '.error.code == "UNAVAILABLE"' '.message | contains("assword") | not'
  set_passwords pass
  eventually /cart
  eventually /orders
  eventually /customers/me '.email == "ann@example.com"'
  check "no secret is in the log" eval '! grep -q -E "$secrets" "$work/shop.log"'
}

start_postgres
start_redis
start_mongodb
"$ARGOSY" store prepare >/dev/null 2>&1 || { echo "the embedded stores cannot be prepared"; exit 1; }
try_postgres
try_redis
try_mongodb
try_mended_passwords
