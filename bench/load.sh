# SPDX-License-Identifier: Apache-2.0
# Sourced by bench/run: load, and what is measured under it. A figure is kept as a list of its values in all rounds.

declare -A figures=() # "<case> <server> <aspect>" -> values

record() { figures["$1 $2 $3"]+="$4 "; }
# median CASE SERVER ASPECT: nothing if it was not measured.
median() {
  [ -n "${figures["$1 $2 $3"]:-}" ] || return 0
  tr ' ' '\n' <<<"${figures["$1 $2 $3"]}" | sed '/^$/d' | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# median_ratio CASE SERVER OTHER ASPECT: of the ratios of the rounds, each of two figures that were taken one after the
# other, so that what else the machine does in a round meets both.
median_ratio() {
  paste -d ' ' <(tr ' ' '\n' <<<"${figures["$1 $2 $4"]}") <(tr ' ' '\n' <<<"${figures["$1 $3 $4"]}") |
    awk 'NF == 2 && $2 > 0 { print $1 / $2 }' | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# ---- load generators: each prints "requests, per second, p50 ms, p99 ms, errors" ----

# wrk_load SECONDS CONNECTIONS SCRIPT URL [ARGUMENT...]
wrk_load() {
  local seconds=$1 connections=$2 script=$3 url=$4
  shift 4
  wrk -t2 -c"$connections" -d"${seconds}s" -s "bench/$script" "$url" -- "$@" >"$work/wrk.out" 2>&1 ||
    { cat "$work/wrk.out" >&2; exit 1; }
  sed -n 's/^RESULT //p' "$work/wrk.out"
}

# grpc_calls SECONDS URL [h2load option...]: unary calls on 8 connections of 16 streams; percentiles are left 0.
grpc_calls() {
  local seconds=$1 url=$2
  shift 2
  h2load -t1 -c8 -m16 -D "$seconds" -d "$work/request.grpc" -H 'content-type: application/grpc' -H 'te: trailers' "$@" \
    "$url/$grpc_method" >"$work/h2load.out" 2>&1 || { cat "$work/h2load.out" >&2; exit 1; }
  awk '/^finished in/ { rate = $4 }
    /^requests:/ { done = $6; errors = $10 + $12 + $14 }
    END { printf "%d %.1f 0 0 %d\n", done, rate, errors }' "$work/h2load.out"
}

# p50 and p99 in milliseconds. Apart from the rate, since h2load's log of every call takes the generator's time.
grpc_latency() {
  rm -f "$work/h2load.log"
  grpc_calls 1 "$1" --log-file="$work/h2load.log" >"$work/discarded"
  cut -f3 "$work/h2load.log" | sort -n |
    awk '{ v[NR] = $1 } END { printf "%.3f %.3f\n", v[int(NR * 0.5) + 1] / 1000, v[int(NR * 0.99) + 1] / 1000 }'
}

# ---- measuring ----

# measure CASE SERVER COMMAND...: runs a load generator and records what it saw and what the server used; sets `measured`
# to the number of requests.
measure() {
  local case=$1 server=$2 before requests rate p50 p99 errors
  shift 2
  before=$(cpu_us "$server")
  read -r requests rate p50 p99 errors < <("$@") || { echo "bench: $case: no load on $server" >&2; exit 1; }
  measured=$requests
  record "$case" "$server" rate "$rate"
  [ "$p50" = 0 ] || { record "$case" "$server" p50 "$p50"; record "$case" "$server" p99 "$p99"; }
  record "$case" "$server" cpu "$(awk -v us="$(($(cpu_us "$server") - before))" -v n="$requests" \
    'BEGIN { printf "%.2f", n ? us / n : 0 }')"
  record "$case" "$server" memory "$(memory_kib "$server")"
  [ "$errors" -eq 0 ] || { echo "bench: $case: $errors of $requests requests to $server failed" >&2; failures=1; }
}

# in_turn CASE FUNCTION SERVER...: a warm-up of each, then one after the other in every round, so that whatever else the
# machine does meets all of them alike. FUNCTION SECONDS SERVER puts load on a server that runs.
in_turn() {
  local case=$1 function=$2 round server
  shift 2
  for server in "$@"; do "$function" "$warm_up_s" "$server" >"$work/discarded"; done
  for ((round = 0; round < rounds; round++)); do
    for server in "$@"; do
      say "$case, round $((round + 1)) of $rounds: $server"
      measure "$case" "$server" "$function" "$seconds" "$server"
    done
  done
}

# running NAME...: those of them that run.
running() {
  local name
  for name in "$@"; do [ -z "${pid_of[$name]:-}" ] || echo "$name"; done
}
