# SPDX-License-Identifier: Apache-2.0
# Sourced by scripts that wait for an engine or a process.

# within SECONDS COMMAND...: the command succeeds in this time.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}
