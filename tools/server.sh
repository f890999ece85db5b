# What tools/kafka.sh and tools/registry.sh share: one process on 127.0.0.1, whose files are in $dir. To be sourced.
# DIR/pid, DIR/port and DIR/server.log are its files; `seconds_to_start` and `seconds_to_stop` its limits.
seconds_to_start=120
seconds_to_stop=20
cache="${TICKLAKE_CACHE:-${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}/ticklake}"

die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# The file pid holds the process and when it started: a number that another process has since got is not ours.
# One that was killed and is not yet reaped has ended.
started_at() { sed -E 's/^.*\) //' "/proc/$1/stat" 2>/dev/null | grep -v '^[ZX]' | cut -d' ' -f20; }
remember() { echo "$1 $(started_at "$1")" >"$dir/pid"; }  # remember PROCESS
runs() {
  local pid since
  [ -s "$dir/pid" ] || return 1
  read -r pid since <"$dir/pid"
  [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ]
}
pid_of() { cut -d' ' -f1 "$dir/pid"; }
must_not_run() {
  if runs; then die "one already runs in $dir (process $(pid_of), port $(cat "$dir/port"))"; fi
}

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
must_be_free() { ! is_taken "$1" || die "port $1 is taken by another process"; }
free_port() {  # below the range from which the system takes ports for outgoing connections; the one above it is free too
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    if ! is_taken "$port" && ! is_taken $((port + 1)); then echo "$port"; return; fi
  done
  die "found no free port from 20000 to 31999"
}

wait_until() {  # wait_until NAME COMMAND..: until the command succeeds, or the end
  local name="$1" until=$((SECONDS + seconds_to_start))
  shift
  until "$@"; do
    runs || give_up "$name ended while it started"
    [ "$SECONDS" -lt "$until" ] || give_up "$name did not start in $seconds_to_start s"
    sleep 0.1
  done
}
give_up() { tail -n 20 "$dir/server.log" >&2; stop; die "$1 (its log: $dir/server.log)"; }

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
status() {  # status ADDRESS
  runs || die "none runs in $dir"
  echo "$1 process $(pid_of)"
}
