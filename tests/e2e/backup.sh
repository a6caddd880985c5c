#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Backups of a shop under load: each one is restored, and its books must agree. Then backups and
# restores that must be refused.
source "$(dirname "$0")/shop.sh"
# A single buyer here places more orders, and has more cards declined, than one account may by default.
export ORDER_UNPAID_MAX=1000 ORDER_UNPAID_LINES_MAX=1000 ORDER_ADDRESS_UNPAID_MAX=1000 PAYMENT_ACCOUNT_TRIES_MAX=0
start_shop

backups=$work/backups
argosy() { env ARGOSY_LOG=error "$@"; }

# ---- a shop under a load of whole checkouts ----

make_account seller seller
sign_up ann
log_in seller
api POST /products '{"name":"Lamp","category":"light","unit_amount":"1000","currency":"USD","stock":"1000000"}'
expect 201
lamp=$(value .product_data.product_id)
api POST /products '{"name":"Rug","category":"light","unit_amount":"2500","currency":"USD","stock":"40"}'
expect 201
rug=$(value .product_data.product_id)
log_in ann

# One buyer, who pays in every way. curl's own loop makes the requests, so that the load is requests, not processes.
buy() {
  local method=pm_card_visa product=$lamp number=0
  while [ -e "$work/buying" ]; do
    for method in pm_card_visa pm_card_visa pm_card_chargeDeclined pm_card_authenticationRequired; do
      product=$lamp
      [ $((number % 5)) -eq 0 ] && product=$rug
      number=$((number + 1))
      echo "next"
      echo "url = $base/order"
      echo "data = \"{\\\"category\\\":\\\"light\\\",\\\"product_id\\\":\\\"$product\\\",\\\"payment_method\\\":\\\"$method\\\"}\""
      echo 'header = "Content-Type: application/json"'
      echo 'output = /dev/null'
      echo "cookie = $work/ann.jar"
    done >"$work/buyer$1.config"
    for _ in 1 2 3 4 5; do cat "$work/buyer$1.config"; done | tail -n +2 | curl -sS -K - 2>/dev/null
  done
}
touch "$work/buying"
for buyer in 1 2 3 4; do buy $buyer & buyers[buyer]=$!; done
sleep 1

for round in 1 2 3 4; do
  check "backup $round under load" argosy "$ARGOSY" backup "$backups" >"$work/backup.$round"
  sleep 0.5
done
rm "$work/buying"
wait "${buyers[@]}"
cat "$work"/backup.*
mapfile -t made < <(ls "$backups")
check "four backups" [ "${#made[@]}" -eq 4 ]
check "other users can read nothing" [ -z "$(find "$backups" -perm /077)" ]
for backup in "${made[@]}"; do
  check "$backup is complete" argosy "$ARGOSY" backup verify "$backups/$backup" >/dev/null
done

# ---- restores that a running shop refuses ----

check_refusal() {
  local description=$1 words=$2
  shift 2
  if argosy "$@" >"$work/refused" 2>&1; then bad "$description: not refused"; return; fi
  if grep -q "$words" "$work/refused"; then ok; else bad "$description: $(cat "$work/refused")"; fi
}
check_refusal "a shop that runs" "in use by process" "$ARGOSY" restore "$backups" --force
api GET /products
expect 200
stop_shop

# ---- a gateway alone has no store, but its keys are those of the shop ----

start lone ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 ARGOSY_DATA_DIR="$work/lone" -- --only gateway
check_refusal "a gateway that runs" "a gateway, has its keys from" env ARGOSY_DATA_DIR="$work/lone" "$ARGOSY" restore "$backups" --force
check "nothing is left of the attempt" [ ! -e "$work/lone/restore.unfinished" ]
kill "$(cat "$work/lone.pid")"; wait "$(cat "$work/lone.pid")"; unset 'pids[-1]'
check "without the gateway" env ARGOSY_DATA_DIR="$work/lone" "$ARGOSY" restore "$backups" --force >/dev/null

# ---- each backup is restored, and the shop finishes its open work ----

