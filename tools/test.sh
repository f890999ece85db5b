#!/usr/bin/env bash
# All tests, after tools/setup.sh test; `make test` calls it. --all: ThreadSanitizer and the slow scripts too.
# The last line says how many passed and failed; exit 0 when none failed.
set -uo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
logs="$root/build/test"
cache="${TICKLAKE_CACHE:-${XDG_CACHE_HOME:-${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache}/ticklake}"
jobs="${JOBS:-$(nproc)}"
passed=0
failed=0
all=""
[ "${1:-}" != --all ] || all=yes
threads=1,3  # of the parallel mode
chaos_rounds=6
worlds=200
disk_tests='at_times|dead'
readers="$cache/python-readers-1/venv/bin/python"
[ -z "$all" ] || { threads=1,2,3; chaos_rounds=200; worlds=10000; disk_tests=''; }
mkdir -p "$logs"

say() { printf 'test: %s\n' "$*"; }
add() { passed=$((passed + $1)); failed=$((failed + $2)); }

build() {  # build PRESET: configured and whole, or the end
  [ -f "build/$1/build.ninja" ] || cmake --preset "$1" >"$logs/configure-$1.log" 2>&1 || {
    tail -n 20 "$logs/configure-$1.log"; say "could not configure $1"; exit 1; }
  say "building $1"
  ninja -C "build/$1" -j "$jobs" >"$logs/build-$1.log" 2>&1 || {
    tail -n 60 "$logs/build-$1.log"; say "$1 does not build; all of it: $logs/build-$1.log"; exit 1; }
}

# Cases in the log of a verbose ctest: those that GoogleTest counted, and one for each other program.
count_cases() {
  python3 - "$1" <<'PYTHON'
import re, sys
text = open(sys.argv[1], errors="replace").read()
passed = failed = 0
for number, result in re.findall(r"(?m)^ *\d+/\d+ Test +#(\d+): \S+ \.*(.*)$", text):
    ok = "Passed" in result
    good = sum(map(int, re.findall(rf"(?m)^{number}: \[  PASSED  \] (\d+) test", text)))
    bad = sum(map(int, re.findall(rf"(?m)^{number}: \[  FAILED  \] (\d+) test", text)))
    passed += good if good or bad else int(ok)
    failed += bad if bad else int(not ok)
print(passed, failed or int(passed == 0))
PYTHON
}

unit_tests() {  # unit_tests PRESET [CTEST OPTION..]
  local preset="$1" log="$logs/unit-$1.log" good bad
  shift
  say "unit tests ($preset)"
  ctest --test-dir "build/$preset" -j "$jobs" --timeout 900 -V "$@" >"$log" 2>&1 ||
    grep -E '\[  FAILED  \]|: Failure$|ERROR: |runtime error|\*\*\*' "$log" | sort -u | head -n 60
  read -r good bad < <(count_cases "$log")
  say "$preset: $good passed, $bad failed (all of it: $log)"
  add "$good" "$bad"
}

start_kafka() {
  say "starting a real Kafka broker"
  if tools/kafka.sh secure "$logs/kafka" >"$logs/kafka.log" 2>&1; then
    trap 'tools/kafka.sh stop "$logs/kafka" >>"$logs/kafka.log" 2>&1' EXIT
    trap 'exit 130' INT TERM
    export TICKLAKE_TEST_KAFKA="127.0.0.1:$(cat "$logs/kafka/port")" TICKLAKE_TEST_KAFKA_DIR="$logs/kafka"
  else
    tail -n 5 "$logs/kafka.log"
    say "FAILED: no broker, so nothing was tested on Kafka"
    add 0 1
  fi
}

counted() {  # counted NAME COMMAND..: a runner that ends with "NAME: N passed, N failed"
  local name="$1" summary
  shift
  "$@" 2>&1 | tee "$logs/$name.log" | grep -vE "^$name: [0-9]+ passed"
  summary="$(grep -E "^$name: [0-9]+ passed, [0-9]+ failed$" "$logs/$name.log" | tail -n 1)"
  [ -n "$summary" ] || { say "FAILED: the runner of $name stopped"; add 0 1; return; }
  say "$summary"
  add "$(sed -E 's/.*: ([0-9]+).*/\1/' <<<"$summary")" "$(sed -E 's/.* ([0-9]+) failed/\1/' <<<"$summary")"
}

