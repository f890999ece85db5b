#!/usr/bin/env bash
# Runs the market example from source to gold, checks what came out, and shows it. `make demo` calls it.
#
#   DEMO_SECONDS=N   how long live ticks flow (default: 20; on a terminal until Ctrl-C)
#   BROKERS=HOST:PORT  an Apache Kafka broker instead of the embedded log
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ticklake="${TICKLAKE:-$root/build/release/ticklake}"
cache="${TICKLAKE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ticklake}"
stocks="$cache/stocks-2026.1/stocks.csv"
demos="$root/build/demo"
brokers="${BROKERS:-embedded}"
free_kib_min=$((300 * 1024))
bars_expected=12154
symbols_expected=10
candles_expected=29

say() { printf '\ndemo: %s\n' "$*"; }
die() { printf '\ndemo: %s\n' "$*" >&2; exit 1; }

# ---- a folder for this run --------------------------------------------------------------------------------------------
# Folders of demos that are over go away; one that runs now holds its lock.
remove_old_demos() {
  local folder
  for folder in "$demos"/run-*; do
    [ -d "$folder" ] || continue
    if flock -n "$folder/.lock" true 2>/dev/null; then rm -rf "$folder"; fi
  done
}
make_project() {
  mkdir -p "$demos"
  remove_old_demos
  local free
  free="$(df -Pk "$demos" | awk 'NR == 2 { print $4 }')"
  [ "$free" -ge "$free_kib_min" ] ||
    die "only $((free / 1024)) MiB are free at $demos; the demo needs $((free_kib_min / 1024)) MiB"
  run="$(mktemp -d "$demos/run-XXXXXX")"
  exec 8>"$run/.lock"
  flock 8
  project="$run/market"
  cp -r "$root/examples/market" "$project"
  mkdir -p "$project/data"
  cp "$stocks" "$project/data/stocks.csv"
  ln -sfn "$(basename "$run")/market" "$demos/market"
}

# ---- the broker -------------------------------------------------------------------------------------------------------
settings=()
topics=()
use_kafka() {
  "$ticklake" topic list --bootstrap "$brokers" >/dev/null || die "no demo without the broker $brokers"
  local suffix="demo-$(basename "$run")"
  local topic
  for topic in "ticks-$suffix" "daily_bars-$suffix"; do topics+=("$topic" "${topic}__bad" "${topic}__files"); done
  settings=(--set "kafka.bootstrap=$brokers" --set "topic.ticks=ticks-$suffix"
    --set "topic.daily_bars=daily_bars-$suffix")
}
remove_topics() {  # the demo's own, on the broker that was lent
  local topic
  for topic in "${topics[@]}"; do
    "$ticklake" topic delete "$topic" --bootstrap "$brokers" --yes >/dev/null 2>&1 || true
  done
}

# ---- what is run and asked --------------------------------------------------------------------------------------------
run_once() { "$ticklake" run --project "$project" "${settings[@]}" --once "$@" 8>&-; }
sql() { "$ticklake" sql --project "$project" "${settings[@]}" "$@"; }
number() { sql --output csv "$1" | tail -n 1; }

