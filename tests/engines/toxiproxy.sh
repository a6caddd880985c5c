#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Toxiproxy: stands between a service and its engine and spoils the connection when it is told to (MIT licence; used by tests
# only, built once by Go).
#
#   toxiproxy.sh start DIR     starts it on a free port and prints TOXIPROXY=http://ADDRESS, the address of its API
#   toxiproxy.sh stop DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=v2.5.0
program=$root/build/engines/bin/toxiproxy-server-$version

install() {
  [ ! -x "$program" ] || return 0
  "$root/tools/install" fault
  local folder
  folder=$(mktemp -d)
  GOBIN=$folder GOFLAGS=-trimpath go install -ldflags='-s -w' "github.com/Shopify/toxiproxy/v2/cmd/server@$version" >&2
  mkdir -p "$(dirname "$program")"
  mv "$folder/server" "$program"
  rm -rf "$folder"
}

start() {
  local port _
  install
  port=$("$root/tests/free_ports")
  "$program" -host 127.0.0.1 -port "$port" >"$1/log" 2>&1 &
  echo $! >"$1/pid"
  for _ in $(seq 200); do
    ! curl -sf "http://127.0.0.1:$port/version" >/dev/null || break
    kill -0 "$(cat "$1/pid")" 2>/dev/null || { cat "$1/log" >&2; exit 1; }
    sleep 0.05
  done
  echo "TOXIPROXY=http://127.0.0.1:$port"
}

case ${1-} in
  start) start "$2" ;;
  stop) kill "$(cat "$2/pid")" ;;
  *) echo "usage: $0 start|stop DIR" >&2; exit 2 ;;
esac
