"""The market example's tables against Apache Spark, which works each out from the table before it by plain SQL.

    python market_spark_test.py TICKLAKE JARS STOCKS     python: with pyspark; STOCKS: the file of daily bars
The last line counts the tables and indicators."""
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

from spark_read import session

ROOT = pathlib.Path(__file__).resolve().parents[2]
# EMA, RSI, MACD and ATR look back at their own last value: in Spark, at a list of all values so far, for each row. So it is
# asked for the first year of the bars.
YEAR = "trade_date < DATE '2001-01-01'"


def smoothed(value, period, weight):
    """What begins with a mean of `period` values and then moves by `weight` of the way to each; over the window w."""
    values = f"collect_list({value}) OVER w"
    first = f"aggregate(slice({values}, 1, {period}), 0D, (s, v) -> s + v) / {period}"
    later = f"slice({values}, {period + 1}, 1000000000)"
    return f"CASE WHEN count({value}) OVER w >= {period} THEN aggregate({later}, {first}, (e, v) -> e + {weight} * (v - e)) END"


def ema(value, period):
    return smoothed(value, period, f"2D / {period + 1}")


def wilder(value, period):
    return smoothed(value, period, f"1D / {period}")


W = "WINDOW w AS (PARTITION BY symbol ORDER BY trade_date ROWS UNBOUNDED PRECEDING)"
N = "PARTITION BY symbol ORDER BY trade_date ROWS BETWEEN {} PRECEDING AND CURRENT ROW"
BARS = f"(SELECT *, lag(close) OVER (PARTITION BY symbol ORDER BY trade_date) AS before FROM stocks WHERE {YEAR})"

