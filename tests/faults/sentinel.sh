#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The carts on Redis behind Sentinel, while customers check out: the master is killed again and again, a replica takes over,
# and the old master comes back, in turn as a replica and as the master that it believes itself to be, until the Sentinels
# tell it. With wait=1 the carts lose nothing that was acknowledged. Starts servers of its own.
#
#   tests/faults/sentinel.sh [TIMES]      how often (default 2)
here=$(cd "$(dirname "$0")" && pwd)
engines=$here/../engines
[ -n "${ARGOSY_TEST_REDIS:-}" ] || { echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"; exit 0; }
servers=$(mktemp -d "${TMPDIR:-/tmp}/argosy-sentinel.XXXXXX")
end_servers() { "$engines/sentinel.sh" stop "$servers"; rm -rf "$servers"; }
trap end_servers EXIT
setting=$("$engines/sentinel.sh" start "$servers") || exit 1
redis_url="${setting#*=}?wait=1"
end_more=end_servers
. "$here/fleet.sh"

start_load
fail_over sentinel "${1:-2}" 20 40 as-replica
end_load
