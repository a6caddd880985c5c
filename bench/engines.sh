# SPDX-License-Identifier: Apache-2.0
# Sourced by bench/run --engines: the stores on PostgreSQL, Redis and MongoDB beside each engine's own tool, AddToCart
# through the cart service, and whole checkouts on these engines. bench/README.md says how the tools get the statements.

stores=$(dirname "$argosy")/bench/bench_stores
[ -x "$stores" ] || stores=build/release/bench/bench_stores
all_engines=(postgres redis mongodb)
declare -A engine_url=() # engine -> its URL
redis_cli=() redis_benchmark=() # the commands for our server

# What is measured: operation -> engine, callers at the same time.
operations=(order payment cart user account session)
declare -A engine_of=([order]=postgres [payment]=postgres [cart]=redis [user]=mongodb [account]=mongodb [session]=mongodb)
declare -A callers_of=([order]=16 [payment]=16 [cart]=64 [user]=8 [account]=8 [session]=8)
declare -A title_of=(
  [order]="order: created, stock reserved" [payment]="payment: begun, authorized" [cart]="cart: one more piece"
  [user]="account: read" [account]="account: renamed" [session]="session: refreshed"
)
declare -A tool_of=([postgres]=pgbench [redis]=redis-benchmark [mongodb]=libmongoc)

# ---- the engines ----

start_engines() {
  local engine settings
  chmod 755 "$work" # PostgreSQL runs as a user of its own
  mkdir -m 755 "$work/engines"
  for engine in "${all_engines[@]}"; do
    mkdir -m 755 "$work/engines/$engine"
    settings=$("tests/engines/$engine.sh" start "$work/engines/$engine") ||
      { echo "bench: $engine does not start" >&2; exit 1; }
    engine_url[$engine]=$(sed -n "s/^ARGOSY_TEST_${engine^^}=//p" <<<"$settings")
    say "$engine: $("tests/engines/$engine.sh" about)"
    case $engine in
      postgres) pid_of[$engine]=$(head -1 "$work/engines/postgres/data/postmaster.pid") ;;
      *) pid_of[$engine]=$(cat "$work/engines/$engine/pid") ;;
    esac
  done
  settings=$(sed 's,.*://:\([^@]*\)@.*,\1,' <<<"${engine_url[redis]}")
  redis_cli=(env "REDISCLI_AUTH=$settings" redis-cli -p "$(cat "$work/engines/redis/port")")
  redis_benchmark=(redis-benchmark -p "$(cat "$work/engines/redis/port")" -a "$settings" -r 64)
}

stop_engines() {
  local engine
  for engine in "${all_engines[@]}"; do
    [ -n "${pid_of[$engine]:-}" ] || continue
    "tests/engines/$engine.sh" stop "$work/engines/$engine" || true
    forget "$engine"
  done
}

# store_url SERVICE SUFFIX: a database of its own inside the engine.
store_url() {
  case $1 in
    order | payment) echo "${engine_url[postgres]}?schema=bench_$2" ;;
    cart) echo "${engine_url[redis]}?prefix=bench_$2:" ;;
    *) sed "s,/?,/bench_$2?," <<<"${engine_url[mongodb]}" ;;
  esac
}

ask_postgres() { psql "${engine_url[postgres]}" -XqAt -c "$1"; }
ask_redis() { "${redis_cli[@]}" "$@"; }

# ---- what an engine gets ----

log_statements() {
  ask_postgres "ALTER SYSTEM SET log_statement = '$1'"
  ask_postgres "SELECT pg_reload_conf()" >"$work/discarded"
  sleep 0.5
}
postgres_log() { cat "$work/engines/postgres/data/server.log"; }