# What to ask of our table, and Spark's query over the table before it that must give the same rows.
SAME = {
    "gold_candles_1m": (
        "SELECT symbol, window_start, window_end, open, high, low, close, volume, trades FROM gold_candles_1m",
        """SELECT t.symbol, t.window.start, t.window.end, t.open, t.high, t.low, t.close, t.volume, t.trades FROM
           (SELECT symbol, window(ts, '1 minute') AS window, min_by(price, struct(ts, seq)) AS open, max(price) AS high,
            min(price) AS low, max_by(price, struct(ts, seq)) AS close, sum(size) AS volume, count(*) AS trades
            FROM silver_ticks GROUP BY window(ts, '1 minute'), symbol) AS t
           WHERE t.window.end <= (SELECT max(window_end) FROM gold_candles_1m)"""),
    "gold_candles_1d": (
        "SELECT symbol, trade_date, open, high, low, close, volume, trades FROM gold_candles_1d",
        """SELECT symbol, to_date(window_start), min_by(open, window_start), max(high), min(low), max_by(close, window_start),
           sum(volume), sum(trades) FROM gold_candles_1m GROUP BY symbol, to_date(window_start)"""),
    "gold_daily_volume": (
        "SELECT symbol, trade_date, volume, average_price, trades FROM gold_daily_volume",
        "SELECT symbol, to_date(ts), sum(size), avg(price), count(*) FROM silver_ticks GROUP BY symbol, to_date(ts)"),
    "gold_yearly_bars": (
        "SELECT * FROM gold_yearly_bars",
        """SELECT symbol, year(trade_date), min_by(open, trade_date), max(high), min(low), max_by(close, trade_date), sum(volume),
           avg(close), count(*) FROM stocks GROUP BY symbol, year(trade_date)"""),
    "stocks_close": (  # of one run, in which all bars come after all prices
        "SELECT symbol, trade_date, close, volume, close_then, close_since FROM stocks_close",
        """SELECT s.symbol, s.trade_date, s.close, s.volume, c.close, c.__START_AT
           FROM stocks s LEFT JOIN close_price c ON s.symbol = c.symbol AND c.__END_AT IS NULL"""),
    "updated_stocks": (
        "SELECT symbol, trade_date, close, current_close, gain_percent FROM updated_stocks",
        """SELECT s.symbol, s.trade_date, s.close, c.close, round(100 * (c.close / s.close - 1), 2)
           FROM stocks s JOIN (SELECT symbol, max_by(close, trade_date) AS close FROM stocks GROUP BY symbol) c
           ON s.symbol = c.symbol"""),
    "sma and Bollinger bands": (
        "SELECT symbol, trade_date, sma_50, bands.lower, bands.middle, bands.upper FROM indicators",
        f"""SELECT symbol, trade_date, CASE WHEN count(close) OVER n = 50 THEN avg(close) OVER n END,
           CASE WHEN count(close) OVER m = 20 THEN avg(close) OVER m - 2 * stddev_pop(close) OVER m END,
           CASE WHEN count(close) OVER m = 20 THEN avg(close) OVER m END,
           CASE WHEN count(close) OVER m = 20 THEN avg(close) OVER m + 2 * stddev_pop(close) OVER m END
           FROM stocks WINDOW n AS ({N.format(49)}), m AS ({N.format(19)})"""),
    "vwap": (
        "SELECT symbol, window_start, vwap FROM indicators_1m",
        """SELECT symbol, window_start, sum((high + low + close) / 3 * volume) OVER day / nullif(sum(volume) OVER day, 0)
           FROM gold_candles_1m WINDOW day AS
           (PARTITION BY symbol, to_date(window_start) ORDER BY window_start ROWS UNBOUNDED PRECEDING)"""),
    "ema": (f"SELECT symbol, trade_date, ema_20 FROM indicators WHERE {YEAR}",
            f"SELECT symbol, trade_date, {ema('close', 20)} FROM {BARS} {W}"),
    "rsi": (
        f"SELECT symbol, trade_date, rsi_14 FROM indicators WHERE {YEAR}",
        f"""SELECT symbol, trade_date, CASE WHEN loss = 0 THEN 100D ELSE 100 - 100 / (1 + gain / loss) END FROM
            (SELECT symbol, trade_date, {wilder('greatest(close - before, 0D * before)', 14)} AS gain,
             {wilder('greatest(before - close, 0D * before)', 14)} AS loss FROM {BARS} {W})"""),
    "macd": (
        f"SELECT symbol, trade_date, macd.line, macd.signal, macd.histogram FROM indicators WHERE {YEAR}",
        f"""SELECT symbol, trade_date, line, signal, line - signal FROM
            (SELECT symbol, trade_date, line, {ema('line', 9)} AS signal FROM
             (SELECT symbol, trade_date, {ema('close', 12)} - {ema('close', 26)} AS line FROM {BARS} {W}) {W})"""),
    "atr": (
        f"SELECT symbol, trade_date, atr_14 FROM indicators WHERE {YEAR}",
        f"""SELECT symbol, trade_date, {wilder('span', 14)} FROM
            (SELECT *, greatest(high, before) - least(low, before) AS span FROM {BARS}) {W}"""),
}


def same(ours, theirs):
    if isinstance(ours, float) or isinstance(theirs, float):
        return ours is not None and theirs is not None and math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
    return ours == theirs


def difference(ours, theirs):
    ours, theirs = (sorted(rows, key=lambda row: tuple(map(str, row[:2]))) for rows in (ours, theirs))
    if len(ours) != len(theirs) or not ours:
        return f"{len(ours)} rows, {len(theirs)} in Spark"
    for one, other in zip(ours, theirs):
        if len(one) != len(other) or not all(map(same, one, other)):
            return f"{one}, {other} in Spark"
    return None


def main():
    ticklake, jars, stocks = sys.argv[1:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        project = pathlib.Path(folder) / "market"
        shutil.copytree(ROOT / "examples/market", project)
        (project / "data").mkdir()
        shutil.copy(stocks, project / "data/stocks.csv")
        subprocess.run([ticklake, "run", "--project", project, "--once"], check=True, capture_output=True)
        spark = session(jars)
        for table in (project / "storage/tables/market/main").iterdir():
            spark.read.format("delta").load(str(table)).createOrReplaceTempView(table.name)
        for name, (ours, theirs) in SAME.items():
            spark.sql(ours).createOrReplaceTempView("ours")
            problem = difference(spark.table("ours").collect(), spark.sql(theirs).collect())
            print(f"{'FAILED' if problem else 'ok'} {name} {problem or ''}", flush=True)
            failed += problem is not None
        spark.stop()
    print(f"market-spark: {len(SAME) - failed} passed, {failed} failed", flush=True)


main()
