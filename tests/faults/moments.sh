#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL fails at chosen moments of the transactions of customers who check out:
#
#   begun       they have written, and the server is killed before any of them is committed: they are made again
#   committed   they are committed, and the server is killed before it answers: what they did is there, once
#   cut off     they are committed, and only their connections end before the answer; the server says what became of them
#
# Transactions are held before their commit by a lock on the outbox, in which all of them write, and after it by a synchronous
# standby that does not exist.
#
#   tests/faults/moments.sh [TIMES]      how often each (default 2)
. "$(dirname "$0")/fleet.sh"
sql() { psql "$ARGOSY_TEST_POSTGRES" -qAtc "$1"; }

# has_sessions N CONDITION: so many sessions of the shop are in this state.
has_sessions() { [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name <> 'psql' AND $2")" -ge "$1" ]; }

hold_before_commit() {
  psql "$ARGOSY_TEST_POSTGRES" -qAtc "BEGIN; LOCK TABLE ${run_id}_order.outbox, ${run_id}_payment.outbox IN EXCLUSIVE MODE;
    SELECT pg_sleep(60)" >"$work/lock.out" 2>&1 & holder=$!
  check "transactions wait before their commit" within 20 has_sessions 2 "wait_event_type = 'Lock'"
}

hold_after_commit() {
  sql "ALTER SYSTEM SET synchronous_standby_names = 'nobody'"
  sql 'SELECT pg_reload_conf()' >/dev/null
  check "transactions wait after their commit" within 20 has_sessions 2 "wait_event = 'SyncRep'"
}

restart() {
  kill_part postgres
  bring_part postgres
}

begun() {
  hold_before_commit
  restart
  wait "$holder"
}

committed() {
  hold_after_commit
  sql 'ALTER SYSTEM RESET synchronous_standby_names' # of the next start
  restart
}

cut_off() {
  hold_after_commit
  sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'" >/dev/null
  sql 'ALTER SYSTEM RESET synchronous_standby_names'
  sql 'SELECT pg_reload_conf()' >/dev/null
}

start_load
for moment in begun committed cut_off; do
  begun=$SECONDS
  for round in $(seq "${1:-2}"); do
    $moment
    goes_on "$moment, round $round"
  done
  echo "$moment: $round times in $((SECONDS - begun)) s, $(confirmed) orders confirmed by now"
done
end_load