# capture OPERATION: runs it twice, and keeps in $work/OPERATION.seen what its engine got.
capture() {
  local lines helper url
  url=$(store_url "$1" "$1")
  case ${engine_of[$1]} in
    postgres)
      log_statements all
      lines=$(postgres_log | wc -l)
      "$stores" -n 2 "$1" "$url" >"$work/discarded"
      log_statements none
      postgres_log | tail -n +$((lines + 1)) >"$work/$1.seen"
      bench/engines/pgbench_script "${engine_url[postgres]}?options=-csearch_path%3Dbench_$1" "$work/$1.constants" \
        <"$work/$1.seen" >"$work/$1.sql"
      ;;
    redis)
      "${redis_cli[@]}" MONITOR >"$work/$1.seen" & # not by a function, whose shell would be killed instead
      helper=$!
      wait_for 5 "MONITOR" grep -qs OK "$work/$1.seen"
      "$stores" -n 2 "$1" "$url" >"$work/discarded"
      sleep 0.2
      kill "$helper"
      wait "$helper" || true
      ;;
    mongodb)
      rm -f "$work/tap"
      bench/engines/mongodb_tap "$(cat "$work/engines/mongodb/port")" "$work/$1.seen" >"$work/tap" &
      helper=$!
      wait_for 20 "the tap" test -s "$work/tap"
      "$stores" -n 2 "$1" "mongodb://127.0.0.1:$(cat "$work/tap")/bench_$1?directConnection=true" >"$work/discarded"
      kill "$helper"
      wait "$helper" || true
      ;;
  esac
}

# ---- loads: each leaves "operations, per second, p50, p99, errors" and its own processor time an operation ----

# timed COMMAND...: leaves in $work/processor the microseconds of processor time that it has used.
timed() {
  local TIMEFORMAT='%U %S'
  { time "$@" 2>"$work/timed.err"; } 2>"$work/timed" || { cat "$work/timed.err" >&2; exit 1; }
  awk '{ printf "%d\n", ($1 + $2) * 1000000 }' "$work/timed" >"$work/processor"
}

# put_result OPERATIONS RATE P50 P99 ERRORS: with the processor time of the last `timed`.
put_result() {
  echo "$*" >"$work/result"
  awk -v n="$1" '{ printf "%.2f\n", n ? $1 / n : 0 }' "$work/processor" >"$work/own"
}

load_store() { # SECONDS OPERATION
  "$stores" -s "$1" -c "${callers_of[$2]}" "$2" "$(store_url "$2" "$2")" >"$work/out" || exit 1
  sed -n 's/^RESULT //p' "$work/out" >"$work/result"
  sed -n 's/^PROCESSOR //p' "$work/out" >"$work/own"
}

load_pgbench() {
  local constants count rate latency failed
  mapfile -t constants < <(sed 's/^/-D/' "$work/$2.constants")
  timed pgbench -n -M prepared -c "${callers_of[$2]}" -j 2 -T "$1" -f "$work/$2.sql" "${constants[@]}" \
    "${engine_url[postgres]}?options=-csearch_path%3Dbench_$2" >"$work/out"
  count=$(sed -n 's/^number of transactions actually processed: //p' "$work/out")
  failed=$(sed -n 's/^number of failed transactions: \([0-9]*\).*/\1/p' "$work/out")
  rate=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$work/out")
  latency=$(sed -n 's/^latency average = \([0-9.]*\).*/\1/p' "$work/out")
  put_result "$count" "$rate" "$latency" 0 "${failed:-0}"
}

# redis_tool SECONDS WORDS OPTION...: one command, as often as about fits into the time; prints what it reached: count,
# rate, p50, p99, processor time.
redis_tool() {
  local seconds=$1 words count=2000 line i
  mapfile -d '' words <"$2"
  shift 2
  for i in 1 2; do
    timed "${redis_benchmark[@]}" --csv "$@" -n "$count" "${words[@]}" \
      >"$work/out"
    line=$(tail -1 "$work/out" | awk -F '","' '{ printf "%s %s %s", $(NF - 6), $(NF - 3), $(NF - 1) }')
    [ "$i" = 2 ] || count=$(awk -v s="$seconds" '{ n = int($1 * s); print n < 2000 ? 2000 : n }' <<<"$line")
  done
  echo "$count $line $(cat "$work/processor")"
}

# The commands of the operation, one after the other, as a caller of ours sends them.
load_redis() { # SECONDS OPERATION OPTION...
  local seconds=$1 words operation=$2
  shift 2
  for words in "$work/$operation".words.*; do redis_tool "$seconds" "$words" "$@"; done |
    awk -v result="$work/result" -v own="$work/own" '
      { count = $1; turn += 1 / $2; p50 += $3; p99 += $4; us += $5 / $1 }
      END { printf "%d %.1f %.3f %.3f 0\n", count, 1 / turn, p50, p99 > result; printf "%.2f\n", us > own }'
}
load_redis_benchmark() { load_redis "$@" -c "${callers_of[$2]}"; }
load_redis_pipelined() { load_redis "$@" -c 4 -P $((callers_of[$2] / 4)); }

