#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Full disks: the bank's, then that of every store, then the log's. What cannot be written is refused, nothing that was
# acknowledged is lost, no order is cancelled for it, and everything recovers by itself once there is room.
# The disks are small file systems in memory, mounted in a namespace of the test's own.
if [ -z "${OWN_MOUNTS:-}" ]; then
  for way in '--mount' '--map-root-user --mount'; do
    # shellcheck disable=SC2086 # several options
    unshare $way mount -t tmpfs none /mnt 2>/dev/null && OWN_MOUNTS=1 exec unshare $way "$0"
  done
  echo "skipped: a small file system cannot be mounted here (unshare --mount)"
  exit 77
fi
export FORM=single
. "$(dirname "$0")/shop.sh"
export ORDER_UNPAID_MAX=0 GATEWAY_ACCESS_LOG=1 GATEWAY_CONFIG=$work/kong.yml
disks=$work/disks
for disk in bank data log requests; do
  mkdir -p "$disks/$disk"
  mount -t tmpfs -o size=24m none "$disks/$disk" || exit 1
done
trap 'stop_shop; umount "$disks"/*; finish' EXIT
# fill DISK: writes until nothing fits any more. empty DISK: makes room again.
fill() { cat /dev/zero >"$disks/$1/filler"; while echo >>"$disks/$1/filler"; do :; done; } 2>/dev/null
empty() { rm "$disks/$1/filler"; }
log=$disks/log/shop.log
# says COUNT WORDS [FILE]: the log has so many lines with these words, which a thread writes a little later.
says() { for _ in $(seq 400); do [ "$(grep -c "$2" "${3:-$log}" 2>/dev/null)" = "$1" ] && return; sleep 0.05; done; return 1; }

"$ARGOSY" routes --config --set GATEWAY_CONFIG= | sed "0,/^plugins:/s//plugins:\n  - name: file-log\n    config: {path: ${disks//\//\\/}\/requests\/requests.log}/" >"$work/kong.yml"
listens=()
for service in "${services[@]}"; do listens+=("${service^^}_LISTEN=127.0.0.1:0"); done
run_shop() {
  env "${listens[@]}" GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 ARGOSY_DATA_DIR="$disks/data" ARGOSY_LOG_FILE="$log" \
    BANK_STORE="sqlite:$disks/bank/bank.db" "$ARGOSY" serve >"$work/shop.out" 2>"$work/shop.err" & pids=($!)
  says 1 '"ready"' || { cat "$log" "$work/shop.err"; exit 1; }
  base=http://$(jq -r 'select(.message == "listening" and .name == "gateway") | .address' "$log")
  admin=$(jq -r 'select(.message == "listening" and .name == "admin") | .address' "$log")
}
run_shop
ready() { curl -sS "http://$admin/readyz" | jq -r .status; }

for account in 'sam seller' 'ann customer'; do
  echo "secret-${account% *}" | ARGOSY_DATA_DIR=$disks/data "$ARGOSY" user create "${account% *}@example.com" --role "${account#* }" >"$work/user.out" 2>&1
done
log_in sam
api POST /products '{"name":"Bell","category":"brass","price":8,"stock":"100000"}'; expect 201
bell=$(value .product_data.product_id)
log_in ann
orders=()
order() {
  api POST /order "{\"items\":[{\"category\":\"brass\",\"product_id\":\"$bell\",\"quantity\":1}],\"payment_method\":\"pm_card_visa\"}"
  [ "$status" != 201 ] || orders+=("$(value .order_create_data.order_id)")
}
all_confirmed() { local order; for order in "${orders[@]}"; do eventually "/orders/$order" '.order.status == "CONFIRMED"'; done; }

# The bank's disk: orders wait for their payment, and say so.
order; expect 201
fill bank
for _ in 1 2 3 4; do order; expect 201; done
eventually "/orders/${orders[-1]}" '.order.status == "VALIDATED"' '.order.reason == "PAYMENT_PROVIDER_DOWN"'
check "the log says once what is wrong" says 1 'nothing can be written.*bank.db.*make room'
check "not ready" [ "$(ready)" = "not ready" ]
empty bank
all_confirmed
check "the log says that it is over" says 1 'can be written again.*bank.db'
check "ready" [ "$(ready)" = ready ]

# The disk of all other stores: what is there is read, changes are refused.
fill data
while order; [ "$status" = 201 ]; do :; done # the allocated rest of the write-ahead logs
for _ in 1 2 3; do order; expect 503 '.error.reason == "STORE_FULL"'; done
check "it says when to try again" grep -qi "^retry-after: 10" <<<"$headers"
api GET "/orders/${orders[0]}"; expect 200
api GET /products; expect 200
check "the log says once what is wrong" says 1 'nothing can be written.*order.db.*make room'
empty data
order; expect 201
all_confirmed
check "the log says that it is over" says 1 'can be written again.*order.db'

# The disks of the logs: requests are answered all the same, and the lines of the log wait.
fill requests
fill log
order; expect 201
for _ in $(seq 60); do api GET /cart; done # more than the last pages of the files take
expect 200
check "standard error says once what is wrong" says 1 'the disk of the log is full.*make room' "$work/shop.err"
empty log
check "the log says once that lines of file-log are lost" says 1 'file-log: the file cannot be written.*No space left'
check "no line of the log is lost" says 60 '"gateway: request".*/cart"'
check "every line is a whole one" jq -e . "$log" >"$work/lines"
empty requests
api GET /products; expect 200
check "the log says how many lines of file-log were lost" says 1 'file-log: the file can be written again.*lines_dropped'
check "lines of file-log are whole but for those that were being written" [ "$(jq -R 'fromjson? // empty | 1' "$disks/requests/requests.log" | wc -l)" -ge \
  $(($(wc -l <"$disks/requests/requests.log") - 1)) ]

# Files that may not grow any more, as with a quota: the same.
prlimit --pid "${pids[0]}" --fsize=1:
order; expect 503 '.error.reason == "STORE_FULL"'
api GET "/orders/${orders[0]}"; expect 200
prlimit --pid "${pids[0]}" --fsize=unlimited:
order; expect 201
all_confirmed

check "each order is charged once" [ "$(sqlite3 "$disks/bank/bank.db" 'SELECT count(*) || "," || count(DISTINCT reference) FROM charges')" = "${#orders[@]},${#orders[@]}" ]
check "payments, ledger and bank agree" env ARGOSY_DATA_DIR="$disks/data" BANK_STORE="sqlite:$disks/bank/bank.db" "$ARGOSY" payments reconcile
check "stock agrees" env ARGOSY_DATA_DIR="$disks/data" "$ARGOSY" stock check