# books: the stock and the payments of the running shop show no differences.
books() {
  local urls=()
  if [ "$FORM" = fleet ]; then
    urls=(PRODUCT_URL="grpc://$(address product product)" PAYMENT_URL="grpc://$(address payment payment)")
  fi
  argosy "${urls[@]}" "$ARGOSY" stock check >"$work/books" 2>&1 &&
    argosy "${urls[@]}" "$ARGOSY" payments reconcile >>"$work/books" 2>&1
}
letters() {
  local file total=0
  for file in "$ARGOSY_DATA_DIR"/*.db; do
    total=$((total + $(sqlite3 "$file" 'SELECT count(*) FROM dead_letters' 2>/dev/null || echo 0)))
  done
  echo $total
}
# The number of orders that are still PENDING or VALIDATED.
under_way() {
  sqlite3 "file:$ARGOSY_DATA_DIR/order.db?mode=ro" 'SELECT count(*) FROM orders WHERE state IN (1, 2)'
}
orders=()
for backup in "${made[@]}"; do
  export ARGOSY_DATA_DIR=$work/restored.$backup
  check "restore of $backup" argosy "$ARGOSY" restore "$backups/$backup" >/dev/null
  check "the keys are private" [ "$(stat -c %a "$ARGOSY_DATA_DIR/fleet.key")" = 600 ]
  check "nothing is left over" [ -z "$(find "$ARGOSY_DATA_DIR" -mindepth 1 -name '*restor*')" ]
  start_shop
  orders+=("$(sqlite3 "file:$ARGOSY_DATA_DIR/order.db?mode=ro" 'SELECT count(*) FROM orders')")
  before=$(under_way)
  for _ in $(seq 100); do
    now=$(under_way)
    books && [ "$now" = "$before" ] && break
    before=$now
    sleep 0.2
  done
  check "the books of $backup: $(cat "$work/books")" books
  check "no differences" [ "$(grep -c '\b0 differences' "$work/books")" -ge 1 ]
  check "no dead letters in $backup" [ "$(letters)" = 0 ]
  # Sessions from before the backup are still valid, and can order.
  as ann
  api POST /order "{\"category\":\"light\",\"product_id\":\"$lamp\",\"payment_method\":\"pm_card_visa\"}"
  expect 201
  eventually "/orders/$(value .order_create_data.order_id)" '.order.status == "CONFIRMED"'
  stop_shop
done
echo "orders in the backups: ${orders[*]}"
check "the load went on from backup to backup" [ "${orders[0]}" -gt 0 ]
for i in 1 2 3; do check "and on" [ "${orders[i]}" -gt "${orders[i - 1]}" ]; done

# ---- a stopped shop ----

check "backup of a stopped shop" argosy "$ARGOSY" backup "$backups" --keep 2 >"$work/stopped"
check "two are left" [ "$(ls "$backups" | wc -l)" -eq 2 ]
newest=$backups/$(ls "$backups" | tail -1)
touch "$backups/.20200101T000000.000Z.partial"
mkdir "$backups/20300101T000000.000Z" # no manifest: no backup
check "the newest is found" grep -q "$newest" <(argosy "$ARGOSY" backup verify "$backups")

check_refusal "a data directory that is not empty" "already exists" "$ARGOSY" restore "$backups"
echo old >"$ARGOSY_DATA_DIR/mine.txt"
check "restore by force" argosy "$ARGOSY" restore "$backups" --force >/dev/null
check "what was there is moved away" [ "$(cat "$ARGOSY_DATA_DIR"/before-restore-*/mine.txt)" = old ]
check "the old databases too" [ -e "$(echo "$ARGOSY_DATA_DIR"/before-restore-*/order.db)" ]

# A backup of one service, as a machine of a fleet makes it, leaves the others' databases alone: a process may have them open.
others=$(stat -c '%i %n' "$ARGOSY_DATA_DIR"/{order,user}.db)
check "backup of one service" argosy "$ARGOSY" backup "$work/one" --only product >/dev/null
check "restored by force" argosy "$ARGOSY" restore "$work/one" --force >"$work/one.out"
check "the other databases stay" [ "$(stat -c '%i %n' "$ARGOSY_DATA_DIR"/{order,user}.db)" = "$others" ]
check "the restore says so" grep -q "no databases of .*order.*; they stay as they are" "$work/one.out"
check "its own is replaced" [ "$(ls "$ARGOSY_DATA_DIR"/before-restore-*/product.db | wc -l)" -eq 2 ]

export ARGOSY_DATA_DIR=$work/elsewhere
damage() { rm -rf "$work/damaged"; cp -a "$newest" "$work/damaged"; }
refused_copy() {
  check_refusal "$1 (verify)" "$2" "$ARGOSY" backup verify "$work/damaged"
  check_refusal "$1 (restore)" "$2" "$ARGOSY" restore "$work/damaged"
  check "nothing was made for it" [ ! -e "$ARGOSY_DATA_DIR/order.db" ]
}
damage; rm "$work/damaged/order.db"
refused_copy "a missing database" "order.db"
damage; printf x | dd of="$work/damaged/product.db" bs=1 seek=5000 conv=notrunc status=none
refused_copy "a changed byte" "product.db was changed since"
damage; truncate -s -1 "$work/damaged/jwt-access.key"
refused_copy "a short key" "jwt-access.key was changed since"
damage; sed -i 's/^time .*/time 2020-01-01T00:00:00Z/' "$work/damaged/manifest"
refused_copy "a changed manifest" "does not match its checksum"
damage; head -c 100 "$newest/manifest" >"$work/damaged/manifest"
refused_copy "half a manifest" "damaged"
damage; rm "$work/damaged/manifest"
refused_copy "no manifest" "no complete backup"