load_libmongoc() {
  "$work/mongodb_loop" -s "$1" -c "${callers_of[$2]}" \
    "${engine_url[mongodb]}&w=majority&journal=true&readConcernLevel=majority&retryWrites=true&wtimeoutMS=5000" \
    "bench_$2" "$work/$2.seen" >"$work/out" || { cat "$work/out" >&2; exit 1; }
  sed -n 's/^RESULT //p' "$work/out" >"$work/result"
  sed -n 's/^PROCESSOR //p' "$work/out" >"$work/own"
}

# measure_operation OPERATION WHO LOAD
measure_operation() {
  local before requests rate p50 p99 errors engine=${engine_of[$1]}
  say "$1: $2"
  before=$(cpu_us "$engine")
  "$3" "$seconds" "$1"
  read -r requests rate p50 p99 errors <"$work/result"
  record "$1" "$2" rate "$rate"
  record "$1" "$2" p50 "$p50"
  record "$1" "$2" p99 "$p99"
  record "$1" "$2" cpu "$(cat "$work/own")"
  # redis-benchmark's trials are the engine's work too, so its share is measured with our load alone.
  [ "$2" != ours ] || record "$1" engine cpu "$(awk -v us=$(($(cpu_us "$engine") - before)) -v n="$requests" \
    'BEGIN { printf "%.2f", us / n }')"
  [ "$errors" -eq 0 ] || { echo "bench: $1: $errors of $requests operations of $2 failed" >&2; failures=1; }
}

prepare_operation() {
  local words key
  capture "$1"
  "$stores" -s 1 -c "${callers_of[$1]}" "$1" "$(store_url "$1" "$1")" >"$work/discarded" # the callers' records
  [ "${engine_of[$1]}" = redis ] || return 0
  key=bench:__rand_int__
  bench/engines/redis_words $key "$work/$1.words" <"$work/$1.seen"
  words=("$work/$1".words.*)
  mapfile -d '' words <"${words[-1]}"
  "${redis_benchmark[@]}" -q -n 5000 SET $key "${words[5]}" \
    >"$work/discarded" 2>&1
}

# Whether the script of the yardstick has written: redis-benchmark does not look at what it returns.
check_redis_tool() {
  local sets scripts
  read -r sets scripts < <(ask_redis INFO commandstats | tr -d '\r' |
    sed -n 's/^cmdstat_\(set\|evalsha\):calls=\([0-9]*\),.*/\1 \2/p' | sort -r | awk '{ print $2 }' | xargs)
  [ "$sets" -ge "$scripts" ] || { echo "bench: only $sets of $scripts scripts of redis-benchmark wrote the cart" >&2; failures=1; }
}

bench_operations() {
  local round operation
  for operation in "${operations[@]}"; do prepare_operation "$operation"; done
  for ((round = 0; round < rounds; round++)); do
    for operation in "${operations[@]}"; do
      measure_operation "$operation" ours load_store
      case ${engine_of[$operation]} in
        postgres) measure_operation "$operation" pgbench load_pgbench ;;
        redis)
          ask_redis CONFIG RESETSTAT >"$work/discarded"
          measure_operation "$operation" redis-benchmark load_redis_benchmark
          measure_operation "$operation" redis-benchmark-pipelined load_redis_pipelined
          check_redis_tool
          ;;
        mongodb) measure_operation "$operation" libmongoc load_libmongoc ;;
      esac
    done
  done
}

# ---- AddToCart through the cart service, as peers were measured: Redis keeps nothing on the disk ----

shoppers_at_once=8

add_to_cart() { # SECONDS SHOPPERS
  local i loads=() connections=$((8 / $2))
  for ((i = 1; i <= $2; i++)); do
    h2load -t1 -c"$connections" -m16 -D "$1" -d "$work/add.grpc" -H 'content-type: application/grpc' -H 'te: trailers' \
      -H "x-user-email: shopper$i@example.com" -H 'x-user-role: customer' "http://$(listening cart)/cart_service.CartService/AddToCart" \
      >"$work/h2load.$i" 2>&1 &
    loads+=($!)
  done
  wait "${loads[@]}"
  cat "$work"/h2load.[1-"$2"] | awk '/^finished in/ { rate += $4 }
    /^requests:/ { done += $6; errors += $10 + $12 + $14 }
    END { printf "%d %.1f 0 0 %d\n", done, rate, errors }'
}
add_to_one_cart() { add_to_cart "$1" 1; }
add_to_carts_8() { add_to_cart "$1" $shoppers_at_once; }

