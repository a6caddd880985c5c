#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# connectrpc's conformance suite for gRPC servers, twice: against the suite's own grpc-go server, and against the same
# server behind our gateway. A proxy that keeps everything passes what its backend passes. Both runs share one list of
# known failures, known-failing.txt, and a case that is on it and passes fails the run. Builds the suite's programs into
# engines/bin when they are not there.
#
#   tests/conformance/run.sh [BUILD]      BUILD holds argosy; default build/release
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$root/build/release}" && pwd)
version=v1.0.7
bin=$root/engines/bin/conformance-$version

install_suite() {
  local program
  for program in connectconformance grpcserver; do
    [ -x "$bin/$program" ] || GOBIN=$bin go install -trimpath "connectrpc.com/conformance/cmd/$program@$version"
  done
}

# run_suite NAME SERVER...: prints the last lines, or on failure all that was said.
run_suite() {
  local name=$1 said
  shift
  if said=$(timeout 300 "$bin/connectconformance" --conf "$here/features.yaml" --mode server \
    --known-failing "@$here/known-failing.txt" -- "$@" 2>&1); then
    echo "ok $name: $(tail -n 2 <<<"$said" | tr '\n' ' ')"
  else
    echo "FAILED $name:"
    echo "$said"
    return 1
  fi
}

install_suite
run_suite "the backend itself" "$bin/grpcserver"
run_suite "through the gateway" "$here/gateway_server" "$build/argosy" "$bin/grpcserver"
