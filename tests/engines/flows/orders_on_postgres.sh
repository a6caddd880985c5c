#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole flows through the gateway (tests/e2e) with the orders on PostgreSQL, as one process and as a fleet. Each has a
# schema of its own. All the while another application has a transaction open in the same server. Arguments choose some of
# the flows.
set -euo pipefail
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
here=$(cd "$(dirname "$0")" && pwd)
flows=("$@")
[ ${#flows[@]} -gt 0 ] || flows=(checkout orders order_timeouts hot_item)

other="another application $$"
PGAPPNAME=$other psql "$ARGOSY_TEST_POSTGRES" -qAt -c BEGIN -c 'SELECT pg_current_xact_id()' -c 'SELECT pg_sleep(3600)' \
  >/dev/null 2>&1 &
holder=$!
finish() {
  psql "$ARGOSY_TEST_POSTGRES" -qAtc "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = '$other'" >/dev/null
  wait "$holder" || true
}
trap finish EXIT

result=0
for flow in "${flows[@]}"; do
  for form in single fleet; do
    schema=flow_${flow}_${form}_$$
    echo "$flow, $form"
    FORM=$form ORDER_STORE="$ARGOSY_TEST_POSTGRES?schema=$schema" "$here/../../e2e/$flow.sh" || result=1
    psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error; DROP SCHEMA $schema CASCADE"
  done
done
exit $result
