#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `argosy store check` with the carts on Redis, and accounts and sessions on MongoDB.
set -u
: "${ARGOSY:?the program to test}"
[ -n "${ARGOSY_TEST_REDIS:-}" ] && [ -n "${ARGOSY_TEST_MONGODB:-}" ] ||
  { echo "skipped: ARGOSY_TEST_REDIS or ARGOSY_TEST_MONGODB is not set"; exit 0; }
work=$(mktemp -d "${TMPDIR:-/tmp}/argosy-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
export ARGOSY_DATA_DIR=$work
failed=0
# expect STATUS TEXT ARGUMENTS...: the command ends with the status and says the text.
expect() {
  local want=$1 text=$2 output status
  shift 2
  output=$("$ARGOSY" "$@" 2>&1); status=$?
  [ "$status" = "$want" ] && grep -q "$text" <<<"$output" && return
  echo "argosy $*: ended with $status, not $want, or does not say '$text':"; echo "$output"; failed=1
}

with_database() { sed "s|/?|/$1?|" <<<"$ARGOSY_TEST_MONGODB"; }
export CART_STORE=$ARGOSY_TEST_REDIS
USER_STORE=$(with_database "check_user_$$") AUTH_STORE=$(with_database "check_auth_$$")
export USER_STORE AUTH_STORE
expect 0 'user: .* is prepared' store prepare
expect 0 'cart: Redis [0-9]' store check
expect 0 "user: MongoDB [0-9].*, database check_user_$$" store check
expect 0 "auth: MongoDB [0-9].*, database check_auth_$$" store check
# A process that had the same number was killed, and has left the shared memory of libmongoc, which would warn of it on stderr.
output=$(: >"/dev/shm/mongoc-$BASHPID"; ARGOSY_LOG_FORMAT=json exec "$ARGOSY" store check 2>&1 >/dev/null)
! grep -v '^{' <<<"$output" | grep . || { echo "stderr has more than the log"; failed=1; }
export USER_STORE="$USER_STORE&w=1"
expect 1 'user: WARNING: w is not majority' store check
export STORE_START_TIMEOUT=1s CART_STORE=redis://:s3cret@127.0.0.1:9
expect 1 'redis://:\*\*\*@127.0.0.1:9 was not there for 1 s' store check
[ $failed = 0 ] && echo "passed"
exit $failed
