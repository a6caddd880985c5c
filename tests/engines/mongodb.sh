#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A MongoDB server for tests; see tests/engines/run. No package registry carries mongod itself, so SecantusDB stands in
# for it: a server of MongoDB's protocol on WiredTiger, with sessions, transactions and TTL indexes. It is used by the
# tests only, as a process of its own, and keeps every acknowledged write (--sync-on-commit). If there are tls.crt and
# tls.key in DIR when it starts, it speaks TLS only; if there is a file `auth`, users must log in.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=0.7.0b3
venv=$root/build/engines/secantusdb-$version

install() {
  [ ! -x "$venv/bin/secantusd-py" ] || return 0
  "$root/tools/install" engine
  mkdir -p "$(dirname "$venv")"
  rm -rf "$venv.new"
  python3 -m venv "$venv.new"
  "$venv.new/bin/pip" install -q --disable-pip-version-check "secantusdb==$version" >&2
  rm -rf "$venv"
  # The programs of a virtual environment name its folder in their first lines.
  find "$venv.new/bin" -type f -exec sed -i "s|$venv.new|$venv|g" {} +
  mv "$venv.new" "$venv"
}

# Waits until the server answers `hello`, or has ended.
answers() {
  local dir=$1 tries=0
  while [ $tries -lt 600 ]; do
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || return 1
    tries=$((tries + 1))
    # A Python for each question would keep a slow machine from starting the server.
    (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$dir/port")") 2>/dev/null || { sleep 0.1; continue; }
    ! "$venv/bin/python" - "$(cat "$dir/port")" "$dir/tls.crt" <<'PYTHON' 2>/dev/null || return 0
import os, sys, pymongo
tls = {"tls": True, "tlsAllowInvalidCertificates": True} if os.path.exists(sys.argv[2]) else {}
pymongo.MongoClient("127.0.0.1", int(sys.argv[1]), serverSelectionTimeoutMS=200, directConnection=True, **tls).admin.command("hello")
PYTHON
    sleep 0.1
  done
  return 1
}

run() {
  local dir=$1 options=()
  [ ! -f "$dir/tls.crt" ] || options+=(--tls-cert-file "$dir/tls.crt" --tls-key-file "$dir/tls.key")
  [ ! -f "$dir/auth" ] || options+=(--auth)
  "$venv/bin/secantusd-py" --host 127.0.0.1 --port "$(cat "$dir/port")" --storage-path "$dir/data" --cache-size 256M \
    --sync-on-commit --log-level WARNING "${options[@]}" >>"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  answers "$dir"
}

start() {
  local dir=$1 tries=0
  install
  [ -f "$dir/port" ] || "$root/tests/free_ports" >"$dir/port"
  # Somebody may have taken the port meanwhile; a server that ran before keeps its port.
  until run "$dir"; do
    tries=$((tries + 1))
    [ $tries -lt 5 ] || { cat "$dir/server.log" >&2; exit 1; }
    [ -f "$dir/started" ] || "$root/tests/free_ports" >"$dir/port"
  done
  touch "$dir/started"
  echo "ARGOSY_TEST_MONGODB=mongodb://127.0.0.1:$(cat "$dir/port")/?replicaSet=secantus"
}

# Ends the server with a signal, and waits until it has ended.
end_by() {
  local pid tries=0
  pid=$(cat "$2/pid")
  kill "-$1" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || kill -9 "$pid" 2>/dev/null || true
    sleep 0.02
  done
}

case ${1-} in
  start) start "$2" ;;
  kill) end_by KILL "$2" ;;
  stop) end_by TERM "$2" ;;
  about)
    echo "SecantusDB $version stands in for mongod: it has one node, so elections, failover, write concerns of several" \
      "members and mongod's own behaviour under load stay unproven"
    ;;
  *) echo "usage: $0 start|kill|stop DIR, or about" >&2; exit 2 ;;
esac
