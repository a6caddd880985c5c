# SPDX-License-Identifier: Apache-2.0
# Sourced by the end-to-end tests: starts a shop on free ports with a temporary data directory,
# provides the calls of a user, and counts passed checks. FORM=single is one process, FORM=fleet one
# per service.
set -u
: "${ARGOSY:?the program to test}" "${FORM:=single}"

work=$(mktemp -d "${TMPDIR:-/tmp}/argosy-e2e.XXXXXX")
pids=()
passed=0
failed=0
export ARGOSY_DATA_DIR=$work/data ARGOSY_LOG=info ARGOSY_LOG_FORMAT=json USER_ARGON2_MEMORY=256KiB USER_ARGON2_PASSES=1

# ---- processes ----

# start NAME KEY=VALUE... -- ARGUMENTS...: one process, its log in $work/NAME.log.
start() {
  local name=$1 settings=()
  shift
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  env "${settings[@]}" "$ARGOSY" serve "$@" >"$work/$name.out" 2>"$work/$name.log" &
  pids+=($!)
  echo $! >"$work/$name.pid"
  for _ in $(seq 600); do
    grep -qs '"ready"' "$work/$name.log" && return
    kill -0 "$(cat "$work/$name.pid")" 2>/dev/null || break
    sleep 0.05
  done
  echo "$name does not start:"; cat "$work/$name.log"
  exit 1
}

# address PROCESS LISTENER: where it listens.
address() {
  jq -r --arg name "$2" 'select(.message == "listening" and .name == $name) | .address' "$work/$1.log" | tail -1
}

mapfile -t services < <(sed -n 's/^\([a-z]*\) .*/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../../services/registry")

start_single() {
  local service listens=()
  for service in "${services[@]}"; do listens+=("${service^^}_LISTEN=127.0.0.1:0"); done
  start shop GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0 "${listens[@]}" -- "$@"
  gateway=$(address shop gateway) admin=$(address shop admin)
}

# Services read one another's events, so each must know the others' ports before they run.
find_ports() { first_port=$("$(dirname "${BASH_SOURCE[0]}")/../free_ports" ${#services[@]}); }

start_fleet() {
  local i service urls=()
  find_ports
  for i in "${!services[@]}"; do urls+=("${services[i]^^}_URL=grpc://127.0.0.1:$((first_port + i))"); done
  for i in "${!services[@]}"; do
    service=${services[i]}
    start "$service" ADMIN_LISTEN=127.0.0.1:0 "${service^^}_LISTEN=127.0.0.1:$((first_port + i))" \
      "${urls[@]:0:i}" "${urls[@]:i+1}" -- --only "$service"
  done
  start gateway ADMIN_LISTEN=127.0.0.1:0 GATEWAY_LISTEN=127.0.0.1:0 "${urls[@]}" -- --only gateway
  gateway=$(address gateway gateway) admin=$(address gateway admin)
}

start_shop() {
  if [ "$FORM" = fleet ]; then start_fleet; else start_single "$@"; fi
  base=http://$gateway
}

# Stops every process; each must exit with 0, which it does not after a report of a sanitizer.
stop_shop() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do
    wait "$pid" 2>/dev/null && continue
    failed=$((failed + 1))
    echo "process $pid ended with status $?:"
    tail -n 30 "$work"/*.log
  done
  pids=()
}

finish() {
  local code=$?
  stop_shop
  [ "$failed" -eq 0 ] || { [ -z "${KEEP:-}" ] || echo "kept: $work"; }
  [ -n "${KEEP:-}" ] || rm -rf "$work"
  [ "$code" -eq 0 ] || exit "$code"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] || exit 1
}
trap finish EXIT

# ---- calls and expectations ----

# api METHOD PATH [BODY] [curl options...]: sets $status, $body and $headers. Uses the cookies of $jar, if it is set.
jar=
api() {
  local method=$1 path=$2 data=${3-}
  shift 2; [ $# -eq 0 ] || shift
  local options=(-sS -X "$method" -D "$work/headers" -o "$work/body" -w '%{http_code}' --max-time 20)
  [ "$method" = HEAD ] && options+=(-I)
  [ -z "$data" ] || options+=(-H 'Content-Type: application/json' --data-binary "$data")
  [ -z "$jar" ] || options+=(-b "$jar" -c "$jar")
  : >"$work/body"
  status=$(curl "${options[@]}" "$@" "$base$path" 2>"$work/curl.err")
  body=$(tr -d '\0' <"$work/body")
  headers=$(tr -d '\r' <"$work/headers" 2>/dev/null)
}

ok() { passed=$((passed + 1)); }
bad() {
  failed=$((failed + 1))
  echo "${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}: $*"
  echo "    answered $status: ${body:0:400}"
}

# expect STATUS [JQ-EXPRESSION]...: the last call had this status, and each expression is true of its body.
expect() {
  local want=$1 expression
  shift
  if [ "$status" != "$want" ]; then bad "expected status $want"; return; fi
  for expression in "$@"; do
    if [ "$(jq -r "$expression" <<<"$body" 2>/dev/null)" != true ]; then bad "not true: $expression"; return; fi
  done
  ok
}

# check DESCRIPTION COMMAND...: the command succeeds.
check() {
  local description=$1
  shift
  if "$@"; then ok; else bad "$description"; fi
}

# eventually PATH JQ-EXPRESSION...: requests PATH until the answer is 200 and all expressions are true, for up to twenty seconds.
eventually() {
  local path=$1 expression end=$((SECONDS + 20))
  shift
  while [ $SECONDS -lt $end ]; do
    api GET "$path"
    [ "$status" = 200 ] || { sleep 0.05; continue; }
    for expression in "$@"; do
      if [ "$(jq -r "$expression" <<<"$body" 2>/dev/null)" != true ]; then
        sleep 0.05
        continue 2
      fi
    done
    ok
    return
  done
  bad "does not come true: $path $*"
}

value() { jq -r "$1" <<<"$body"; }
header() { grep -i "^$1:" <<<"$headers" | head -1 | cut -d' ' -f2-; }

# ---- what most tests begin with ----

sign_up() { api POST /users "{\"name\":\"$1\",\"email\":\"$1@example.com\",\"password\":\"secret-$1\"}"; }
log_in() {
  jar=$work/$1.jar
  api POST /auth/login "{\"email\":\"$1@example.com\",\"password\":\"secret-$1\",\"device_id\":\"${2:-laptop}\"}"
}
# as NAME: the following calls are those of NAME, who has logged in before.
as() { jar=$work/$1.jar; }
# Makes an account with a role by the command line, which is how the first admin comes to be.
make_account() {
  local url=()
  [ "$FORM" = fleet ] && url=(USER_URL="grpc://$(address user user)")
  echo "secret-$1" | env "${url[@]}" "$ARGOSY" user create "$1@example.com" --role "$2" >"$work/user.out" 2>&1 ||
    { cat "$work/user.out"; exit 1; }
}
