#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# h2spec, a conformance suite of HTTP/2, against the gateway's port. Every case must pass but those of known-failing.txt,
# and those must fail. Builds h2spec into engines/bin when it is not there.
#
#   tests/h2spec/run.sh [BUILD]      BUILD holds argosy; default build/release
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
bin=$root/engines/bin
work=$(mktemp -d)
pid=

finish() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap finish EXIT

# go.mod pins h2spec, which has none of its own, and what it is made of.
[ -x "$bin/h2spec" ] && [ ! "$here/go.mod" -nt "$bin/h2spec" ] ||
  (cd "$here" && go build -trimpath -o "$bin/h2spec" github.com/summerwind/h2spec/cmd/h2spec)

ARGOSY_DATA_DIR=$work/data ARGOSY_LOG_FORMAT=json GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 \
  "$build/argosy" serve --only gateway >/dev/null 2>"$work/log" </dev/null &
pid=$!
for _ in {1..200}; do
  ! grep -qs '"message":"ready"' "$work/log" || break
  sleep 0.05
done
address=$(jq -r 'select(.message == "listening" and .name == "gateway") | .address' "$work/log")
[ -n "$address" ] || { echo "h2spec: the gateway does not start"; cat "$work/log"; exit 1; }

# Names of cases as in the report: "section/number description".
timeout 120 "$bin/h2spec" -h "${address%:*}" -p "${address##*:}" -o 3 -j "$work/report.xml" >"$work/said" 2>&1 || true
[ -s "$work/report.xml" ] || { echo "h2spec: no report"; cat "$work/said"; exit 1; }
tail -n 1 "$work/said" | grep . || tail -n 2 "$work/said"

grep -v '^#' "$here/known-failing.txt" | sort >"$work/known"
sed -n '/^Failures/,$p' "$work/said" | sed -n 's/^ *× [0-9]*: //p' | sort >"$work/failed"
if ! diff "$work/known" "$work/failed" >"$work/difference"; then
  echo "h2spec: other cases fail than those of known-failing.txt (< is known, > fails):"
  cat "$work/difference" "$work/said"
  exit 1
fi
