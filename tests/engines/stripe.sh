#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Our Stripe provider against stripe-mock (request shapes, TLS) and localstripe (the state machine, signed webhooks).
# Installs them into engines/ when they are not there. One that cannot be installed is skipped aloud; with CI=true in the
# environment that is an error.
#
#   tests/engines/stripe.sh [BUILD]      BUILD holds our program in tests/; default build/release
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
engines=$root/engines
mock=$engines/bin/stripe-mock
python=$engines/localstripe/bin/python

work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT

# ---- what we need ----

install_mock() {
  [ -x "$mock" ] && return
  mkdir -p "$engines/bin"
  GOBIN=$engines/bin go install -trimpath -ldflags='-s -w' github.com/stripe/stripe-mock@v0.203.0
}

install_localstripe() {
  "$python" -c 'import localstripe' 2>/dev/null && return
  python3 -m venv "$engines/localstripe" && "$engines/localstripe/bin/pip" install -q localstripe==1.15.10
}

# await PORT NAME: until somebody listens there.
await() {
  for _ in {1..200}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep 0.05
  done
  echo "$2 does not start:" >&2
  cat "$work/$2.log" >&2
  exit 1
}

# ---- starting them, on loopback alone ----

# Without -https-addr it would open HTTPS on all interfaces.
start_mock() {
  local http https
  http=$("$here/../free_ports") https=$("$here/../free_ports")
  "$mock" -http-addr "127.0.0.1:$http" -https-addr "127.0.0.1:$https" >"$work/stripe-mock.log" 2>&1 &
  pids+=($!)
  await "$http" stripe-mock
  await "$https" stripe-mock
  openssl s_client -connect "127.0.0.1:$https" </dev/null 2>/dev/null | openssl x509 >"$work/ca.pem"
  export STRIPE_MOCK=http://127.0.0.1:$http STRIPE_MOCK_TLS=https://localhost:$https STRIPE_MOCK_CA=$work/ca.pem
}

# Its own command line listens on all interfaces; its state goes into the temp folder.
start_localstripe() {
  local port
  port=$("$here/../free_ports")
  cat >"$work/run.py" <<'PYTHON'
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), access_log=None)
PYTHON
  TMPDIR=$work "$python" "$work/run.py" "$port" >"$work/localstripe.log" 2>&1 &
  pids+=($!)
  await "$port" localstripe
  export LOCALSTRIPE=http://127.0.0.1:$port
}

# The program skips the tests of an engine that is not there, and fails for it with CI=true.
if install_mock; then start_mock; else echo "stripe-mock cannot be installed"; fi
if install_localstripe; then start_localstripe; else echo "localstripe cannot be installed"; fi
"$build/tests/stripe_engines"