# Manifests of future programs, with correct checksums.
seal() { echo "end $(sha256sum <"$work/damaged/manifest" | cut -d' ' -f1)" >>"$work/damaged/manifest"; }
damage; sed -i -e '/^end /d' -e 's/^argosy-backup 1/argosy-backup 2/' "$work/damaged/manifest"; seal
refused_copy "a newer format" "has format 2"
damage; sed -i -e '/^end /d' -e 's/^program .*/program 999.0.0/' "$work/damaged/manifest"; seal
refused_copy "a newer program" "made by a newer program, argosy 999.0.0"
damage; sqlite3 "$work/damaged/cart.db" 'PRAGMA user_version = 999' >/dev/null; rm -f "$work"/damaged/*-wal "$work"/damaged/*-shm
sum=$(sha256sum <"$work/damaged/cart.db" | cut -d' ' -f1)
sed -i -e '/^end /d' -e "s/^database cart.db .*/database cart.db 999 $(stat -c %s "$work/damaged/cart.db") $sum/" "$work/damaged/manifest"; seal
check_refusal "a newer schema" "made by a newer program" "$ARGOSY" restore "$work/damaged"
check "nothing was made for it" [ ! -e "$ARGOSY_DATA_DIR/order.db" ]
damage; sed -i -e '/^end /d' -e 's/^key fleet.key/key ..\/fleet.key/' "$work/damaged/manifest"; seal
refused_copy "a name that leads out" "malformed line"

# A shop refuses to start after an interrupted restore, until a restore with --force has completed.
mkdir -p "$ARGOSY_DATA_DIR"
echo moving >"$ARGOSY_DATA_DIR/restore.unfinished"
check_refusal "half a restore" "was interrupted" "$ARGOSY" serve
check "restored again" argosy "$ARGOSY" restore "$newest" --force >/dev/null
check "the mark is gone" [ ! -e "$ARGOSY_DATA_DIR/restore.unfinished" ]

# ---- a shop that is started during a restore is refused, even if it looked for the mark before that was made ----

# No shell is between this one and the program, which must be the process that is stopped.
restore_and_stop() {
  "$ARGOSY" restore "$newest" --force >/dev/null 2>&1 &
  restoring=$!
  until [ -d "$ARGOSY_DATA_DIR/.restoring" ] || ! kill -0 $restoring 2>/dev/null; do :; done
  kill -STOP $restoring 2>/dev/null && [ -d "$ARGOSY_DATA_DIR/.restoring" ]
}
caught=
for _ in $(seq 20); do restore_and_stop && caught=yes && break; wait $restoring; done
check "a restore was stopped half way" [ -n "$caught" ]
check_refusal "a shop beside it" "a restore to .* is running" "$ARGOSY" serve
mv "$ARGOSY_DATA_DIR/restore.unfinished" "$work/mark"
check_refusal "a shop that saw no mark" "in use by process" "$ARGOSY" serve
mv "$work/mark" "$ARGOSY_DATA_DIR/restore.unfinished"
kill -CONT $restoring
check "the restore goes on to its end" wait $restoring

# It waits for the stores, which it gets when the restore is killed in the middle of its moves.
caught=
for _ in $(seq 20); do restore_and_stop && caught=yes && break; wait $restoring; done
check "another restore was stopped half way" [ -n "$caught" ]
mv "$ARGOSY_DATA_DIR/restore.unfinished" "$work/mark"
argosy "$ARGOSY" serve >"$work/waits" 2>&1 &
waits=$!
sleep 1
echo moving >"$work/mark"
mv "$work/mark" "$ARGOSY_DATA_DIR/restore.unfinished"
kill -9 $restoring
wait $restoring 2>/dev/null
if wait $waits; then bad "a shop that waited for a restore: not refused"; else ok; fi
check "it names the restore: $(cat "$work/waits")" grep -q "a restore to .* is running\|was interrupted" "$work/waits"
check "and once more" argosy "$ARGOSY" restore "$newest" --force >/dev/null

# ---- a backup that is killed leaves nothing that looks complete ----

# A backup takes only some milliseconds, so the kill may come too late; then it is tried again.
for _ in $(seq 50); do
  rm -rf "$work/killed"
  "$ARGOSY" backup "$work/killed" >/dev/null 2>&1 & victim=$!
  for _ in $(seq 2000); do compgen -G "$work/killed/.*.partial" >/dev/null && break; done
  kill -9 $victim 2>/dev/null
  wait $victim 2>/dev/null
  compgen -G "$work/killed/.*.partial" >/dev/null && break
done
check "a backup was killed half way" compgen -G "$work/killed/.*.partial" >/dev/null
check_refusal "a killed backup" "no complete backup" "$ARGOSY" restore "$work/killed"
check "the next backup removes it" argosy "$ARGOSY" backup "$work/killed" >/dev/null
check "and is complete" argosy "$ARGOSY" backup verify "$work/killed" >/dev/null
check "nothing else is left" [ "$(ls -A "$work/killed" | wc -l)" -eq 1 ]
