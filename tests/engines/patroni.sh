#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two PostgreSQL servers under Patroni, with one etcd that knows the leader: the other server has every commit on its disk
# before it is answered (synchronous_mode), and becomes the leader by itself when the leader is gone. PostgreSQL refuses to
# run as root, so from root all of it runs as the package's user.
#
#   patroni.sh start DIR           starts all, waits until the standby is synchronous, prints ARGOSY_TEST_PATRONI=URL
#   patroni.sh leader DIR          prints the number of the server that is the leader
#   patroni.sh whole DIR           succeeds if the leader has a synchronous standby
#   patroni.sh kill DIR SERVER     ends a Patroni, its server and all of that server's processes at once (SIGKILL)
#   patroni.sh bring DIR SERVER    starts Patroni again, which brings the server back as a standby
#   patroni.sh stop DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/engines/postmaster.sh"
. "$root/tests/engines/within.sh"
user=shop password=shop-secret

programs() { find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1; }

port_of() { cat "$1/$2/$3-port"; }

configure() { # DIR SERVER
  local dir=$1/$2
  (umask 077; cat >"$dir/patroni.yml") <<YAML
scope: shop
name: server$2
restapi: {listen: '127.0.0.1:$(port_of "$1" "$2" api)', connect_address: '127.0.0.1:$(port_of "$1" "$2" api)'}
etcd3: {host: '127.0.0.1:$(port_of "$1" etcd client)'}
bootstrap:
  dcs:
    ttl: 10
    loop_wait: 1
    retry_timeout: 3
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 200, shared_buffers: 64MB, wal_level: replica}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums, no-sync]
  pg_hba: ['host all all 127.0.0.1/32 scram-sha-256', 'host replication all 127.0.0.1/32 scram-sha-256']
postgresql:
  listen: 127.0.0.1:$(port_of "$1" "$2" server)
  connect_address: 127.0.0.1:$(port_of "$1" "$2" server)
  data_dir: $dir/data
  bin_dir: $(programs)
  pgpass: $dir/pgpass
  parameters: {unix_socket_directories: '$dir'}
  create_replica_methods: [basebackup]
  basebackup: [{checkpoint: fast}, no-sync]
  authentication:
    superuser: {username: $user, password: $password}
    replication: {username: replicator, password: $password}
YAML
  [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$dir"
}

run_patroni() { # DIR SERVER
  local as_postgres=()
  [ "$(id -u)" -ne 0 ] || as_postgres=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  HOME=$1/$2 "${as_postgres[@]}" patroni "$1/$2/patroni.yml" >>"$1/$2.log" 2>&1 </dev/null &
  echo $! >"$1/$2.pid"
}

run_etcd() { # DIR
  local client=http://127.0.0.1:$(port_of "$1" etcd client) peer=http://127.0.0.1:$(port_of "$1" etcd peer)
  etcd --data-dir "$1/etcd/data" --unsafe-no-fsync --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" >>"$1/etcd.log" 2>&1 </dev/null &
  echo $! >"$1/etcd.pid"
}

is() { curl -sf --max-time 2 -o /dev/null "http://127.0.0.1:$(port_of "$1" "$2" api)/$3"; } # DIR SERVER ROLE

leader() {
  local server
  for server in 1 2; do
    ! is "$1" $server primary || { echo $server; return; }
  done
  return 1
}

whole() {
  local server
  server=$(leader "$1") && is "$1" $((3 - server)) synchronous
}

start() {
  local dir=$1 server name
  "$root/tools/install" engine fault
  mkdir -p "$dir/etcd" "$dir/1" "$dir/2"
  chmod 755 "$dir"
  for name in etcd/client etcd/peer 1/api 1/server 2/api 2/server; do "$root/tests/free_ports" >"$dir/$name-port"; done
  run_etcd "$dir"
  within 60 curl -sf --max-time 2 -o /dev/null "http://127.0.0.1:$(port_of "$dir" etcd client)/health" || { cat "$dir/etcd.log" >&2; exit 1; }
  for server in 1 2; do
    configure "$dir" $server
    run_patroni "$dir" $server
    within 60 leader "$dir" >/dev/null || { cat "$dir"/*.log >&2; exit 1; }
  done
  within 60 whole "$dir" || { cat "$dir"/*.log >&2; exit 1; }
  echo "ARGOSY_TEST_PATRONI=postgres://$user:$password@127.0.0.1:$(port_of "$dir" 1 server),127.0.0.1:$(port_of "$dir" 2 server)/postgres?target_session_attrs=read-write"
}

end() { # PID
  kill -9 "$1" 2>/dev/null || true
  while runs "$1"; do sleep 0.02; done
}

# Patroni first, so that it does not start the server again.
end_server() { # DIR SERVER
  local postmaster
  end "$(cat "$1/$2.pid")"
  postmaster=$(head -1 "$1/$2/data/postmaster.pid" 2>/dev/null) || return 0
  end_postmaster "$postmaster"
}

case ${1-} in
  start) start "$2" ;;
  leader) leader "$2" ;;
  whole) whole "$2" ;;
  kill) end_server "$2" "$3" ;;
  bring) run_patroni "$2" "$3" ;;
  stop) for server in 1 2; do end_server "$2" $server; done; end "$(cat "$2/etcd.pid")" ;;
  *) echo "usage: $0 start|leader|whole|stop DIR, or kill|bring DIR SERVER" >&2; exit 2 ;;
esac
