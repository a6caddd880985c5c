#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL server for tests; see tests/engines/run. It has PostgreSQL's own settings, so a commit is on the disk when
# it is answered. It refuses to run as root, so from root it runs as the package's user.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/engines/postmaster.sh"
user=shop password=shop-secret

# The newest version that is installed.
programs() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1; }

as_server() {
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi
}

create() {
  local dir=$1
  mkdir -p "$dir/data" "$dir/socket"
  [ "$(id -u)" -ne 0 ] || chown postgres:postgres "$dir/data" "$dir/socket"
  (umask 077; echo "$password" >"$dir/password")
  [ "$(id -u)" -ne 0 ] || chown postgres:postgres "$dir/password"
  as_server "$(programs)/initdb" -D "$dir/data" -U "$user" --pwfile="$dir/password" -A scram-sha-256 \
    --locale=C.UTF-8 -E UTF8 -N >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
  "$root/tests/free_ports" >"$dir/port"
}

# PostgreSQL's port with all settings. wal_level=logical, so that Debezium can read it too.
run() {
  local dir=$1
  as_server "$(programs)/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/data/server.log" -o "-p $(cat "$dir/port") \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir/socket -c wal_level=logical \
    -c shared_buffers=64MB -c max_connections=200" start >"$dir/start.log" 2>&1
}

start() {
  local dir=$1 tries=0
  "$root/tools/install" engine
  [ -n "$(programs)" ] || { echo "PostgreSQL is not installed" >&2; exit 1; }
  [ -f "$dir/port" ] || create "$dir"
  # Somebody may have taken the port meanwhile; a server that ran before keeps its port.
  until run "$dir"; do
    tries=$((tries + 1))
    [ $tries -lt 5 ] || { cat "$dir/start.log" "$dir/data/server.log" >&2; exit 1; }
    [ -f "$dir/started" ] || "$root/tests/free_ports" >"$dir/port"
  done
  touch "$dir/started"
  echo "ARGOSY_TEST_POSTGRES=postgres://$user:$password@127.0.0.1:$(cat "$dir/port")/postgres"
}

case ${1-} in
  start) start "$2" ;;
  kill) end_postmaster "$(head -1 "$2/data/postmaster.pid")" ;;
  stop) as_server "$(programs)/pg_ctl" -D "$2/data" -m fast -t 30 stop >/dev/null 2>&1 ;;
  about) echo "PostgreSQL $("$(programs)/postgres" --version | sed 's/[^0-9]*\([0-9.]*\).*/\1/'), the server itself" ;;
  *) echo "usage: $0 start|kill|stop DIR, or about" >&2; exit 2 ;;
esac
