# SPDX-License-Identifier: Apache-2.0
# Sourced by bench/run: starts and ends the shop and the yardsticks, each on free ports of loopback.

declare -A pid_of=() # name -> process
declare -A url_of=() # name -> where it answers

forget() { unset "pid_of[$1]"; }

# stop NAME...: ends what was started under the names; what is not running is fine.
stop() {
  local name
  for name in "$@"; do
    [ -n "${pid_of[$name]:-}" ] || continue
    kill "${pid_of[$name]}" 2>/dev/null || true
    wait "${pid_of[$name]}" 2>/dev/null || true
    forget "$name"
  done
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local tries=$(($1 * 50)) what=$2
  shift 2
  for ((; tries > 0; tries--)); do
    "$@" && return
    sleep 0.02
  done
  echo "bench: $what did not happen; see $work" >&2
  keep=1
  exit 1
}

# ---- ours ----

mapfile -t services < <(sed -n 's/^\([a-z]*\) .*/\1/p' services/registry)

# listening NAME: where a service, the gateway or `admin` of the shop answers, in one process or several.
listening() {
  local log
  for log in "$work"/shop.log "$work"/fleet-*.log; do
    [ ! -f "$log" ] || jq -r --arg name "$1" 'select(.message == "listening" and .name == $name) | .address' "$log"
  done
}
catalogue_is_there() {
  [ "$(curl -s "${url_of[shop]}/products?page_size=1" | jq -r '.products.total_count' 2>/dev/null)" = 1000 ]
}

data=$work/data # the shop's data directory

shop_settings() {
  export ARGOSY_LOG=info ARGOSY_LOG_FORMAT=json ARGOSY_DEMO_PASSWORD=demo-password
  # Logins are not what is measured, but there are many.
  export USER_ARGON2_MEMORY=256KiB USER_ARGON2_PASSES=1
  export FLEET_KEY=0707070707070707070707070707070707070707070707070707070707070707 # of its processes, if there are several
  # And nobody logs in again while they are under way.
  export ACCESS_TOKEN_EXP_DURATION=12h
}

# start_argosy NAME SETTING... -- OPTION...: `argosy serve`, until it is ready; its log is $work/NAME.log.
start_argosy() {
  local name=$1 settings=()
  shift
  for (( ; ; )); do
    [ "$1" != -- ] || { shift; break; }
    settings+=("$1")
    shift
  done
  env "${settings[@]}" "$argosy" serve "$@" >"$work/$name.out" 2>"$work/$name.log" &
  pid_of[$name]=$!
  wait_for 20 "the start of $name" grep -qs '"ready"' "$work/$name.log"
}

# start_shop [SETTING...]: the shop on the bench's data directory, with the demo catalogue.
start_shop() {
  local service listens=(GATEWAY_LISTEN=127.0.0.1:0 ADMIN_LISTEN=127.0.0.1:0)
  shop_settings
  rm -f "$work"/fleet-*.log
  for service in "${services[@]}"; do listens+=("${service^^}_LISTEN=127.0.0.1:0"); done
  export ARGOSY_DATA_DIR=$data
  start_argosy shop "${listens[@]}" "$@" -- --demo
  url_of[shop]=http://$(listening gateway)
  url_of[shop_grpc]=http://$(listening product)
  wait_for 60 "loading the demo catalogue" catalogue_is_there
}

# ---- nginx ----

# One answer, the same bytes as ours, from memory: what HTTP costs when nothing is looked up.
nginx_config() {
  # In nginx's quotes, a backslash and a quote are escaped and a dollar begins a variable.
  local answer
  answer=$(sed -e 's/\\/\\\\/g' -e "s/'/\\\\'/g" -e 's/\$/S/g' "$work/answer.json")
  cat <<CONFIG
worker_processes $shards;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path $work/nginx-body;
  proxy_temp_path $work/nginx-proxy;
  fastcgi_temp_path $work/nginx-fastcgi;
  uwsgi_temp_path $work/nginx-uwsgi;
  scgi_temp_path $work/nginx-scgi;
  server {
    listen 127.0.0.1:$1 reuseport;
    location / { default_type application/json; return 200 '$answer'; }
  }
}
CONFIG
}

answers() { curl -s -o "$work/probe" "$1"; }

start_nginx() {
  local nginx port
  nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || { skip nginx "it is not installed (apt-get install nginx-light)"; return; }
  # It cannot be given port 0, so ports are tried until one is free.
  for port in $(shuf -i 20000-29999 -n 5); do
    nginx_config "$port" >"$work/nginx.conf"
    "$nginx" -e "$work/nginx.log" -c "$work/nginx.conf" &
    pid_of[nginx]=$!
    url_of[nginx]=http://127.0.0.1:$port
    sleep 0.2
    if kill -0 "${pid_of[nginx]}" 2>/dev/null; then
      wait_for 5 "nginx's start" answers "${url_of[nginx]}/"
      return
    fi
    forget nginx
  done
  skip nginx "it does not start: $(tail -1 "$work/nginx.log")"
}

# ---- Go's gRPC, and the gateway before it ----

start_go() {
  local log=$work/go.log
  command -v go >/dev/null || { skip "grpc-go, grpc-gateway" "Go is not installed"; return; }
  command -v protoc >/dev/null || { skip "grpc-go, grpc-gateway" "protoc is not installed"; return; }
  bench/yardsticks/build >"$log" 2>&1 || { skip "grpc-go, grpc-gateway" "they do not build: $(tail -1 "$log")"; return; }

  engines/bin/yardsticks grpc -answer "$work/answer.json" >"$work/grpc-go.out" 2>"$log" &
  pid_of[grpc-go]=$!
  wait_for 5 "grpc-go's start" test -s "$work/grpc-go.out"
  engines/bin/yardsticks gateway -upstream "$(cat "$work/grpc-go.out")" >"$work/grpc-gateway.out" 2>"$log" &
  pid_of[grpc-gateway]=$!
  wait_for 5 "grpc-gateway's start" test -s "$work/grpc-gateway.out"
  url_of[grpc-go]=http://$(cat "$work/grpc-go.out")
  url_of[grpc-gateway]=http://$(cat "$work/grpc-gateway.out")
}

# ---- what a server uses ----

# processes NAME: all that work for it; nginx's workers are children, and a gateway needs what is behind it.
processes() {
  [ "$1" = fleet ] || echo "${pid_of[$1]}"
  case $1 in
    fleet) echo "${pid_of[fleet-1]} ${pid_of[fleet-2]}" ;;
    nginx) cat "/proc/${pid_of[nginx]}/task/${pid_of[nginx]}/children" ;;
    grpc-gateway) echo "${pid_of[grpc-go]}" ;;
    postgres) pgrep -P "${pid_of[postgres]}" || true ;;
  esac
}

# Microseconds of processor time that a server has used, in user and kernel mode, with its processes that have ended.
cpu_us() {
  local pid total=0 fields
  for pid in $(processes "$1"); do
    fields=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) || continue
    total=$((total + $(awk '{ print $12 + $13 + $14 + $15 }' <<<"$fields")))
  done
  echo $((total * 1000000 / ticks_per_second))
}

# What no other process shares, as all do the pages of libraries.
private_kib() {
  local pid
  for pid in $(processes "$1"); do cat "/proc/$pid/smaps_rollup"; done | awk '/^Private/ { kib += $2 } END { print kib }'
}

memory_kib() {
  local pid total=0
  for pid in $(processes "$1"); do
    total=$((total + $(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")))
  done
  echo "$total"
}
