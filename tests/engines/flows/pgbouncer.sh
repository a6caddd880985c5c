#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Orders and payments on PostgreSQL behind PgBouncer in transaction mode: both store suites and whole payments pass
# through it with five server connections each, and a URL that does not say pgbouncer=true is told so.
set -u
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
root=$(cd "$(dirname "$0")/../../.." && pwd)
"$root/tools/install" engine
pool=$(mktemp -d "${TMPDIR:-/tmp}/argosy-pgbouncer.XXXXXX")
data=$(mktemp -d "${TMPDIR:-/tmp}/argosy-pgbouncer-data.XXXXXX")
failed=0
wrong() { echo "$*"; failed=1; }

hosts=${ARGOSY_TEST_POSTGRES#*@} user=${ARGOSY_TEST_POSTGRES#*://}
address=${hosts%%/*} credentials=${user%%@*}
port=$("$root/tests/free_ports")
cat >"$pool/pgbouncer.ini" <<END
[databases]
* = host=${address%:*} port=${address##*:}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $pool/users
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
END
echo "\"${credentials%%:*}\" \"${credentials#*:}\"" >"$pool/users"
as_user=() # PgBouncer refuses to run as root
[ "$(id -u)" -ne 0 ] || { chown -R postgres: "$pool"; as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups); }
"${as_user[@]}" "$(PATH=$PATH:/usr/sbin command -v pgbouncer)" "$pool/pgbouncer.ini" >/dev/null 2>"$pool/log" &
pgbouncer=$!
trap 'kill $pgbouncer; wait $pgbouncer; rm -rf "$pool" "$data"' EXIT
through="postgres://$credentials@127.0.0.1:$port/postgres"
for _ in $(seq 100); do psql "$through" -qAtc "SELECT 1" >/dev/null 2>&1 && break; sleep 0.1; done

# The suites: each test of a port, on a schema of its own.
for suite in order payment; do
  ARGOSY_TEST_POSTGRES="$through?pgbouncer=true" "$(dirname "$ARGOSY")/tests/${suite}_store_test" >"$data/suite" 2>&1 ||
    { cat "$data/suite"; wrong "the suite of $suite fails through PgBouncer"; }
done

# Whoever forgets the option is told.
output=$(ARGOSY_DATA_DIR=$data ORDER_STORE="$through" "$ARGOSY" store prepare 2>&1) && wrong "it works without pgbouncer=true"
grep -q 'add pgbouncer=true' <<<"$output" || wrong "not told of pgbouncer=true: $output"
output=$(ARGOSY_DATA_DIR=$data ORDER_STORE="${through/:${credentials#*:}@/:wr0ng@}?pgbouncer=true" "$ARGOSY" store prepare 2>&1)
grep -q 'cannot be used.*correct the user and password' <<<"$output" || wrong "a wrong password is not told: $output"

# Whole orders and payments through the gateway, with a process for each service.
for part in order payment; do declare -x "${part^^}_STORE=$through?pgbouncer=true&schema=bounced_${part}_$$"; done
FORM=fleet "$root/tests/e2e/payments.sh" || wrong "payments fail through PgBouncer"
psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error;
  DROP SCHEMA IF EXISTS bounced_order_$$ CASCADE; DROP SCHEMA IF EXISTS bounced_payment_$$ CASCADE"
[ $failed = 0 ] && echo "passed"
exit $failed
