#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole flows through the gateway (tests/e2e) with orders and payments on PostgreSQL, as one process and as a fleet. Each
# service has a schema of its own. Arguments choose some of the flows.
set -euo pipefail
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
here=$(cd "$(dirname "$0")" && pwd)
flows=("$@")
[ ${#flows[@]} -gt 0 ] || flows=(checkout payments bank_outage)

result=0
for flow in "${flows[@]}"; do
  for form in single fleet; do
    schema=flow_${flow}_${form}_$$
    echo "$flow, $form"
    FORM=$form ORDER_STORE="$ARGOSY_TEST_POSTGRES?schema=${schema}_order" \
      PAYMENT_STORE="$ARGOSY_TEST_POSTGRES?schema=${schema}_payment" "$here/../../e2e/$flow.sh" || result=1
    psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error;
      DROP SCHEMA ${schema}_order CASCADE; DROP SCHEMA ${schema}_payment CASCADE"
  done
done
exit $result