live() {
  local seconds="${DEMO_SECONDS:-}" pid status=0
  if [ -z "$seconds" ] && [ -t 1 ]; then
    say "live ticks; Ctrl-C when you have seen enough"
    trap : INT
    "$ticklake" run --project "$project" "${settings[@]}" 8>&- || status=$?
    trap - INT
  else
    seconds="${seconds:-20}"
    say "live ticks for $seconds s"
    "$ticklake" run --project "$project" "${settings[@]}" 8>&- &
    pid=$!
    trap 'kill -INT "$pid" 2>/dev/null || true' INT TERM
    local end=$((SECONDS + seconds))
    while [ "$SECONDS" -lt "$end" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" || status=$?
    trap - INT TERM
  fi
  [ "$status" = 0 ] || die "the run failed (exit $status); its tables are at $project"
}

check() {
  local bars fewest symbols
  bars="$(number "SELECT count(*) FROM stocks")"
  [ "$bars" = "$bars_expected" ] || die "stocks has $bars rows where the file has $bars_expected"
  read -r symbols fewest < <(number "SELECT concat(count(*), ' ', min(candles)) FROM
    (SELECT symbol, count(*) AS candles FROM gold_candles_1m GROUP BY symbol) AS c" | tr -d '"')
  [ "$symbols" = "$symbols_expected" ] || die "candles of $symbols symbols where $symbols_expected were sent"
  [ "$fewest" -ge "$candles_expected" ] || die "only $fewest closed candles of a symbol; $candles_expected expected"
  say "checked: all $bars real bars in silver, $fewest or more closed one-minute candles of each of $symbols symbols"
}

picture() {
  sql --output jsonl "SELECT window_start, open, high, low, close FROM gold_candles_1m WHERE symbol = '$1'
    ORDER BY window_start DESC LIMIT 60" | python3 "$root/tools/candles.py" "$1"
}

show() {
  say "the newest candles (gold_candles_1m)"
  sql --output table "SELECT symbol, window_start, round(open, 2) AS open, round(high, 2) AS high,
    round(low, 2) AS low, round(close, 2) AS close, volume, trades
    FROM gold_candles_1m WHERE symbol IN ('AAPL', 'IBM') ORDER BY window_start DESC, symbol LIMIT 8"
  picture AAPL
  say "their indicators (indicators_1m): moving average, relative strength, volume-weighted average price"
  sql --output table "SELECT symbol, window_start, round(close, 2) AS close, round(ema_9, 2) AS ema_9,
    round(rsi_14, 1) AS rsi_14, round(vwap, 2) AS vwap
    FROM indicators_1m WHERE symbol IN ('AAPL', 'IBM') ORDER BY window_start DESC, symbol LIMIT 4"
  say "volume and average price a day (gold_daily_volume)"
  sql --output table "SELECT symbol, trade_date, volume, round(average_price, 2) AS average_price, trades
    FROM gold_daily_volume ORDER BY trade_date DESC, volume DESC LIMIT 10"
  say "the real bars by year (gold_yearly_bars)"
  sql --output table "SELECT symbol, trade_year, open, high, low, close, volume,
    round(average_close, 2) AS average_close, days
    FROM gold_yearly_bars WHERE trade_year >= 2011 ORDER BY symbol, trade_year"
  say "indicators of the real bars (indicators)"
  sql --output table "SELECT symbol, trade_date, close, round(sma_50, 2) AS sma_50, round(ema_20, 2) AS ema_20,
    round(rsi_14, 1) AS rsi_14, round(macd.histogram, 2) AS macd, round(bands.lower, 2) AS lower,
    round(bands.upper, 2) AS upper, round(atr_14, 2) AS atr_14
    FROM indicators WHERE symbol = 'IBM' ORDER BY trade_date DESC LIMIT 4"
  say "closing prices and when they held (close_price, SCD type 2)"
  sql --output table "SELECT symbol, close, __START_AT, __END_AT FROM close_price
    WHERE symbol = 'IBM' ORDER BY __START_AT DESC LIMIT 4"
  say "bad ticks, kept with their reasons (silver_ticks__quarantine)"
  sql --output table "SELECT CASE WHEN reason LIKE 'malformed%' THEN 'malformed JSON' ELSE reason END AS reason,
    count(*) AS ticks FROM silver_ticks__quarantine
    GROUP BY CASE WHEN reason LIKE 'malformed%' THEN 'malformed JSON' ELSE reason END ORDER BY ticks DESC LIMIT 6"
}

numbers() {
  say "the run's numbers"
  "$ticklake" table list --project "$project" "${settings[@]}" --output table
  say "back-fill: $drained_s s from source to gold; $(du -sh "$project/storage" | cut -f1) on disk, broker: $brokers"
}

next() {
  local bin="${ticklake#"$PWD"/}" dir="${demos#"$PWD"/}/market"
  cat <<END

demo: try next
  $bin sql --project $dir "SELECT * FROM gold_candles_1m WHERE symbol = 'IBM' ORDER BY window_start"
  $bin sql --project $dir "SELECT count(*) FROM silver_ticks VERSION AS OF 1"
  $bin table history silver_ticks --project $dir --limit 5
END
  if [ "$brokers" = embedded ]; then
    cat <<END
  $bin topic tail ticks --project $dir
  $bin run --project $dir          goes on where it stopped
  $bin run --project $dir --serve  the same, with a live page at http://127.0.0.1:8787/
  edit $dir/transformations/gold.sql, then: $bin validate --project $dir
END
  else
    echo "  the demo's topics on $brokers are deleted again; its tables stay"
  fi
}

[ -x "$ticklake" ] || die "$ticklake is missing: run make build"
[ -f "$stocks" ] || die "$stocks is missing: run tools/setup.sh build"
make_project
[ "$brokers" = embedded ] || use_kafka
trap remove_topics EXIT

say "real daily bars and half an hour of ticks, from source to gold (project: $project)"
started="$(date +%s)"
run_once || die "the run failed; what it committed is at $project"
drained_s=$(($(date +%s) - started))
live
say "catching up"
run_once --no-ingest || die "the last run failed; what it committed is at $project"
check
show
numbers
next
