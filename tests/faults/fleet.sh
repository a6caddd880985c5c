# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests with faults: a shop of one process per service, on PostgreSQL (orders, payments), Redis (carts),
# MongoDB (users, sessions) and SQLite (products, bank), shoppers that load it, parts that are killed and brought back, and the
# checks of what must hold afterwards. The engines are those of tests/engines/run. Beforehand these may be set:
#   postgres_url, redis_url, mongodb_url      other addresses of the same engines, such as a proxy's
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
engines=$here/../engines
programs=$(dirname "${ARGOSY:?the program to test}")/tests
: "${ARGOSY_TEST_ENGINES_DIR:?tests/engines/run sets it}"
if [ -z "${ARGOSY_TEST_POSTGRES:-}" ] || [ -z "${ARGOSY_TEST_REDIS:-}" ] || [ -z "${ARGOSY_TEST_MONGODB:-}" ]; then
  echo "skipped: PostgreSQL, Redis and MongoDB are needed; tests/engines/run starts them"
  exit 0
fi
: "${postgres_url:=$ARGOSY_TEST_POSTGRES}" "${redis_url:=$ARGOSY_TEST_REDIS}" "${mongodb_url:=$ARGOSY_TEST_MONGODB}"

FORM=fleet
run_id=faults_$$
# with URL OPTION: the URL with one more option.
with() { case $1 in *\?*) echo "$1&$2" ;; *) echo "$1?$2" ;; esac; }
ORDER_STORE=$(with "$postgres_url" "schema=${run_id}_order") PAYMENT_STORE=$(with "$postgres_url" "schema=${run_id}_payment")
CART_STORE=$(with "$redis_url" "prefix=$run_id:")
export ORDER_STORE PAYMENT_STORE CART_STORE
export USER_STORE="${mongodb_url%%/\?*}/${run_id}_user?${mongodb_url#*\?}" AUTH_STORE="${mongodb_url%%/\?*}/${run_id}_auth?${mongodb_url#*\?}"
# Shoppers order faster than people, from one address.
export ORDER_UNPAID_MAX=0 ORDER_UNPAID_LINES_MAX=0 ORDER_UNPAID_PIECES_MAX=0 CART_QUANTITY_MAX=100000
export ORDER_ADDRESS_UNPAID_MAX=0 ORDER_ADDRESS_UNPAID_LINES_MAX=0 ORDER_ADDRESS_UNPAID_PIECES_MAX=0
export ACCESS_TOKEN_EXP_DURATION=24h PAYMENT_ACCOUNT_TRIES_MAX=0 IDEMPOTENCY_KEYS_MAX=1000000
. "$here/../e2e/shop.sh"
. "$engines/within.sh"

# A test that has more to end than a shop and its shoppers names a function for it in end_more.
leave() {
  local code=$?
  [ -z "${shoppers:-}" ] || kill "$shoppers" 2>/dev/null
  "${end_more:-true}"
  (exit "$code")
  finish
}
trap leave EXIT

# ---- processes ----

