#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three Redis servers, one master and two replicas, and three Sentinels that make a replica the master when it is gone. Each
# server needs a password, and writes every change to its disk before it answers, as tests/engines/redis.sh does.
#
#   sentinel.sh start DIR             starts all, waits until both replicas follow, and prints ARGOSY_TEST_SENTINEL=URL
#   sentinel.sh leader DIR            prints the number of the server that is the master, as most Sentinels know it
#   sentinel.sh kill DIR SERVER       ends a server at once (SIGKILL)
#   sentinel.sh bring DIR SERVER [as-replica]   starts it again with its data: as it was, or at once as a replica of the master
#   sentinel.sh whole DIR             succeeds if the master has two replicas that follow it
#   sentinel.sh stop DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/engines/within.sh"
password=redis-secret
export REDISCLI_AUTH=$password

port_of() { cat "$1/$2/port"; }

# cli DIR SERVER COMMAND...
cli() {
  local port
  port=$(port_of "$1" "$2")
  redis-cli -p "$port" "${@:3}" 2>/dev/null
}

run_server() { # DIR SERVER OPTIONS...
  redis-server --bind 127.0.0.1 --port "$(port_of "$1" "$2")" --dir "$1/$2/data" --requirepass "$password" --masterauth "$password" \
    --save '' --appendonly yes --appendfsync always --maxmemory-policy noeviction --repl-diskless-sync-delay 0 "${@:3}" \
    >>"$1/$2/log" 2>&1 </dev/null &
  echo $! >"$1/$2/pid"
}

run_sentinel() { # DIR SENTINEL
  cat >"$1/$2/conf" <<CONF
port $(port_of "$1" "$2")
bind 127.0.0.1
dir $1/$2/data
requirepass $password
sentinel sentinel-pass $password
sentinel monitor shop 127.0.0.1 $(port_of "$1" 1) 2
sentinel auth-pass shop $password
sentinel down-after-milliseconds shop 1000
sentinel failover-timeout shop 3000
CONF
  redis-server "$1/$2/conf" --sentinel >>"$1/$2/log" 2>&1 </dev/null &
  echo $! >"$1/$2/pid"
}

answers() { cli "$1" "$2" ping | grep -q PONG; }

leader() {
  local sentinel port server counts=()
  for sentinel in sentinel1 sentinel2 sentinel3; do
    port=$(cli "$1" $sentinel sentinel get-master-addr-by-name shop | tail -1)
    for server in 1 2 3; do
      [ "$(port_of "$1" $server)" = "$port" ] || continue
      counts[server]=$((${counts[server]:-0} + 1))
      [ "${counts[server]}" -lt 2 ] || { echo $server; return; }
    done
  done
  return 1
}

# The replicas follow, and the Sentinels know them and one another.
whole() {
  local server sentinel
  server=$(leader "$1") || return 1
  [ "$(cli "$1" "$server" info replication | grep -c 'state=online')" = 2 ] || return 1
  for sentinel in sentinel1 sentinel2 sentinel3; do
    [ "$(cli "$1" $sentinel sentinel master shop | grep -x -A1 -e num-slaves -e num-other-sentinels | grep -cx 2)" = 2 ] || return 1
  done
}

start() {
  local dir=$1 name hosts=
  "$root/tools/install" engine
  for name in 1 2 3 sentinel1 sentinel2 sentinel3; do
    mkdir -p "$dir/$name/data"
    "$root/tests/free_ports" >"$dir/$name/port"
  done
  run_server "$dir" 1
  within 30 answers "$dir" 1
  for name in 2 3; do run_server "$dir" $name --replicaof "127.0.0.1 $(port_of "$dir" 1)"; done
  for name in sentinel1 sentinel2 sentinel3; do
    run_sentinel "$dir" $name
    hosts=${hosts:+$hosts,}127.0.0.1:$(port_of "$dir" $name)
  done
  within 30 whole "$dir" || { tail -n 20 "$dir"/*/log >&2; exit 1; }
  echo "ARGOSY_TEST_SENTINEL=redis+sentinel://:$password@$hosts/shop"
}

bring() { # DIR SERVER [as-replica]
  local options=()
  [ "${3-}" != as-replica ] || options=(--replicaof "127.0.0.1 $(port_of "$1" "$(leader "$1")")")
  run_server "$1" "$2" "${options[@]}"
  within 30 answers "$1" "$2"
}

end() { # SIGNAL DIR NAME
  local pid
  pid=$(cat "$2/$3/pid")
  kill "-$1" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
}

case ${1-} in
  start) start "$2" ;;
  leader) leader "$2" ;;
  kill) end KILL "$2" "$3" ;;
  bring) bring "$2" "$3" "${4-}" ;;
  whole) whole "$2" ;;
  stop) for name in sentinel1 sentinel2 sentinel3 1 2 3; do end KILL "$2" $name; done ;;
  *) echo "usage: $0 start|leader|whole|stop DIR, kill DIR SERVER, or bring DIR SERVER [as-replica]" >&2; exit 2 ;;
esac
