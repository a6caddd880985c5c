#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The conformance cases of gRPC, in both directions, against grpc-go's own interop programs, and for compression, which
# those leave out, against gzip_peer/. Builds the Go programs into engines/bin when they are not there.
#
#   tests/interop/run.sh [BUILD]      BUILD holds our programs in tests/; default build/release
#
# grpc-go's server listens on all interfaces, so everything runs in a network namespace of its own.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$root/engines/bin
grpc_go=google.golang.org/grpc/interop
grpc_go_version=v1.85.0

cases=(empty_unary large_unary client_streaming server_streaming ping_pong empty_stream custom_metadata
  status_code_and_message special_status_message unimplemented_method unimplemented_service cancel_after_begin
  cancel_after_first_response timeout_on_sleeping_server)
compression_cases=(client_compressed_unary server_compressed_unary client_compressed_streaming server_compressed_streaming)

# install_program NAME PACKAGE: a main package of grpc-go as engines/bin/NAME.
install_program() {
  [ -x "$bin/$1" ] && return
  local made
  made=$(mktemp -d)
  GOBIN=$made go install -trimpath "$2@$grpc_go_version"
  mv "$made"/* "$bin/$1"
  rmdir "$made"
}

install_peers() {
  mkdir -p "$bin"
  install_program interop_go_client "$grpc_go/client"
  install_program interop_go_server "$grpc_go/server"
  if [ ! -x "$bin/gzip_peer" ] || [ "$here/gzip_peer/main.go" -nt "$bin/gzip_peer" ]; then
    (cd "$here/gzip_peer" && go build -trimpath -o "$bin/gzip_peer" .)
  fi
}

# ---- inside the namespace ----

passed=0 failed=0
server_pid=
trap 'stop_server' EXIT

# start_server COMMAND...: starts a server that prints its address, into $address.
start_server() {
  local said
  said=$(mktemp)
  "$@" >"$said" 2>/dev/null &
  server_pid=$!
  for _ in {1..200}; do
    address=$(sed -n 's/^listening on //p' "$said")
    [ -z "$address" ] || break
    sleep 0.05
  done
  rm -f "$said"
  [ -n "$address" ] || { echo "interop: $1 does not start" >&2; exit 1; }
}

# start_server_on PORT COMMAND...: one that is told its port and says nothing.
start_server_on() {
  local port=$1
  shift
  "$@" >/dev/null 2>&1 &
  server_pid=$!
  address=127.0.0.1:$port
  for _ in {1..200}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.05
  done
  echo "interop: $1 does not start" >&2
  exit 1
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# attempt DIRECTION CASE COMMAND...
attempt() {
  local direction=$1 name=$2 said
  shift 2
  if said=$(timeout 60 "$@" 2>&1); then
    passed=$((passed + 1))
    echo "ok $direction: $name"
  else
    failed=$((failed + 1))
    echo "FAILED $direction: $name"
    echo "${said:-timed out}" | tail -n 5 | sed 's/^/    /'
  fi
}

run_cases() {
  local name
  ip link set lo up

  start_server "$build/tests/interop_server"
  for name in "${cases[@]}"; do
    attempt "grpc-go calls us" "$name" "$bin/interop_go_client" -server_host 127.0.0.1 -server_port "${address##*:}" -test_case "$name"
  done
  for name in "${compression_cases[@]}"; do
    attempt "grpc-go calls us" "$name" "$bin/gzip_peer" client "$address" "$name"
  done
  for name in "${cases[@]}" "${compression_cases[@]}"; do
    attempt "we call ourselves" "$name" "$build/tests/interop_client" "$address" "$name"
  done
  stop_server

  start_server_on 10000 "$bin/interop_go_server" -port 10000
  for name in "${cases[@]}"; do
    attempt "we call grpc-go" "$name" "$build/tests/interop_client" "$address" "$name"
  done
  stop_server

  # server_compressed_streaming asks for one message compressed and one not, which a grpc-go server cannot send.
  start_server "$bin/gzip_peer" server
  for name in "${compression_cases[@]:0:3}"; do
    attempt "we call grpc-go" "$name" "$build/tests/interop_client" "$address" "$name"
  done
  stop_server

  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}

if [ "${1:-}" = --inside ]; then
  build=$2
  run_cases
else
  build=$(cd "${1:-$root/build/release}" && pwd)
  install_peers
  unshare --map-root-user --net "$0" --inside "$build"
fi
