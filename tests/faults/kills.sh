#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kills each engine and each process of a fleet with SIGKILL, one after another, while customers check out, and brings it back.
#
#   tests/faults/kills.sh [TIMES] [PART...]      how often each (default 2); which of them (default all)
. "$(dirname "$0")/fleet.sh"
times=${1:-2}
shift || true
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(postgres redis mongodb "${services[@]}" gateway)

start_load
for part in "${parts[@]}"; do
  begun=$SECONDS
  for round in $(seq "$times"); do
    kill_part "$part"
    # Sometimes it is back at once, sometimes everybody has noticed.
    sleep "$((RANDOM % 2)).$((RANDOM % 10))"
    bring_part "$part"
    goes_on "$part killed, round $round"
    kill -0 "$shoppers" 2>/dev/null || break 2
  done
  echo "$part: killed $round times in $((SECONDS - begun)) s, $(confirmed) orders confirmed by now"
done
end_load
