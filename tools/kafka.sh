#!/usr/bin/env bash
# A real Apache Kafka for tests and trials: one node (or three) on 127.0.0.1, everything it keeps below one directory.
#
#   tools/kafka.sh start DIR [PORT]    starts it and returns when it answers; prints 127.0.0.1:PORT
#   tools/kafka.sh secure DIR [PORT]   the same, and beside the plain listener two with TLS (below)
#   tools/kafka.sh cluster DIR         three of them that stand in for each other, in DIR/1 to DIR/3; starts those that do
#                                      not run, with the ports and data of last time; prints the three addresses
#   tools/kafka.sh stop DIR            ends the one that was started in DIR (or the cluster), and no other process
#   tools/kafka.sh status DIR          prints its address and process; fails where none runs
#   tools/kafka.sh tool DIR CLASS ..   runs one of Kafka's own tools: org.apache.kafka.tools.TopicCommand --list
#
# Without PORT a free one is chosen. DIR/port, DIR/pid, DIR/server.log and DIR/data (secure-data) are its files. The jars come from
# tools/setup.sh test.
#
# The listeners with TLS, on localhost (the certificate does not name 127.0.0.1):
#   DIR/sasl_port   SASL_SSL: SCRAM-SHA-256 and SCRAM-SHA-512: ticker / ticker-secret, guest / guest-secret
#                             PLAIN: KEY4TICKLAKE / secret-of-the-key, $ConnectionString / the text in DIR/connection_string
#   DIR/mtls_port   SSL, which wants a certificate of the client
# DIR/tls: ca.pem (theirs), other_ca.pem (somebody else's), client.pem and client.key (password: client-secret).
# Everybody may do everything, until a topic has access rules of its own.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
jars="$cache/kafka-4.3.1/lib"

usage() { die "usage: tools/kafka.sh start|secure|cluster|stop|status|tool DIR [PORT]"; }

