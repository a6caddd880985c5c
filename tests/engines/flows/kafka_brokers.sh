#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The driver of Kafka on three brokers of its own: each is killed in turn while records are produced and read, then all of
# them at once (tests/engines/kafka_brokers.c).
set -u
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_KAFKA:-}" ] || { echo "skipped: ARGOSY_TEST_KAFKA is not set"; exit 0; }
root=$(cd "$(dirname "$0")/../../.." && pwd)
export KAFKA_BROKERS_SCRIPT=$root/tests/engines/kafka.sh
KAFKA_BROKERS_DIR=$(mktemp -d "${TMPDIR:-/tmp}/argosy-kafka.XXXXXX")
export KAFKA_BROKERS_DIR
end_brokers() { "$KAFKA_BROKERS_SCRIPT" stop "$KAFKA_BROKERS_DIR"; rm -rf "$KAFKA_BROKERS_DIR"; }
trap end_brokers EXIT
settings=$("$KAFKA_BROKERS_SCRIPT" start "$KAFKA_BROKERS_DIR" 3) || exit 1
url=$(sed -n 's/^ARGOSY_TEST_KAFKA=//p' <<<"$settings")
# An election takes seconds on a busy machine, which the producer is to bridge.
KAFKA_BROKERS_URL="$url?timeout=60000" "$(dirname "$ARGOSY")/tests/kafka_brokers" nothing_acknowledged &&
  KAFKA_BROKERS_URL="$url?timeout=2000" "$(dirname "$ARGOSY")/tests/kafka_brokers" callers_fail
