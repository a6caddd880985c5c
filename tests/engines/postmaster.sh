# SPDX-License-Identifier: Apache-2.0
# Sourced by what starts PostgreSQL.

# runs PID: is there such a process, other than one that has ended and waits for its parent?
runs() { grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"; }

# end_postmaster PID: ends the server and all its processes at once (SIGKILL). As long as one of them is left, the shared
# memory is in use and the server does not start again; and the postmaster may just be about to begin another, so it is
# stopped before its processes are listed.
end_postmaster() {
  local -a all
  local process
  kill -STOP "$1" 2>/dev/null || true
  mapfile -t all < <(echo "$1"; pgrep -P "$1")
  kill -9 "${all[@]}" 2>/dev/null || true
  for process in "${all[@]}"; do while runs "$process"; do sleep 0.02; done; done
}