prepare_add_to_cart() {
  local fields
  fields=$(printf '\\x0a\\x%02x%s\\x12\\x%02x%s\\x18\\x01' ${#product} "$product" ${#category} "$category")
  printf "\\0\\0\\0\\0\\x$(printf %02x $((6 + ${#category} + ${#product})))$fields" >"$work/add.grpc"
  curl -s --http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers' -H 'x-user-email: shopper1@example.com' \
    -H 'x-user-role: customer'     -D "$work/headers" --data-binary @"$work/add.grpc" -o "$work/probe" \
    "http://$(listening cart)/cart_service.CartService/AddToCart"
  grep -qi '^grpc-status: 0' "$work/headers" || { echo "bench: the cart does not answer AddToCart:" >&2; cat "$work/headers" >&2; exit 1; }
}

# With the processor time of Redis for each request.
measure_add_to_cart() { # CASE LOAD
  local before
  before=$(cpu_us redis)
  measure "$1" cart "$2" "$seconds"
  record "$1" redis cpu "$(awk -v us=$(($(cpu_us redis) - before)) -v n="$measured" 'BEGIN { printf "%.2f", n ? us / n : 0 }')"
}

bench_add_to_cart() {
  local round category product
  fleet_demo=1
  export ARGOSY_TRUST_METADATA=1 # the load says who the shopper is
  start_fleet gateway,user,auth,product,order,payment,bank cart
  unset ARGOSY_TRUST_METADATA
  wait_for 60 "loading the demo catalogue" catalogue_is_there
  fleet_demo=''
  prepare_product
  read -r category product <"$work/products"
  ask_redis CONFIG SET appendonly no >"$work/discarded"
  prepare_add_to_cart
  pid_of[cart]=${pid_of[fleet-2]}
  for ((round = 0; round < rounds; round++)); do
    say "AddToCart, round $((round + 1)) of $rounds"
    measure_add_to_cart add add_to_carts_8
    measure_add_to_cart add1 add_to_one_cart
  done
  forget cart
  stop_fleet
  ask_redis CONFIG SET appendonly yes >"$work/discarded"
}

# ---- processes of the shop on the engines ----

# The settings of stores in databases that nobody has used; sets `store_settings`.
use_new_stores() {
  local service
  stores_number=$((${stores_number:-0} + 1))
  store_settings=()
  for service in order payment cart user auth; do
    store_settings+=("${service^^}_STORE=$(store_url "$service" "${stores_number}_$service")")
  done
}

# start_fleet SERVICES...: a process for each list of services, on the engines: fleet-1, fleet-2 ...
fleet_demo='' # whether the processes load the demo catalogue
start_fleet() {
  local service group name settings number=0
  local -A port=()
  shop_settings
  rm -f "$work/shop.log" "$work"/fleet-*.log
  use_new_stores
  for service in "${services[@]}" gateway; do port[$service]=$(tests/free_ports); done
  for group in "$@"; do
    number=$((number + 1)) name=fleet-$number settings=(ADMIN_LISTEN=127.0.0.1:0)
    mkdir -p "$work/fleet-data-$stores_number/$number"
    for service in "${!port[@]}"; do
      case ,$group, in
        *,"$service",*) settings+=("${service^^}_LISTEN=127.0.0.1:${port[$service]}") ;;
        *) [ "$service" = gateway ] || settings+=("${service^^}_URL=grpc://127.0.0.1:${port[$service]}") ;;
      esac
    done
    start_argosy "$name" "${store_settings[@]}" "${settings[@]}" "ARGOSY_DATA_DIR=$work/fleet-data-$stores_number/$number" \
      -- --only "$group" ${fleet_demo:+--demo}
  done
  url_of[shop]=http://$(listening gateway)
}

stop_fleet() {
  local name
  for name in "${!pid_of[@]}"; do [[ $name != fleet-* ]] || stop "$name"; done
}

