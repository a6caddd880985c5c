# SPDX-License-Identifier: Apache-2.0
# Sourced by bench/run: whole checkouts, ours and Vendure's, and the proof that what was counted was paid for.

# No more shoppers than may sign up in a minute.
checkout_shoppers=400 checkout_connections=192 vendure_connections=16
declare -A paid=([shop]=0 [vendure]=0) # server -> orders that the load programs saw paid

# ---- Vendure ----

# Our catalogue for it, the same from run to run: whole products without ids and dates, one a line.
catalogue() {
  local page cursor=
  while :; do
    page=$(curl -sf "${url_of[shop]}/products?page_size=200&cursor=$cursor")
    jq -c '.products.products[] | {handle, name, description, category, variants: [.variants[] | {sku, unit_amount, options}]}' <<<"$page"
    cursor=$(jq -r .products.next_cursor <<<"$page")
    [ -n "$cursor" ] || return 0
  done
}

start_vendure() {
  local program
  for program in node npm sqlite3; do
    command -v $program >/dev/null || { skip Vendure "$program is not installed"; return; }
  done
  catalogue | sort >"$work/catalogue"
  say "Vendure: installing and seeding, unless that is done"
  bench/vendure/build "$work/catalogue" >"$work/vendure.log" 2>&1 ||
    { skip Vendure "it does not install: $(tail -1 "$work/vendure.log")"; return; }
  cp engines/vendure/data/vendure.sqlite "$work"
  node engines/vendure/serve.js "$work/vendure.sqlite" >"$work/vendure.out" 2>"$work/vendure.log" &
  pid_of[vendure]=$!
  wait_for 60 "Vendure's start" test -s "$work/vendure.out"
  url_of[vendure]=http://$(cat "$work/vendure.out")
}

# ---- load ----

# Every piece that the load may want is there. As the seller, who came with the demo.
prepare_checkout() {
  local token category id
  token=$(curl -s -H 'Content-Type: application/json' "${url_of[shop]}/auth/login" \
    -d '{"email":"seller@example.com","password":"demo-password"}' | jq -r '.login_data.message // empty')
  while read -r category id; do
    curl -sf -o "$work/probe" -H 'Content-Type: application/json' -H "Authorization: Bearer $token" \
      "${url_of[shop]}/products/$category/$id/stock" -d '{"on_hand":"100000000"}' ||
      { echo "bench: cannot fill the shelf of $category/$id" >&2; exit 1; }
  done <"$work/products"
  prepare_shoppers "$checkout_shoppers"
}

# buy SECONDS [checkout option...]: whole checkouts at our shop; leaves all that the load program says in checkout.out.
buy() {
  local seconds=$1
  shift
  "$work/checkout" -s "$seconds" "$@" "${url_of[shop]#http://}" "$work/tokens" "$work/products" >"$work/checkout.out" ||
    exit 1
  sed -n 's/^RESULT //p' "$work/checkout.out"
}
buy_at_vendure() {
  node engines/vendure/load.js "${url_of[vendure]#http://}" "$vendure_connections" 2 "$1" >"$work/checkout.out" || exit 1
  sed -n 's/^RESULT //p' "$work/checkout.out"
}
count_paid() { paid[$1]=$((paid[$1] + $(sed -n 's/^ORDERS //p' "$work/checkout.out"))); }

# measure_checkout CASE SERVER COMMAND...: measure, and count what was paid.
measure_checkout() {
  say "$1, ${title[$1]}: $2"
  measure "$@"
  count_paid "$2"
}

bench_checkout() {
  local round rate p50 p99 many=(-c "$checkout_connections" -p 50)
  prepare_checkout
  buy "$warm_up_s" "${many[@]}" >"$work/discarded"
  count_paid shop
  for ((round = 0; round < rounds; round++)); do
    measure_checkout checkout shop buy "$seconds" "${many[@]}"
    measure_checkout watched shop buy "$seconds" "${many[@]}" -w sse
    measure_checkout hot shop buy "$seconds" "${many[@]}" -1
    [ -z "${pid_of[vendure]:-}" ] || measure_checkout checkout vendure buy_at_vendure $((seconds * 3))
  done

  rate=$(awk -v full="$(median checkout shop rate)" 'BEGIN { printf "%d", full / 2 }')
  for ((round = 0; round < rounds; round++)); do
    measure_checkout half shop buy "$seconds" -c "$checkout_shoppers" -r "$rate" -p 5
    read -r p50 p99 < <(sed -n 's/^CONFIRMED //p' "$work/checkout.out")
    record half confirmed p50 "$p50"
    record half confirmed p99 "$p99"
  done
  check_paid
}

# ---- the proof ----

wrong() { echo "bench: checkout: $*" >&2; failures=1; }

check_paid() {
  local there command
  # As a program of the shop's own beside it; the addresses are those of the running one.
  local urls=(PRODUCT_URL="grpc://$(listening product)" PAYMENT_URL="grpc://$(listening payment)" BANK_URL="grpc://$(listening bank)")
  for command in "stock check" "payments reconcile"; do
    # shellcheck disable=SC2086 # two words
    env "${urls[@]}" "$argosy" $command >"$work/check.out" 2>&1 || wrong "argosy $command: $(tail -3 "$work/check.out")"
  done
  there=$(sqlite3 "$data/bank.db" 'SELECT count(*) FROM charges WHERE status = 1') # authorized
  [ "$there" -ge "${paid[shop]}" ] || wrong "${paid[shop]} orders were seen confirmed, but the bank has authorized $there"

  [ -n "${pid_of[vendure]:-}" ] || return 0
  there=$(sqlite3 "$work/vendure.sqlite" "SELECT count(DISTINCT o.id) FROM \"order\" o JOIN payment p ON p.orderId = o.id
    WHERE o.state = 'PaymentAuthorized' AND p.state = 'Authorized'")
  [ "$there" -eq "${paid[vendure]}" ] || wrong "Vendure answered ${paid[vendure]} payments, but its database has $there"
}