processes=("${services[@]}" gateway)
start_fleet() {
  local i
  # Two for each process, which keeps them when it is brought back.
  first_port=$("$(dirname "${BASH_SOURCE[0]}")/../free_ports" $((2 * ${#processes[@]})))
  urls=() health=()
  for i in "${!processes[@]}"; do
    urls+=("${processes[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))")
    health+=("http://127.0.0.1:$((first_port + ${#processes[@]} + i))/readyz")
  done
  for i in "${!processes[@]}"; do bring "${processes[i]}"; done
  gateway=127.0.0.1:$((first_port + ${#services[@]}))
}

# bring PROCESS: starts it, for the first time or again, and waits until it listens.
bring() {
  local i others=() own
  for i in "${!processes[@]}"; do
    if [ "${processes[i]}" = "$1" ]; then own=$((first_port + i)); else others+=("${urls[i]}"); fi
  done
  [ ! -f "$work/$1.log" ] || cat "$work/$1.log" >>"$work/$1.earlier"
  : >"$work/$1.log"
  start "$1" "ADMIN_LISTEN=127.0.0.1:$((own + ${#processes[@]}))" "${1^^}_LISTEN=127.0.0.1:$own" "${others[@]}" -- --only "$1"
}

# kill_part PART: an engine or a process, with SIGKILL.
kill_part() {
  local pid kept=()
  case $1 in
    postgres | redis | mongodb) "$engines/$1.sh" kill "$ARGOSY_TEST_ENGINES_DIR/$1"; return ;;
  esac
  pid=$(cat "$work/$1.pid")
  kill -9 "$pid"
  wait "$pid" 2>/dev/null
  for p in "${pids[@]}"; do [ "$p" = "$pid" ] || kept+=("$p"); done
  pids=("${kept[@]}")
}

bring_part() {
  case $1 in
    postgres | redis | mongodb) "$engines/$1.sh" start "$ARGOSY_TEST_ENGINES_DIR/$1" >/dev/null ;;
    *) bring "$1" ;;
  esac
}

# ---- what must hold while and after ----

# is_ready: every process says that it is, by itself.
is_ready() { curl -sf --max-time 5 --fail-early "${health[@]}" >/dev/null; }

confirmed() { stat -c %s "$work/confirmed" 2>/dev/null || echo 0; }
has_confirmed() { [ "$(confirmed)" -ge "$1" ]; }

# goes_on WHAT: all processes are ready, and further orders are confirmed.
goes_on() {
  check "$1: every process is ready again" within 40 is_ready
  check "$1: orders are confirmed again" within 40 has_confirmed $(($(confirmed) + 6))
}

# ---- servers that replace one another ----

leader() { "$engines/$1.sh" leader "$servers"; }
another_leads() { local now; now=$(leader "$1") && [ "$now" != "$2" ]; }

# fail_over ENGINE TIMES LEADS_S FOLLOWS_S [HOW]: kills the leading one of ENGINE.sh's servers in $servers again and again, under
# load. Another one leads by itself, and the killed one comes back and follows, within so many seconds. Every other time it is
# brought back as HOW says.
fail_over() {
  local round old begun how
  for round in $(seq "$2"); do
    old=$(leader "$1") how=()
    "$engines/$1.sh" kill "$servers" "$old"
    begun=$(date +%s%N)
    check "round $round: another server leads" within "$3" another_leads "$1" "$old"
    goes_on "round $round: another server leads"
    echo "$1, round $round: orders are confirmed again after $((($(date +%s%N) - begun) / 1000000)) ms, $(confirmed) by now"
    [ -z "${5-}" ] || [ $((round % 2)) = 0 ] || how=("$5")
    "$engines/$1.sh" bring "$servers" "$old" "${how[@]}"
    check "round $round: the old leader follows" within "$4" "$engines/$1.sh" whole "$servers"
    goes_on "round $round: the old leader follows"
  done
}

products_count=4 pieces_each=1000000
start_load() {
  local i
  start_shop
  make_account sam seller
  log_in sam; expect 200
  shelf=()
  for i in $(seq $products_count); do
    api POST /products "{\"name\":\"p$i\",\"category\":\"faults\",\"unit_amount\":\"1000\",\"currency\":\"USD\",\"stock\":\"$pieces_each\"}"; expect 201
    shelf+=("$(value .product_data.product_id)")
  done
  log_in sam; expect 200
  "$programs/fault_shoppers" "${gateway##*:}" "$work" "$(value .login_data.message)" "${shelf[@]}" >"$work/shoppers.out" 2>&1 &
  shoppers=$!
  check "orders are confirmed" within 40 has_confirmed 12
}

# ---- the books ----

# copy_rows DATABASE TABLE: creates a table in SQLite with all rows that the command prints as CSV with a header.
copy_rows() { sqlite3 "$1" -cmd ".mode csv" ".import /dev/stdin $2"; }
rows_of() { psql "$ARGOSY_TEST_POSTGRES" -qAtc "COPY (SELECT $2 FROM ${run_id}_$1) TO STDOUT (FORMAT csv)"; }

# Copies what the books are about into databases like those of the embedded shop.
copy_books() {
  local copies=$work/copies
  rm -rf "$copies"; mkdir "$copies"
  sqlite3 "$copies/order.db" 'CREATE TABLE orders (order_id TEXT PRIMARY KEY, number INTEGER, state INTEGER, facts INTEGER,
    total_minor INTEGER, currency TEXT, reason TEXT); CREATE TABLE order_history (number INTEGER, to_state INTEGER);
    CREATE TABLE dead_letters (id TEXT)'
  rows_of order.orders 'order_id, number, state, facts, total_minor, currency, reason' | copy_rows "$copies/order.db" orders
  rows_of order.order_history 'number, to_state' | copy_rows "$copies/order.db" order_history
  rows_of order.dead_letters id | copy_rows "$copies/order.db" dead_letters
  sqlite3 "$copies/payment.db" 'CREATE TABLE dead_letters (id TEXT)'
  rows_of payment.dead_letters id | copy_rows "$copies/payment.db" dead_letters
  sqlite3 "$copies/cart.db" 'CREATE TABLE dead_letters (id TEXT)'
  "$ARGOSY" dlq list --group cart 2>>"$work/letters.err" | grep cart | copy_rows "$copies/cart.db" dead_letters
  ln -s "$ARGOSY_DATA_DIR/product.db" "$ARGOSY_DATA_DIR/bank.db" "$copies/"
}

books_agree() {
  copy_books
  "$programs/fault_books" "$work/copies" $((products_count * pieces_each)) "$work/orders" >"$work/books.out" 2>&1
}

shoppers_ended() { ! kill -0 "$shoppers" 2>/dev/null; }

# Ends the load; then everything acknowledged must be there, and all books agree.
end_load() {
  touch "$work/enough"
  within 600 shoppers_ended || { bad "the shoppers do not bring their orders to an end"; kill "$shoppers"; }
  check "no promise was broken under load" wait "$shoppers"
  shoppers=
  cat "$work/shoppers.out"
  check "the books agree" within 60 books_agree
  cat "$work/books.out"
  check "the stock's books are right" env "${urls[@]}" "$ARGOSY" stock check
  check "payments, ledger and bank agree" env "${urls[@]}" "$ARGOSY" payments reconcile
  check "every process is ready" is_ready
  psql "$ARGOSY_TEST_POSTGRES" -qAtc "SET client_min_messages = error;
    DROP SCHEMA ${run_id}_order CASCADE; DROP SCHEMA ${run_id}_payment CASCADE"
}
