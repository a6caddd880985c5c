#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Five hundred buyers want a hundred pieces over 64 connections, with every service on its engine: exactly a hundred are sold.
# The flow is the one of the embedded shop, in a fleet; a schema and a prefix of its own keep it apart from others.
here=$(cd "$(dirname "$0")" && pwd)
: "${ARGOSY:?the program to test}"
if [ -z "${ARGOSY_TEST_POSTGRES:-}" ] || [ -z "${ARGOSY_TEST_REDIS:-}" ] || [ -z "${ARGOSY_TEST_MONGODB:-}" ]; then
  echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"
  exit 0
fi
own=hot_$$
mongodb=${ARGOSY_TEST_MONGODB%%/\?*} options=${ARGOSY_TEST_MONGODB#*\?}
FORM=fleet ORDER_STORE="$ARGOSY_TEST_POSTGRES?schema=${own}_order" PAYMENT_STORE="$ARGOSY_TEST_POSTGRES?schema=${own}_payment" \
  CART_STORE="$ARGOSY_TEST_REDIS?prefix=$own:" USER_STORE="$mongodb/${own}_user?$options" AUTH_STORE="$mongodb/${own}_auth?$options" \
  "$here/../e2e/hot_item.sh"
result=$?
psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error; DROP SCHEMA ${own}_order CASCADE; DROP SCHEMA ${own}_payment CASCADE"
exit $result
