#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Redis server for tests; see tests/engines/run. A change is in its append-only file and on the disk before it is
# answered (appendfsync always). Each connection needs a password; it also listens with TLS, with certificates that are
# made here. Besides ARGOSY_TEST_REDIS it prints ARGOSY_TEST_REDIS_TLS.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
password=redis-secret
. "$root/tests/engines/certificates.sh"

choose_ports() {
  "$root/tests/free_ports" >"$1/port"
  "$root/tests/free_ports" >"$1/tls-port"
}

create() {
  local dir=$1
  mkdir -p "$dir/data"
  # The certificate is for the name "localhost" alone, so that a test can see that the name is checked.
  certificates=$dir
  make_authority ca
  issue ca server localhost DNS:localhost
  choose_ports "$dir"
}

answers() { REDISCLI_AUTH=$password redis-cli -p "$(cat "$1/port")" ping 2>/dev/null | grep -q PONG; }

run() {
  local dir=$1
  redis-server --bind 127.0.0.1 --port "$(cat "$dir/port")" --dir "$dir/data" --requirepass "$password" \
    --save '' --appendonly yes --appendfsync always --maxmemory 256mb --maxmemory-policy noeviction \
    --enable-debug-command local \
    --tls-port "$(cat "$dir/tls-port")" --tls-cert-file "$dir/server.crt" --tls-key-file "$dir/server.key" \
    --tls-ca-cert-file "$dir/ca.crt" --tls-auth-clients no >>"$dir/log" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 200); do
    answers "$dir" && return 0
    kill -0 "$(cat "$dir/pid")" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}

start() {
  local dir=$1 tries=0
  "$root/tools/install" engine
  [ -f "$dir/port" ] || create "$dir"
  # Somebody may have taken a port meanwhile; a server that ran before keeps its ports.
  until run "$dir"; do
    tries=$((tries + 1))
    [ $tries -lt 5 ] || { cat "$dir/log" >&2; exit 1; }
    [ -f "$dir/started" ] || choose_ports "$dir"
  done
  touch "$dir/started"
  echo "ARGOSY_TEST_REDIS=redis://:$password@127.0.0.1:$(cat "$dir/port")"
  echo "ARGOSY_TEST_REDIS_TLS=rediss://:$password@localhost:$(cat "$dir/tls-port")?cafile=$dir/ca.crt"
}

end() {
  local pid
  pid=$(cat "$2/pid")
  kill "-$1" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}

case ${1-} in
  start) start "$2" ;;
  kill) end KILL "$2" ;;
  stop) end TERM "$2" ;;
  about) echo "Redis $(redis-server --version | sed 's/.* v=\([0-9.]*\).*/\1/'), the server itself" ;;
  *) echo "usage: $0 start|kill|stop DIR, or about" >&2; exit 2 ;;
esac
