#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Orders and payments on PostgreSQL under Patroni, while customers check out: the leader is killed, its synchronous standby
# becomes the leader by itself, and the killed one comes back as the standby. Nothing acknowledged is lost. Starts servers of
# its own.
#
#   tests/faults/patroni.sh [TIMES]      how often (default 2)
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"; exit 0; }
servers=$(mktemp -d "${TMPDIR:-/tmp}/argosy-patroni.XXXXXX")
end_servers() { "$engines/patroni.sh" stop "$servers"; rm -rf "$servers"; }
trap end_servers EXIT
setting=$("$engines/patroni.sh" start "$servers") || exit 1
ARGOSY_TEST_POSTGRES=${setting#*=}
end_more=end_servers
. "$here/fleet.sh"

leader() { "$engines/patroni.sh" leader "$servers"; }
leads() { [ "$(leader)" = "$1" ]; }

start_load
for round in $(seq "${1:-2}"); do
  old=$(leader)
  "$engines/patroni.sh" kill "$servers" "$old"
  begun=$(date +%s%N)
  check "round $round: the standby leads" within 40 leads $((3 - old))
  goes_on "round $round: the standby leads"
  echo "patroni, round $round: orders are confirmed again after $((($(date +%s%N) - begun) / 1000000)) ms, $(confirmed) by now"
  "$engines/patroni.sh" bring "$servers" "$old"
  check "round $round: the old leader is the synchronous standby" within 60 "$engines/patroni.sh" whole "$servers"
  goes_on "round $round: the old leader is the standby"
done
end_load
