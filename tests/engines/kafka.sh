#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Kafka brokers for tests; see tests/engines/run, which uses one. Each listens without TLS and login (the user is then an
# administrator), and with TLS, where users log in by SCRAM or PLAIN: `shop` may do everything, `guest` nothing.
#
#   kafka.sh start DIR [BROKERS]      starts 1 or 3 brokers, waits until they answer, and prints ARGOSY_TEST_KAFKA=URL,
#                                     ARGOSY_TEST_KAFKA_TLS=URL (with user and password) and ARGOSY_TEST_KAFKA_OTHER_CA=FILE
#   kafka.sh kill DIR [BROKER]        ends all of them, or that one, at once (SIGKILL); `start DIR` continues with the same
#                                     data and ports
#   kafka.sh bring DIR BROKER         starts one again with its data, and waits until it answers
#   kafka.sh stop DIR
#   kafka.sh about
#
# With three brokers a record is acknowledged when two of them have it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/tests/engines/certificates.sh"
version=3.9.1
kafka=$root/build/engines/kafka-$version
password=kafka-secret

install() {
  [ ! -f "$kafka/lib/kafka_2.13-$version.jar" ] || return 0
  "$root/tools/install" engine
  # Two lanes may begin at the same time.
  local new=$kafka.$$
  mkdir -p "$new"
  sed "s/@version@/$version/" "$root/tests/engines/kafka/pom.xml" >"$new/pom.xml"
  (cd "$new" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime >maven.log 2>&1) ||
    { cat "$new/maven.log" >&2; exit 1; }
  mv -T "$new" "$kafka" 2>/dev/null || rm -rf "$new"
}

# Takes the place of the shell that calls it.
java_run() { # HEAP CLASS ARGUMENTS...
  exec java "-Xms$1" "-Xmx$1" -Xss256k -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:MaxMetaspaceSize=96m \
    -Dlog4j.configuration="file:$root/tests/engines/kafka/log4j.properties" -cp "$kafka/lib/*" "${@:2}"
}

# voters DIR: ID@HOST:PORT of each controller, with commas between them.
voters() {
  local broker list=
  for broker in $(seq "$(cat "$1/brokers")"); do
    list+=${list:+,}$broker@127.0.0.1:$(cat "$1/n$broker/controller-port")
  done
  echo "$list"
}

configure() { # DIR BROKER
  local dir=$1/n$2 copies minimum=1
  copies=$(cat "$1/brokers")
  [ "$copies" -lt 3 ] || minimum=2
  cat >"$dir/server.properties" <<CONF
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$(voters "$1")
listeners=PLAINTEXT://127.0.0.1:$(cat "$dir/port"),SASL_SSL://127.0.0.1:$(cat "$dir/tls-port"),CONTROLLER://127.0.0.1:$(cat "$dir/controller-port")
advertised.listeners=PLAINTEXT://127.0.0.1:$(cat "$dir/port"),SASL_SSL://localhost:$(cat "$dir/tls-port")
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
ssl.keystore.type=PEM
ssl.keystore.location=$1/server.pem
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_shop="$password";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:shop
num.network.threads=2
num.io.threads=2
num.replica.fetchers=1
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
log.index.size.max.bytes=1048576
num.partitions=1
default.replication.factor=$copies
min.insync.replicas=$minimum
unclean.leader.election.enable=false
auto.create.topics.enable=false
offsets.topic.num.partitions=2
offsets.topic.replication.factor=$copies
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$minimum
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
replica.lag.time.max.ms=5000
CONF
}

format() { # DIR BROKER
  (java_run 64m kafka.tools.StorageTool format -t bwIW-YgZRoS2GQiIz_CW6g -c "$1/n$2/server.properties" \
    --add-scram "SCRAM-SHA-512=[name=shop,password=$password]" --add-scram "SCRAM-SHA-256=[name=shop,password=$password]" \
    --add-scram "SCRAM-SHA-512=[name=guest,password=$password]") >"$1/n$2/format.log" 2>&1 || { cat "$1/n$2/format.log" >&2; exit 1; }
}

