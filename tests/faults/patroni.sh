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

start_load
fail_over patroni "${1:-2}" 40 60
end_load