# What each process takes that nobody calls.
bench_fleet_idle() {
  local number=0 service
  start_fleet "${services[@]}" gateway
  sleep 3
  for service in "${services[@]}" gateway; do
    number=$((number + 1))
    record "process" "$service" memory "$(memory_kib "fleet-$number")"
    record "process" "$service" private "$(private_kib "fleet-$number")"
  done
  stop_fleet
}

# ---- whole checkouts ----

# Requests to each store so far, of all processes: "order 123".
store_requests() {
  local log
  for log in "$work"/shop.log "$work"/fleet-*.log; do
    [ ! -f "$log" ] || curl -s "http://$(jq -r 'select(.message == "listening" and .name == "admin") | .address' "$log")/metrics"
  done | awk -F'[{}"= ]+' '/^argosy_store_requests_total/ { n[$3] += $NF } END { for (s in n) print s, n[s] }' | sort
}

# measure_on_engines CASE SERVER OPTION...: whole checkouts, with what the engines use for each, and how often the
# stores ask them.
measure_on_engines() {
  local case=$1 server=$2 engine store count
  local -A before=() asked=()
  shift 2
  for engine in "${all_engines[@]}"; do before[$engine]=$(cpu_us "$engine"); done
  while read -r store count; do asked[$store]=$count; done < <(store_requests)
  measure_checkout "$case" "$server" buy "$seconds" "$@"
  for engine in "${all_engines[@]}"; do
    record "$case" "$engine" cpu "$(awk -v us=$(($(cpu_us "$engine") - before[$engine])) -v n="$measured" 'BEGIN { print us / n }')"
  done
  while read -r store count; do
    record "$case" "$store" requests "$(awk -v n=$((count - ${asked[$store]:-0})) -v m="$measured" 'BEGIN { printf "%.2f", n / m }')"
  done < <(store_requests)
}

# How many statements PostgreSQL runs for a checkout.
count_statements() {
  local lines
  log_statements all
  lines=$(postgres_log | wc -l)
  buy 2 -c 8 -w sse >"$work/result"
  count_paid shop
  log_statements none
  record "$1" postgres statements "$(postgres_log | tail -n +$((lines + 1)) | grep -c ' LOG:  execute' |
    awk -v orders="$(sed -n 's/^ORDERS //p' "$work/checkout.out")" '{ printf "%.1f", $1 / orders }')"
}

bench_checkout_on_engines() {
  local round connections=16
  prepare_product
  prepare_checkout
  buy "$warm_up_s" -c $connections -w sse >"$work/discarded"
  count_paid shop
  for ((round = 0; round < rounds; round++)); do measure_on_engines "$1" "$2" -c $connections -w sse; done
  count_statements "$1"
  check_paid
}

bench_checkouts_on_engines() {
  checkout_shoppers=32 # signing up takes longer here
  use_new_stores
  data=$work/engines-data
  start_shop "${store_settings[@]}"
  bench_checkout_on_engines one shop
  stop shop
  paid[shop]=0 fleet_demo=1
  start_fleet gateway,user,auth,product,cart order,payment,bank
  wait_for 60 "loading the demo catalogue" catalogue_is_there
  data=$work/fleet-data-$stores_number/2
  bench_checkout_on_engines two fleet
  stop_fleet
}

bench_engines() {
  read -r load_before _ </proc/loadavg
  [ -x "$stores" ] || { echo "bench: $stores is missing; build it: cmake --build --preset release" >&2; exit 1; }
  # shellcheck disable=SC2046 # words
  "${CC:-cc}" -std=gnu2x -O2 -D_GNU_SOURCE $(pkg-config --cflags libmongoc-1.0) -o "$work/mongodb_loop" \
    bench/engines/mongodb_loop.c $(pkg-config --libs libmongoc-1.0)
  start_engines
  ! wants operations || bench_operations
  ! wants add || bench_add_to_cart
  ! wants processes || bench_fleet_idle
  ! wants checkouts || bench_checkouts_on_engines
  stop_engines
}

# ---- the tables ----

# What the figures are worth: other work on the machine meets rates and ratios.
engine_conditions() {
  local load_after
  read -r load_after _ </proc/loadavg
  echo "$(nproc) processors; load average $load_before before the run and $load_after after it; $SECONDS seconds"
}

