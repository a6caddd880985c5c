#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL under load: transactions that conflict because all are serializable, restarts of each kind, and a synchronous
# standby that takes over when the primary is killed. Starts servers of its own. Nothing acknowledged is lost.
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
if [ -z "${ARGOSY_TEST_POSTGRES:-}" ] || [ -z "${ARGOSY_TEST_REDIS:-}" ] || [ -z "${ARGOSY_TEST_MONGODB:-}" ]; then
  echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"
  exit 0
fi
servers=$(mktemp -d "${TMPDIR:-/tmp}/argosy-standby.XXXXXX")
chmod 755 "$servers"
mkdir "$servers/primary" "$servers/standby"
end_servers() {
  local server
  for server in primary standby; do "$engines/postgres.sh" stop "$servers/$server" || true; done
  rm -rf "$servers"
}
trap end_servers EXIT
url_of_primary=$("$engines/postgres.sh" start "$servers/primary" | sed 's/^ARGOSY_TEST_POSTGRES=//') || exit 1
sql() { psql "$url_of_primary" -qAtc "$1"; }
as_server() { if [ "$(id -u)" -eq 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
programs_of_server=$(dirname "$(find /usr/lib/postgresql -name pg_ctl | sort -V | tail -1)")

# A standby that streams, and has each commit on its disk before the primary answers.
user=$(sed 's|.*//\([^:]*\):.*|\1|' <<<"$url_of_primary")
[ "$(id -u)" -ne 0 ] || chown postgres "$servers/standby"
as_server "$programs_of_server/pg_basebackup" -d "$url_of_primary" -D "$servers/standby/data" -R -X stream -c fast >"$servers/backup.log" 2>&1 ||
  { cat "$servers/backup.log"; exit 1; }
install -d "$servers/standby/socket"
[ "$(id -u)" -ne 0 ] || chown postgres "$servers/standby/socket"
"$engines/../free_ports" >"$servers/standby/port"
"$engines/postgres.sh" start "$servers/standby" >/dev/null || exit 1
sql "ALTER SYSTEM SET synchronous_standby_names = '*'" && sql 'SELECT pg_reload_conf()' >/dev/null
first=$(cat "$servers/primary/port") second=$(cat "$servers/standby/port")
export ARGOSY_TEST_POSTGRES="${url_of_primary/127.0.0.1:$first/127.0.0.1:$first,127.0.0.1:$second}?target_session_attrs=read-write"
# libpq's own option: every transaction of the shop is serializable.
postgres_url="${ARGOSY_TEST_POSTGRES}&options=-c%20default_transaction_isolation%3Dserializable"
end_more=end_servers
. "$here/fleet.sh"

is_synchronous() { [ "$(sql "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'")" = 1 ]; }
check "the standby of $user is synchronous" within 20 is_synchronous

start_load
goes_on "serializable transactions"
metrics() { curl -s "http://127.0.0.1:$((first_port + ${#processes[@]} + $1))/metrics"; }
conflicts=0
for i in "${!services[@]}"; do
  conflicts=$((conflicts + $(metrics "$i" | awk '/^argosy_store_errors_total.*conflict/ {sum += $2} END {print sum + 0}')))
done
check "transactions conflicted" [ "$conflicts" -gt 0 ]
echo "serializable: $conflicts transactions were repeated, $(confirmed) orders confirmed"

# `smart` waits for sessions that our pools keep open; meanwhile nobody new is let in, and `fast` ends it.
for mode in smart fast immediate; do
  as_server "$programs_of_server/pg_ctl" -D "$servers/primary/data" -m "$mode" -t 3 stop >"$servers/stop.log" 2>&1 ||
    as_server "$programs_of_server/pg_ctl" -D "$servers/primary/data" -m fast -t 30 stop >"$servers/stop.log" 2>&1
  sleep 0.5
  "$engines/postgres.sh" start "$servers/primary" >/dev/null
  goes_on "restarted ($mode)"
  echo "restarted ($mode), $(confirmed) orders confirmed by now"
done

check "the standby is synchronous again" within 30 is_synchronous
"$engines/postgres.sh" kill "$servers/primary"
begun=$(date +%s%N)
as_server "$programs_of_server/pg_ctl" -D "$servers/standby/data" promote >/dev/null
psql "postgres://${url_of_primary#*//}" -c '' >/dev/null 2>&1 && bad "the primary still answers"
goes_on "the standby took over"
echo "failover: orders are confirmed again after $((($(date +%s%N) - begun) / 1000000)) ms, $(confirmed) by now"
end_load
