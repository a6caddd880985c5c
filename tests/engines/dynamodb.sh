#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# DynamoDB for tests; see tests/engines/run. Amazon's own DynamoDB Local (its licence allows use in tests; nothing of it
# is shipped) keeps tables in a file and has conditions and transactions, but accepts every signature. So moto runs
# beside it, with IAM: it checks each request's signature against the keys that it has given out.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
version=2.6.1
local=$root/build/engines/dynamodb-$version
moto_version=5.2.5
moto=$root/build/engines/moto-$moto_version

install_local() {
  [ ! -f "$local/Loopback.class" ] || return 0
  "$root/tools/install" engine
  rm -rf "$local.new"
  mkdir -p "$local.new"
  sed "s/@version@/$version/" "$root/tests/engines/dynamodb/pom.xml" >"$local.new/pom.xml"
  (cd "$local.new" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime >maven.log 2>&1 &&
    javac -cp 'lib/*' -d . "$root/tests/engines/dynamodb/Loopback.java" >>maven.log 2>&1) || { cat "$local.new/maven.log" >&2; exit 1; }
  rm -rf "$local"
  mv "$local.new" "$local"
}

install_moto() {
  [ ! -x "$moto/bin/moto_server" ] || return 0
  "$root/tools/install" engine
  mkdir -p "$(dirname "$moto")"
  rm -rf "$moto.new"
  python3 -m venv "$moto.new"
  "$moto.new/bin/pip" install -q --disable-pip-version-check "moto[server,dynamodb]==$moto_version" >&2
  rm -rf "$moto"
  # The programs of a virtual environment name its folder in their first lines.
  find "$moto.new/bin" -type f -exec sed -i "s|$moto.new|$moto|g" {} +
  mv "$moto.new" "$moto"
}

# await PID PORT: until somebody listens there; fails if the process has ended.
await() {
  local tries=0
  while [ $tries -lt 600 ]; do
    kill -0 "$1" 2>/dev/null || return 1
    ! (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null || return 0
    tries=$((tries + 1))
    sleep 0.1
  done
  return 1
}

run_local() {
  local dir=$1
  mkdir -p "$dir/data"
  (cd "$local" && exec java -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.library.path=lib -cp 'lib/*:.' Loopback \
    -dbPath "$dir/data" -sharedDb -disableTelemetry -port "$(cat "$dir/port")") >>"$dir/server.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  await "$!" "$(cat "$dir/port")"
}

run_moto() {
  local dir=$1
  INITIAL_NO_AUTH_ACTION_COUNT=3 "$moto/bin/moto_server" -H 127.0.0.1 -p "$(cat "$dir/moto.port")" >>"$dir/moto.log" 2>&1 </dev/null &
  echo $! >"$dir/moto.pid"
  await "$!" "$(cat "$dir/moto.port")"
}

# make PROGRAM PORT_FILE LOG DIR: on another port if somebody has taken it meanwhile; one that ran before keeps its port.
make() {
  local program=$1 port=$2 log=$3 dir=$4 tries=0
  [ -f "$port" ] || "$root/tests/free_ports" >"$port"
  until "$program" "$dir"; do
    tries=$((tries + 1))
    [ $tries -lt 5 ] || { cat "$log" >&2; exit 1; }
    [ -f "$port.used" ] || "$root/tests/free_ports" >"$port"
  done
  touch "$port.used"
}

# A user who may do everything with tables, and nothing else. The first three requests of moto's life need no rights.
make_keys() {
  local dir=$1 url
  url=http://127.0.0.1:$(cat "$dir/moto.port")/
  iam() {
    curl -sS --fail-with-body --aws-sigv4 aws:amz:us-east-1:iam --user any:any "$url" "$@"
  }
  iam -d Action=CreateUser -d UserName=shop >"$dir/iam.log"
  iam -d Action=CreateAccessKey -d UserName=shop >"$dir/keys.xml"
  echo >>"$dir/keys.xml" # it has no end of line, and neither would sed's output
  iam -d Action=PutUserPolicy -d UserName=shop -d PolicyName=tables --data-urlencode \
    'PolicyDocument={"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"dynamodb:*","Resource":"*"}]}' >>"$dir/iam.log"
  sed -n 's:.*<AccessKeyId>\(.*\)</AccessKeyId>.*:AWS_ACCESS_KEY_ID=\1:p' "$dir/keys.xml" >"$dir/keys"
  sed -n 's:.*<SecretAccessKey>\(.*\)</SecretAccessKey>.*:AWS_SECRET_ACCESS_KEY=\1:p' "$dir/keys.xml" >>"$dir/keys"
}

start() {
  local dir=$1
  install_local
  install_moto
  make run_local "$dir/port" "$dir/server.log" "$dir"
  # It survives `kill`, because its keys would be others afterwards.
  if ! kill -0 "$(cat "$dir/moto.pid" 2>/dev/null || echo none)" 2>/dev/null; then
    make run_moto "$dir/moto.port" "$dir/moto.log" "$dir"
    make_keys "$dir"
  fi
  echo "ARGOSY_TEST_DYNAMODB=dynamodb://127.0.0.1:$(cat "$dir/port")/?tls=off&region=us-east-1"
  echo "ARGOSY_TEST_DYNAMODB_IAM=dynamodb://127.0.0.1:$(cat "$dir/moto.port")/?tls=off&region=us-east-1"
  cat "$dir/keys"
}

# Ends a server with a signal, and waits until it has ended.
end_by() {
  local pid tries=0
  pid=$(cat "$2" 2>/dev/null) || return 0
  kill "-$1" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || kill -9 "$pid" 2>/dev/null || true
    sleep 0.02
  done
}

case ${1-} in
  start) start "$2" ;;
  kill) end_by KILL "$2/pid" ;;
  stop)
    end_by TERM "$2/pid"
    end_by TERM "$2/moto.pid"
    ;;
  about)
    echo "DynamoDB Local $version stands in for DynamoDB, and moto $moto_version checks signatures: throttling, partitions," \
      "the lag of indexes and of reads that are not consistent, IAM's roles and AWS's own TLS stay unproven"
    ;;
  *) echo "usage: $0 start|kill|stop DIR, or about" >&2; exit 2 ;;
esac