# Rates and processor time; the ratio is the median of the rounds' ratios.
engine_ratio() { # OPERATION TOOL NAME
  [ -n "$(median "$1" ours rate)" ] && [ -n "$(median "$1" "$2" rate)" ] || return 0
  awk -v what="${title_of[$1]}, per second / $3" -v ours="$(median "$1" ours rate)" -v theirs="$(median "$1" "$2" rate)" \
    -v ratio="$(median_ratio "$1" ours "$2" rate)" 'BEGIN {
      printf("%s|%.0f|%.0f|%.2f|>= 0.6|%s\n", what, ours, theirs, ratio, ratio >= 0.6 ? "yes" : "NO")
    }'
  awk -v what="${title_of[$1]}, own CPU us / $3" -v ours="$(median "$1" ours cpu)" -v theirs="$(median "$1" "$2" cpu)" \
    -v ratio="$(median_ratio "$1" ours "$2" cpu)" 'BEGIN { printf("%s|%.0f|%.0f|%.2f|-|-\n", what, ours, theirs, ratio) }'
}

megabytes() { awk -v k="$1" 'BEGIN { if (k) print k / 1000 * 1.024 }'; }

engine_ratios() {
  local operation service case
  for operation in "${operations[@]}"; do
    engine_ratio "$operation" "${tool_of[${engine_of[$operation]}]}" "${tool_of[${engine_of[$operation]}]}"
  done
  engine_ratio cart redis-benchmark-pipelined "redis-benchmark, pipelined"
  # The existing Go system's figure, of another machine and hour.
  [ -z "$(median add cart rate)" ] || awk -v ours="$(median add cart rate)" 'BEGIN {
    printf("AddToCart, gRPC, per second / the existing Go system|%.0f|17000|%.2f|>= 1|%s\n", ours, ours / 17000, ours >= 17000 ? "yes" : "NO") }'
  for case in add add1; do
    [ -z "$(median $case cart cpu)" ] || awk -v shoppers=$([ $case = add ] && echo eight || echo one) \
      -v ours="$(median $case cart cpu)" -v redis="$(median $case redis cpu)" 'BEGIN {
        printf("AddToCart, gRPC, shoppers: %s, own CPU us / that of Redis|%.0f|%.0f|%.1f|-|-\n", shoppers, ours, redis, redis ? ours / redis : 0) }'
  done
  at_most "AddToCart, gRPC, memory under load, MB (the existing Go system: 21)" "$(megabytes "$(median add cart memory)")" 5.25
  for service in "${services[@]}" gateway; do
    [ -n "$(median process "$service" memory)" ] || continue
    at_most "memory, idle, process of $service, MB ($(printf '%.1f' "$(megabytes "$(median process "$service" private)")") its own)" \
      "$(megabytes "$(median process "$service" memory)")" 15
  done
}

# "what|who|per second|p50 ms|p99 ms|own CPU us|engine's CPU us"
engine_details() {
  local operation who aspect
  for operation in "${operations[@]}"; do
    for who in ours pgbench redis-benchmark redis-benchmark-pipelined libmongoc; do
      [ -n "$(median "$operation" $who rate)" ] || continue
      printf '%s, %s at once|%s' "${title_of[$operation]}" "${callers_of[$operation]}" "${who/#ours/argosy}"
      for aspect in rate p50 p99 cpu; do printf '|%s' "$(median "$operation" $who $aspect)"; done
      [ $who != ours ] || printf '|%s' "$(median "$operation" engine cpu)"
      echo
    done
  done
}

# "checkouts|per second|p50 ms|p99 ms|own CPU us|postgres us|redis us|mongodb us|statements|requests to order|..."
engine_checkouts() {
  local case server who
  for case in one two; do
    server=shop
    [ $case = one ] || server=fleet
    [ -n "$(median $case $server rate)" ] || continue
    printf '%s' "${case/one/one process}"
    for who in rate p50 p99 cpu; do printf '|%s' "$(median $case $server $who)"; done
    for who in "${all_engines[@]}"; do printf '|%.0f' "$(median $case "$who" cpu)"; done
    printf '|%s' "$(median $case postgres statements)"
    for who in order payment cart user auth; do printf '|%s' "$(median $case $who requests)"; done
    echo
  done
}