one() {  # one NAME COMMAND..: a program that passes or fails as a whole
  local name="$1"
  shift
  say "$name"
  if "$@" >"$logs/$name.log" 2>&1; then add 1 0; else tail -n 20 "$logs/$name.log"; say "FAILED: $name"; add 0 1; fi
}

build release
start_kafka
unit_tests release
say "end-to-end scripts: straight, killed after every step, on several threads, on Kafka, read by a peer"
counted e2e python3 tests/e2e/run.py -j "$jobs" --parallelism "$threads"
say "Kafka: logins, secrets, outages"
counted kafka-projects python3 tests/kafka/run.py ${all:+--slow}
say "simulated worlds"
counted sim build/release/tests/sim/sim --seeds "$worlds" --jobs "$jobs"
say "kill -9 of the program and of a broker, and disks that fail"
counted chaos "$readers" tests/chaos/run.py build/release/ticklake --rounds "$chaos_rounds"
counted disk "$readers" tests/chaos/disk.py build/release/ticklake --filter "$disk_tests"
say "Avro and JSON Schema: a real schema registry"
counted registry timeout 900 "$cache/registry-clients-1/venv/bin/python" tests/registry/run.py
say "functions against Spark's answers"
counted functions python3 tests/functions/run.py build/release/ticklake "$cache/python-readers-1/venv/bin/python"
say "small projects against Spark's answers"
counted two-engines "$readers" tests/two_engines/run.py build/release/ticklake
counted indicators python3 tests/market/indicators.py build/release/ticklake
say "the Alpha Vantage source and its example against a made-up service"
counted alpha-vantage "$cache/python-readers-1/venv/bin/python" tests/alpha_vantage/alpha_vantage_test.py build/release/ticklake
say "the market example, its Python package and notebook"
counted market python3 tests/market/run.py build/release/ticklake "$cache/python-notebook-1/venv/bin/python"
counted read-files python3 tests/read_files/run.py build/release/ticklake
one delta-peer "$cache/python-readers-1/venv/bin/python" tests/peer/delta_peer_test.py build/release/ticklake
one change-peer "$cache/python-readers-1/venv/bin/python" tests/peer/change_peer_test.py build/release/ticklake
one soak "$cache/python-readers-1/venv/bin/python" tests/peer/soak_test.py build/release/bench/bench_soak
say "the live page in a browser, its metrics in Prometheus"
counted live-page node tests/serve/row_15_live_page.mjs build/release/ticklake "$cache" "$logs/live_page"
counted monitoring python3 tests/serve/row_16_monitoring.py build/release/ticklake
one clean-machine tests/clean_machine.sh build/release/ticklake
build dev
unit_tests dev -E '^tidy$'
if [ -n "$all" ]; then
  build tsan
  # Not the broker: GCC 12's ThreadSanitizer ends a program with C11 threads, which librdkafka has.
  ARROW_DEFAULT_MEMORY_POOL=system TSAN_OPTIONS="suppressions=$root/tools/tsan.supp" unit_tests tsan -E '^(tidy|broker)$'
  say "three brokers, of which the one that leads is killed"
  counted failover "$readers" tests/chaos/failover.py build/release/ticklake
  say "Apache Spark: changes of rows, the market example, and end-to-end scripts read at every version"
  counted change-spark "$cache/spark-4.2.0/venv/bin/python" tests/peer/change_spark_test.py build/release/ticklake "$cache/spark-4.2.0/jars"
  counted market-spark "$cache/spark-4.2.0/venv/bin/python" tests/peer/market_spark_test.py build/release/ticklake "$cache/spark-4.2.0/jars" \
    "$cache/stocks-2026.1/stocks.csv"
  say "an exported project on Apache Spark"
  counted export-spark python3 tests/peer/export_spark_test.py build/release/ticklake "$cache/spark-4.2.0" "$cache/spark-pipelines-1"
  say "small projects on both engines, their topics on a real Kafka"
  counted two-engines-spark "$readers" tests/two_engines/run.py build/release/ticklake \
    --spark "$cache/spark-4.2.0" "$cache/spark-pipelines-1" "$cache/spark-kafka-4.2.0"
  counted e2e-spark python3 tests/e2e/run.py -j "$jobs" --mode spark
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
