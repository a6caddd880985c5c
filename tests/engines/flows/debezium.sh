#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debezium reads the outbox of the orders with the configuration of docs/events.md, word for word: every event comes once,
# with its topic, key, id, type, trace and payload, those from before its start as well as later ones. It needs Java and
# Maven: without them it is skipped.
set -u
root=$(cd "$(dirname "$0")/../../.." && pwd)
[ -n "${ARGOSY_TEST_POSTGRES:-}" ] || { echo "skipped: ARGOSY_TEST_POSTGRES is not set"; exit 0; }
command -v mvn >/dev/null && command -v javac >/dev/null || { echo "skipped: it needs Maven and a JDK (apt-get install maven)"; exit 0; }
version=3.6.1.Final
debezium=$root/build/engines/debezium-$version
install_debezium() {
  [ ! -f "$debezium/Outbox.class" ] || return 0
  mkdir -p "$debezium"
  sed "s/@version@/$version/" "$root/tests/engines/debezium/pom.xml" >"$debezium/pom.xml"
  (cd "$debezium" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime >maven.log 2>&1 &&
    javac -cp 'lib/*' -d . "$root/tests/engines/debezium/Outbox.java") || { cat "$debezium/maven.log"; exit 1; }
}
install_debezium

schema=debezium_$$
FORM=single
. "$root/tests/e2e/shop.sh"
export ORDER_STORE="$ARGOSY_TEST_POSTGRES?schema=$schema"
sql() { psql "$ARGOSY_TEST_POSTGRES" -qAt -F $'\t' -c 'SET client_min_messages = error' -c "$1"; }
finish_debezium() {
  local code=$?
  [ -z "$engine" ] || { kill "$engine"; wait "$engine"; } 2>/dev/null
  stop_shop
  # A slot that nobody reads keeps the server's whole log.
  sql "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '$schema'" >/dev/null
  sql "DROP PUBLICATION IF EXISTS $schema"
  sql "DROP SCHEMA IF EXISTS $schema CASCADE"
  (exit $code)
  finish
}
engine=
trap finish_debezium EXIT

rest=${ARGOSY_TEST_POSTGRES#*://} hosts=${rest#*@}
login=${rest%%@*} place=${hosts%%/*}
{
  echo "name=$schema"
  echo "connector.class=io.debezium.connector.postgresql.PostgresConnector"
  echo "database.hostname=${place%:*}"
  echo "database.port=${place##*:}"
  echo "database.user=${login%%:*}"
  echo "database.password=${login#*:}"
  echo "database.dbname=postgres"
  echo "topic.prefix=shop"
  echo "plugin.name=pgoutput"
  echo "slot.name=$schema"
  echo "publication.name=$schema"
  echo "publication.autocreate.mode=filtered"
  echo "table.include.list=$schema.outbox"
  echo "tombstones.on.delete=false"
  echo "offset.storage=org.apache.kafka.connect.storage.FileOffsetBackingStore"
  echo "offset.storage.file.filename=$work/offsets"
  echo "offset.flush.interval.ms=100"
  # How the engine shows keys and headers to its caller; Kafka Connect does not need it.
  echo "key.converter.schemas.enable=false"
  echo "value.converter.schemas.enable=false"
  echo "header.converter.schemas.enable=false"
  sed -n '/^transforms=outbox/,/^```/p' "$root/docs/events.md" | grep -v '^```'
} >"$work/debezium.properties"
check "docs/events.md has its configuration" grep -q '^transforms.outbox.type=' "$work/debezium.properties"

# all_come: Debezium has printed exactly the rows of the outbox, in their order.
all_come() {
  local end=$((SECONDS + 60))
  while [ $SECONDS -lt $end ]; do
    sql "SELECT aggregatetype, aggregateid, id, type, traceparent, encode(payload, 'hex') FROM $schema.outbox ORDER BY position" >"$work/rows"
    ! cmp -s "$work/rows" "$work/events" || return 0
    sleep 0.2
  done
  diff "$work/rows" "$work/events" | cut -c1-200 | head -20
  tail -5 "$work/debezium.log"
  return 1
}

start_shop
make_account sam seller; sign_up ann; log_in sam
api POST /products '{"name":"Lamp","category":"lights","price":30,"stock":"100"}'; expect 201
lamp=$(value .product_data.product_id)
log_in ann
buy() {
  api POST /order "{\"items\":[{\"category\":\"lights\",\"product_id\":\"$lamp\",\"quantity\":1}]}"; expect 201
  eventually "/orders/$(value .order_create_data.order_id)" '.order.status == "VALIDATED"'
}
buy
java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$debezium:$debezium/lib/*" Outbox "$work/debezium.properties" \
  >"$work/events" 2>"$work/debezium.log" &
engine=$!
check "the events from before its start come" all_come
buy; buy
check "later events come, each once and in order" all_come
check "there were several" test "$(wc -l <"$work/events")" -ge 6
