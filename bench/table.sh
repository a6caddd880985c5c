# SPDX-License-Identifier: Apache-2.0
# Sourced by bench/run: turns the figures into lines "what|ours|yardstick|ratio|aim|met", and those into a table or JSON.

declare -A title=(
  [json32]="product by id, JSON, 32 connections" [json64]="product by id, JSON, 64 connections"
  [grpc]="GetProductById, gRPC, 8 connections x 16" [cart]="add to cart, durable, 64 connections"
  [checkout]="whole checkout, durable" [hot]="whole checkout, all of one product"
  [add]="AddToCart, gRPC, 8 shoppers, 8 connections x 16" [add1]="AddToCart, gRPC, one shopper, 8 connections x 16"
  [one]="whole checkout on the engines, one process" [two]="whole checkout on the engines, two processes"
  [watched]="whole checkout, watched by SSE" [half]="whole checkout at half the rate"
)

# compare CASE YARDSTICK NAME AIM: rates; AIM is the least ratio.
compare() {
  local ours theirs
  ours=$(median "$1" shop rate) theirs=$(median "$1" "$2" rate)
  [ -n "$ours" ] && [ -n "$theirs" ] || return 0
  awk -v what="${title[$1]}, per second / $3" -v ours="$ours" -v theirs="$theirs" -v aim="$4" 'BEGIN {
    ratio = ours / theirs
    printf("%s|%.0f|%.0f|%.2f|>= %s|%s\n", what, ours, theirs, ratio, aim, ratio >= aim ? "yes" : "NO")
  }'
}

# at_most WHAT VALUE AIM: a figure of ours alone.
at_most() {
  [ -n "$2" ] || return 0
  awk -v what="$1" -v ours="$2" -v aim="$3" 'BEGIN { printf("%s|%.4g|-|-|<= %s|%s\n", what, ours, aim, ours <= aim ? "yes" : "NO") }'
}

# What one product that everybody wants costs.
hot_item() {
  local hot many
  hot=$(median hot shop rate) many=$(median checkout shop rate)
  [ -n "$hot" ] || return 0
  awk -v hot="$hot" -v many="$many" 'BEGIN {
    printf("%s|%.0f|%.0f|%.2f|>= 0.5|%s\n", "whole checkout, per second: all of one product / many products", hot, many,
      hot / many, hot >= many * 0.5 ? "yes" : "NO")
  }'
}

growth() {
  local before after
  before=$(median leak shop before) after=$(median leak shop after)
  [ -n "$before" ] || return 0
  awk -v s="$leak_s" -v before="$before" -v after="$after" 'BEGIN {
    printf("memory, KiB: end / half time of %d s of mixed load|%d|%d|%.3f|<= 1.02|%s\n", s, after, before,
      after / before, after <= before * 1.02 ? "yes" : "NO")
  }'
}

ratios() {
  if [ -n "$engines" ]; then
    engine_ratios
    return
  fi
  compare json32 nginx "nginx, fixed answer" 0.5
  compare json64 nginx "nginx, fixed answer" 0.5
  compare json32 grpc-gateway "Go grpc-gateway" 5
  compare grpc grpc-go "grpc-go" 3
  compare cart disk "4 KiB write + fdatasync" 3
  compare checkout vendure "Vendure, SQLite" 200
  hot_item
  at_most "POST /order to CONFIRMED at half the rate, ms, p99" "$(median half confirmed p99)" 50
  at_most "start to first answer, ms, median of 20" "$(median start shop ms)" 50
  at_most "memory, idle, demo catalogue, MB" "$(awk -v k="$(median idle shop memory)" 'BEGIN { if (k) print k / 1000 * 1.024 }')" 20
  at_most "processor, idle, ms a second" "$(median idle shop cpu)" 5
  growth
}

# What stands behind the ratios: "what|server|per second|p50 ms|p99 ms|CPU us a request|memory KiB".
details() {
  local case server
  for case in json32 json64 grpc cart add add1 checkout watched hot half; do
    for server in shop cart nginx grpc-gateway grpc-go disk vendure; do
      [ -n "$(median $case $server rate)" ] || continue
      printf '%s|%s' "${title[$case]}" "${server/shop/argosy}"
      for aspect in rate p50 p99 cpu memory; do printf '|%s' "$(median $case $server $aspect)"; done
      echo
    done
  done
}

# A table of lines with fields between bars; the first line is its head.
table() { column -t -s '|' -o '  '; }
objects() { jq -Rc --arg kind "$1" --arg names "$2" 'split("|") as $v | [$names | split("|"), $v] | transpose
  | map({(.[0]): (.[1] | tonumber? // .)}) | add | {kind: $kind} + .'; }

engine_columns="what|who|per second|p50 ms|p99 ms|own CPU us|engine's CPU us"
checkout_columns="whole checkouts|per second|p50 ms|p99 ms|CPU us|postgres us|redis us|mongodb us|statements"
checkout_columns+="|order's requests|payment's|cart's|user's|auth's"

report() {
  if [ -n "$json" ]; then
    ratios | objects ratio "what|ours|yardstick|ratio|aim|met"
    details | objects figure "what|server|per_second|p50_ms|p99_ms|cpu_us|memory_kib"
    [ -z "$engines" ] || { engine_details | objects engine "$engine_columns"; engine_checkouts | objects checkout "$checkout_columns"; }
    return
  fi
  echo
  { echo "what|ours|yardstick|ratio|aim|met"; ratios; } | table
  if [ -n "$engines" ]; then
    echo
    { echo "$engine_columns"; engine_details; } | table
    echo
    { echo "$checkout_columns"; engine_checkouts; } | table
    echo
    engine_conditions
  fi
  [ -n "$(details)" ] || return 0
  echo
  { echo "what|server|per second|p50 ms|p99 ms|CPU us/request|memory KiB"; details; } | table
}