make_certificates() {
  [ ! -s "$dir/tls/server.pem" ] || return 0
  mkdir -p "$dir/tls" && chmod 700 "$dir/tls"
  ( set -e
    cd "$dir/tls"
    local request=(openssl req -newkey rsa:2048 -sha256)
    for ca in ca other_ca; do
      "${request[@]}" -x509 -nodes -days 3650 -subj "/CN=ticklake test $ca" -keyout $ca.key -out $ca.pem
    done
    signed() { openssl x509 -req -sha256 -days 3650 -CA ca.pem -CAkey ca.key -CAcreateserial "$@"; }
    "${request[@]}" -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
    printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >server.ext
    signed -in server.csr -extfile server.ext -out server.crt
    cat server.key server.crt ca.pem >server.pem
    "${request[@]}" -passout pass:client-secret -subj "/CN=client" -keyout client.key -out client.csr
    signed -in client.csr -out client.pem
  ) >"$dir/tls.log" 2>&1 || { cat "$dir/tls.log" >&2; die "cannot make certificates in $dir/tls"; }
}
port_in() {  # port_in FILE: the one of last time, so that a restart is found again
  [ -s "$1" ] || free_port >"$1"
  cat "$1"
}
secure_settings() {
  local connection='Endpoint=sb://localhost/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=dGlja2xha2Uga2V5'
  printf '%s' "$connection" >"$dir/connection_string"
  local sasl=listener.name.sasl_ssl security=org.apache.kafka.common.security
  cat <<X
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
$sasl.scram-sha-256.sasl.jaas.config=$security.scram.ScramLoginModule required;
$sasl.scram-sha-512.sasl.jaas.config=$security.scram.ScramLoginModule required;
$sasl.plain.sasl.jaas.config=$security.plain.PlainLoginModule required user_KEY4TICKLAKE="secret-of-the-key" user_\$ConnectionString="$connection";
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/server.pem
listener.name.mtls.ssl.client.auth=required
listener.name.mtls.ssl.truststore.type=PEM
listener.name.mtls.ssl.truststore.location=$dir/tls/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
X
}
write_settings() {
  local port="$1" controller="$2" listeners="" advertised=""
  if [ -n "$secure" ]; then
    listeners=",SASL_SSL://127.0.0.1:$(cat "$dir/sasl_port"),MTLS://127.0.0.1:$(cat "$dir/mtls_port")"
    advertised="${listeners//127.0.0.1/localhost}"
  fi
  cat >"$dir/server.properties" <<X
process.roles=broker,controller
node.id=$node
controller.quorum.voters=${voters:-1@127.0.0.1:$controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller$listeners
advertised.listeners=PLAINTEXT://127.0.0.1:$port$advertised
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MTLS:SSL
log.dirs=$data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
default.replication.factor=$replicas
min.insync.replicas=$in_sync
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
X
  if [ -n "$secure" ]; then secure_settings >>"$dir/server.properties"; fi
  cat >"$dir/log4j2.properties" <<X
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.start.name=kafka.server.KafkaRaftServer
logger.start.level=INFO
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1}: %m%n
X
}
java_options() {
  printf '%s\n' $heap -Xshare:auto "-Dlog4j2.configurationFile=$dir/log4j2.properties" -cp "$jars/*"
}
start() {
  local port controller data users=()
  check_tools
  must_not_run
  port="${1:-$(free_port)}"
  must_be_free "$port"
  controller="$(free_port)"
  while [ "$controller" = "$port" ]; do controller="$(free_port)"; done
  data="$dir/${secure:+secure-}data"  # users are made with the data: what has none cannot get any
  if [ -n "$secure" ]; then
    make_certificates
    port_in "$dir/sasl_port" >/dev/null
    port_in "$dir/mtls_port" >/dev/null
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
      for user in ticker guest; do users+=(--add-scram "$mechanism=[name=$user,password=$user-secret]"); done
    done
  fi
  launch "$port" "$controller" "$(new_id)" "${users[@]}"
  wait_until Kafka answers
  echo "127.0.0.1:$port"
}
cluster() {
  local whole="$dir" id addresses=""
  check_tools
  replicas=3 in_sync=2 heap="-Xms64m -Xmx256m" voters=""
  [ -s "$whole/id" ] || new_id >"$whole/id"
  id="$(cat "$whole/id")"
  for node in 1 2 3; do
    mkdir -p "$whole/$node"
    voters+="${voters:+,}$node@127.0.0.1:$(port_in "$whole/$node/controller_port")"
    addresses+="${addresses:+,}127.0.0.1:$(port_in "$whole/$node/port")"
  done
  for node in 1 2 3; do
    dir="$whole/$node" data="$whole/$node/data"
    runs || launch "$(cat "$dir/port")" "$(cat "$dir/controller_port")" "$id"
  done
  for node in 1 2 3; do dir="$whole/$node"; wait_until Kafka answers; done
  echo "$addresses"
}
check_tools() {
  [ -d "$jars" ] || die "$jars is missing: run tools/setup.sh test"
  command -v java >/dev/null || die "java is missing: run tools/setup.sh test"
}
new_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c1-22; }
launch() {  # launch PORT CONTROLLER_PORT ID [FORMAT OPTION..]
  local options
  write_settings "$1" "$2"
  mapfile -t options < <(java_options)
  if [ ! -f "$data/meta.properties" ]; then
    java "${options[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format -t "$3" \
      -c "$dir/server.properties" "${@:4}" >"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; die "cannot prepare $dir"; }
  fi
  : >"$dir/server.log"
  setsid java "${options[@]}" kafka.Kafka "$dir/server.properties" >>"$dir/server.log" 2>&1 </dev/null &
  remember $!
  echo "$1" >"$dir/port"
}
answers() { grep -q 'Kafka Server started' "$dir/server.log" && is_taken "$(cat "$dir/port")"; }

tool() {
  mapfile -t options < <(java_options)
  exec java "${options[@]}" -XX:TieredStopAtLevel=1 "$1" --bootstrap-server "127.0.0.1:$(cat "$dir/port")" "${@:2}"
}

[ "$#" -ge 2 ] || usage
secure="" node=1 voters="" replicas=1 in_sync=1 heap="-Xms256m -Xmx512m"
mkdir -p "$2" && dir="$(cd "$2" && pwd)" || die "cannot make the directory $2"
case "$1" in
  start) start "${3:-}" ;;
  secure) secure=yes; start "${3:-}" ;;
  cluster) cluster ;;
  stop)
    for node in "$dir"/[123]; do
      if [ -s "$node/pid" ]; then ( dir="$node"; stop ); fi
    done
    stop ;;
  status) status "127.0.0.1:$(cat "$dir/port" 2>/dev/null)" ;;
  tool) [ "$#" -ge 3 ] || usage; tool "${@:3}" ;;
  *) usage ;;
esac
