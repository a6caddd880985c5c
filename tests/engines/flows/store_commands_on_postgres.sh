#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `argosy store prepare` and `argosy store check` with the orders on PostgreSQL.
set -u
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
schema=commands_$$
work=$(mktemp -d "${TMPDIR:-/tmp}/argosy-store.XXXXXX")
export ARGOSY_DATA_DIR=$work
sql() { psql "$ARGOSY_TEST_POSTGRES" -qAt -c 'SET client_min_messages = error' -c "$1"; }
trap 'sql "DROP SCHEMA IF EXISTS $schema CASCADE"; sql "ALTER SYSTEM RESET synchronous_commit" >/dev/null; rm -rf "$work"' EXIT
failed=0
# expect STATUS TEXT ARGUMENTS...: the command ends with the status and says the text.
expect() {
  local want=$1 text=$2 output status
  shift 2
  output=$("$ARGOSY" "$@" 2>&1); status=$?
  [ "$status" = "$want" ] && grep -q "$text" <<<"$output" && return
  echo "argosy $*: ended with $status, not $want, or does not say '$text':"; echo "$output"; failed=1
}

expect 0 'order: .* is prepared' store prepare # the other services' files
export ORDER_STORE="$ARGOSY_TEST_POSTGRES?schema=$schema"
expect 1 'run argosy store prepare' store check
[ "$(sql "SELECT count(*) FROM pg_namespace WHERE nspname = '$schema'")" = 0 ] || { echo "a check has made the schema"; failed=1; }
expect 0 'order: .*:\*\*\*@.* is prepared' store prepare
expect 0 'order: PostgreSQL [0-9]' store check
sql "ALTER SYSTEM SET synchronous_commit = off"; sql "SELECT pg_reload_conf()" >/dev/null
sleep 1
expect 1 'WARNING: synchronous_commit=off' store check
sql "ALTER SYSTEM RESET synchronous_commit"; sql "SELECT pg_reload_conf()" >/dev/null
export STORE_START_TIMEOUT=1s ORDER_STORE=postgres://shop:s3cret@127.0.0.1:9/shop
expect 1 'was not there for 1 s' store check
expect 1 'postgres://shop:\*\*\*@127.0.0.1:9/shop' store check
[ $failed = 0 ] && echo "passed"
exit $failed
