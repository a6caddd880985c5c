#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole flows through the gateway (tests/e2e) with accounts and sessions on MongoDB, as one process and as a fleet. Each
# service has a database of its own. Arguments choose some of the flows.
set -euo pipefail
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_MONGODB:-}" ] || { echo "skipped: ARGOSY_TEST_MONGODB is not set"; exit 0; }
here=$(cd "$(dirname "$0")" && pwd)
server=${ARGOSY_TEST_MONGODB%%/\?*} options=${ARGOSY_TEST_MONGODB#*\?}
flows=("$@")
[ ${#flows[@]} -gt 0 ] || flows=(accounts sessions events)

result=0
for flow in "${flows[@]}"; do
  for form in single fleet; do
    database=flow_${flow}_${form}_$$
    echo "$flow, $form"
    FORM=$form USER_STORE="$server/${database}_user?$options" AUTH_STORE="$server/${database}_auth?$options" \
      "$here/../../e2e/$flow.sh" || result=1
  done
done
exit $result