choose_ports() { # DIR
  local broker first
  for broker in $(seq "$(cat "$1/brokers")"); do
    first=$("$root/tests/free_ports" 3)
    echo "$first" >"$1/n$broker/port"
    echo $((first + 1)) >"$1/n$broker/tls-port"
    echo $((first + 2)) >"$1/n$broker/controller-port"
  done
  for broker in $(seq "$(cat "$1/brokers")"); do configure "$1" "$broker"; done
}

create() { # DIR BROKERS
  local broker
  for broker in $(seq "$2"); do mkdir -p "$1/n$broker/data"; done
  # The certificate is for the name "localhost" alone, so that a test can see that the name is checked.
  certificates=$1
  make_authority ca
  make_authority other-ca
  issue ca server localhost DNS:localhost
  echo "$2" >"$1/brokers"
  choose_ports "$1"
  for broker in $(seq "$2"); do format "$1" "$broker"; done
}

launch() { # DIR BROKER
  java_run 160m kafka.Kafka "$1/n$2/server.properties" >>"$1/n$2/log" 2>&1 </dev/null &
  echo $! >"$1/n$2/pid"
}

# Waits until a broker's two listeners are open, which Kafka does last, or until it has ended.
answers() { # DIR BROKER
  local tries=0 port
  while [ $tries -lt 1200 ]; do
    kill -0 "$(cat "$1/n$2/pid")" 2>/dev/null || return 1
    tries=$((tries + 1))
    for port in port tls-port; do
      (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$1/n$2/$port")") 2>/dev/null || { sleep 0.1; continue 2; }
    done
    return 0
  done
  return 1
}

launch_all() { # DIR
  local broker
  for broker in $(seq "$(cat "$1/brokers")"); do launch "$1" "$broker"; done
  for broker in $(seq "$(cat "$1/brokers")"); do answers "$1" "$broker" || return 1; done
}

# addresses DIR HOST NAME: of all brokers, with commas between them.
addresses() {
  local broker list=
  for broker in $(seq "$(cat "$1/brokers")"); do list+=${list:+,}$2:$(cat "$1/n$broker/$3"); done
  echo "$list"
}

start() { # DIR BROKERS
  local tries=0 broker
  install
  [ -f "$1/brokers" ] || create "$1" "$2"
  # Somebody may have taken a port meanwhile; brokers that ran before keep theirs.
  until launch_all "$1"; do
    end KILL "$1"
    tries=$((tries + 1))
    [ $tries -lt 3 ] || { tail -n 40 "$1"/n*/log >&2; exit 1; }
    [ -f "$1/started" ] || choose_ports "$1"
  done
  touch "$1/started"
  echo "ARGOSY_TEST_KAFKA=kafka://$(addresses "$1" 127.0.0.1 port)"
  echo "ARGOSY_TEST_KAFKA_TLS=kafka://shop:$password@$(addresses "$1" localhost tls-port)?tls=1&cafile=$1/ca.crt&sasl=scram-sha-512"
  echo "ARGOSY_TEST_KAFKA_OTHER_CA=$1/other-ca.crt"
}

end_one() { # SIGNAL DIR BROKER
  local pid tries=0
  pid=$(cat "$2/n$3/pid" 2>/dev/null) || return 0
  kill "-$1" "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    # The last controllers of a quorum wait for each other when they stop.
    [ $tries -lt 150 ] || kill -9 "$pid" 2>/dev/null || true
    sleep 0.02
  done
}

end() { # SIGNAL DIR
  local broker
  for broker in $(seq "$(cat "$2/brokers" 2>/dev/null || echo 0)"); do end_one "$1" "$2" "$broker"; done
}

case ${1-} in
  start) start "$2" "${3:-1}" ;;
  kill) if [ -n "${3-}" ]; then end_one KILL "$2" "$3"; else end KILL "$2"; fi ;;
  bring) launch "$2" "$3" && answers "$2" "$3" ;;
  stop) end TERM "$2" ;;
  about) echo "Kafka $version, the broker itself" ;;
  *) echo "usage: $0 start DIR [BROKERS]|kill DIR [BROKER]|bring DIR BROKER|stop DIR, or about" >&2; exit 2 ;;
esac
