"""The market example, whole: rows 3, 8, 10 and 25 of the mission. run.py TICKLAKE PYTHON

The example runs once, from its sources to gold; each test then looks at it from outside. PYTHON: with deltalake, pandas,
matplotlib and nbclient. The last line counts the tests."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY, PYTHON = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
SYMBOLS = ["AAPL", "AMZN", "FB", "GOOG", "IBM", "INTC", "MSFT", "NVDA", "ORCL", "TSLA"]
BARS = """Ticker,Date,Open,High,Low,Close,Volume,Adj Close
AAPL,2000-03-01,118.56,132.06,118.5,130.31,38478000,31.68
AAPL,2000-03-03,124.87,128.23,120,122,11565200,31.12
AAPL,2000-03-02,127,127.94,120.69,122,11136800,29.66
AAPL,2000-03-06,126,129.13,125,125.69,7520000,30.56
IBM,2000-03-01,102,105.5,100.06,100.25,10807800,84.41
"""


def run(*arguments, **options):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{' '.join(map(str, arguments))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def rows(project, query):
    return [json.loads(line) for line in run(BINARY, "sql", query, "--project", project, "--output", "jsonl").splitlines()]


def by_deltalake(project, script):
    """What a Python script with deltalake, in another environment, prints as JSON; `tables` is a folder."""
    tables = project / "storage/tables/market/main"
    begin = f"import json, os, sys\nfrom deltalake import DeltaTable\ntables = {str(tables)!r}\n"
    # deltalake's threads now and then abort a program that ends.
    return json.loads(run(PYTHON, "-c", begin + script + "\nsys.stdout.flush()\nos._exit(0)"))


def row_03_made_up_ticks_reach_a_topic_that_was_made_for_them(project):
    topics = json.loads(run(BINARY, "topic", "describe", "ticks", "--project", project, "--output", "json"))
    partitions = topics["partitions"] if isinstance(topics, dict) else topics
    assert len(partitions) == 4, topics
    records = [json.loads(line) for line in run(BINARY, "topic", "tail", "ticks", "--from", "earliest", "--records", "100000", "--project",
                                                project, "--output", "jsonl").splitlines()]
    assert len(records) > 30 * 60 * 200 * 0.9, len(records)
    good = []
    for record in records:
        try:
            good.append(json.loads(record["value"]))
        except ValueError:
            pass
    seen = {tick.get("symbol") for tick in good} & set(SYMBOLS)
    assert seen == set(SYMBOLS), seen
    assert 0.001 < 1 - rows(project, "SELECT count(*) AS n FROM silver_ticks")[0]["n"] / len(records) < 0.05, "one in a hundred is bad"
    assert sorted({record["partition"] for record in records}) == [0, 1, 2, 3]


def row_08_closing_prices_as_scd_type_2(project):
    history = rows(project, "SELECT symbol, close, __START_AT AS since, __END_AT AS until FROM close_price ORDER BY ALL")
    assert [tuple(row.values()) for row in history] == [
        ("AAPL", 122.0, "2000-03-02", "2000-03-06"), ("AAPL", 125.69, "2000-03-06", None),
        ("AAPL", 130.31, "2000-03-01", "2000-03-02"), ("IBM", 100.25, "2000-03-01", None)], history
    newest = rows(project, "SELECT symbol, close FROM current_close ORDER BY symbol")
    assert newest == [{"symbol": "AAPL", "close": 125.69}, {"symbol": "IBM", "close": 100.25}], newest
    joined = rows(project, "SELECT symbol, close, close_then FROM stocks_close ORDER BY symbol, trade_date")
    assert [tuple(row.values()) for row in joined] == [
        ("AAPL", 130.31, 125.69), ("AAPL", 122.0, 125.69), ("AAPL", 122.0, 125.69), ("AAPL", 125.69, 125.69),
        ("IBM", 100.25, 100.25)], joined
    gains = rows(project, "SELECT symbol, close, current_close, gain_percent FROM updated_stocks ORDER BY symbol, trade_date")
    assert [tuple(row.values()) for row in gains] == [
        ("AAPL", 130.31, 125.69, -3.55), ("AAPL", 122.0, 125.69, 3.02), ("AAPL", 122.0, 125.69, 3.02),
        ("AAPL", 125.69, 125.69, 0.0), ("IBM", 100.25, 100.25, 0.0)], gains


def row_09_quality_in_the_event_log(project):
    """With the names of Databricks' event log; what deltalake reads of it is what SQL says."""
    totals = rows(project, """
SELECT e.name, sum(e.passed_records) AS passed, sum(e.failed_records) AS failed
FROM (SELECT explode(from_json(details, 'flow_progress STRUCT<data_quality: STRUCT<expectations: ARRAY<STRUCT<
               name: STRING, dataset: STRING, passed_records: BIGINT, failed_records: BIGINT>>>>')
             .flow_progress.data_quality.expectations) AS e FROM event_log WHERE event_type = 'flow_progress')
WHERE e.dataset = 'market.main.silver_ticks' GROUP BY ALL""")
    found = {row["name"]: (row["passed"], row["failed"]) for row in totals}
    aside = rows(project, "SELECT count(*) AS n FROM silver_ticks__quarantine WHERE reason LIKE '%has_symbol%'")[0]["n"]
    assert found["has_symbol"][1] == aside > 100, (found, aside)
    events = by_deltalake(project, """
log = DeltaTable(os.path.dirname(os.path.dirname(os.path.dirname(tables))) + "/event_log").to_pyarrow_table().to_pylist()
log.sort(key=lambda row: json.loads(row["sequence"])["seq_no"])
print(json.dumps([[row["event_type"], row["level"], json.loads(row["origin"]), json.loads(row["details"])] for row in log]))""")
    assert [events[0][0], events[-1][0]] == ["create_update", "update_progress"], events[-1]
    assert events[-1][3] == {"update_progress": {"state": "COMPLETED"}}, events[-1]
    assert {level for _, level, _, _ in events} == {"INFO"}
    written = {}
    for kind, _, origin, details in events:
        if kind == "flow_progress":
            name, count = origin["dataset_name"].split(".")[-1], details["flow_progress"]["metrics"]["num_output_rows"]
            written[name] = written.get(name, 0) + count
    for table in ("bronze_ticks", "silver_ticks", "gold_candles_1m", "close_price"):
        assert written[table] == rows(project, f"SELECT count(*) AS n FROM {table}")[0]["n"], (table, written)


def row_10_volume_and_average_price_a_day(project):
    gold = rows(project, "SELECT symbol, trade_date, volume, average_price, trades FROM gold_daily_volume ORDER BY ALL")
    found = {(row["symbol"], row["trade_date"]): (row["volume"], row["trades"], round(row["average_price"], 6)) for row in gold}
    wanted = by_deltalake(project, """
days = {}
for row in DeltaTable(tables + "/silver_ticks").to_pyarrow_table(columns=["symbol", "ts", "price", "size"]).to_pylist():
    days.setdefault(row["symbol"] + " " + str(row["ts"].date()), []).append((row["size"], row["price"]))
print(json.dumps({day: [sum(s for s, _ in ticks), len(ticks), round(sum(p for _, p in ticks) / len(ticks), 6)]
                  for day, ticks in days.items()}))""")
    assert {symbol for symbol, _ in found} == set(SYMBOLS), found
    assert found == {tuple(day.split(" ")): tuple(figures) for day, figures in wanted.items()}, (found, wanted)


def row_10_candles_of_days_and_indicators_of_minutes(project):
    days = rows(project, "SELECT symbol, trade_date, open, high, low, close, volume, trades FROM gold_candles_1d ORDER BY ALL")
    average = rows(project, "SELECT symbol, window_start, vwap FROM indicators_1m ORDER BY ALL")
    wanted, vwap = by_deltalake(project, """
days, vwap = {}, []
candles = DeltaTable(tables + "/gold_candles_1m").to_pyarrow_table().to_pylist()
for row in sorted(candles, key=lambda row: (row["symbol"], row["window_start"])):
    day = days.setdefault((row["symbol"], str(row["window_start"].date())), [row["open"], 0, 1e9, 0, 0, 0, 0.0])
    turnover = (row["high"] + row["low"] + row["close"]) / 3 * row["volume"]
    day[1:] = [max(day[1], row["high"]), min(day[2], row["low"]), row["close"], day[4] + row["volume"], day[5] + row["trades"],
               day[6] + turnover]
    vwap.append([row["symbol"], round(day[6] / day[4], 6)])
print(json.dumps([[list(day) + figures[:6] for day, figures in days.items()], vwap]))""")
    assert len(average) >= 29 * len(SYMBOLS)
    assert [list(row.values()) for row in days] == wanted, (days, wanted)
    assert [[row["symbol"], round(row["vwap"], 6)] for row in average] == vwap


def row_25_python_package_and_notebook(project):
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "python"  # a build leaves files beside its source
        shutil.copytree(ROOT / "python", source)
        run(PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--no-deps", "--no-build-isolation", "--target",
            f"{folder}/site", source)
        environment = os.environ | {"PYTHONPATH": f"{folder}/site", "TICKLAKE": BINARY, "TICKLAKE_PROJECT": str(project),
                                    "IPYTHONDIR": f"{folder}/ipython", "MPLCONFIGDIR": f"{folder}/matplotlib"}
        notebook = json.loads(run(PYTHON, pathlib.Path(__file__).with_name("execute.py"), ROOT / "examples/market.ipynb", env=environment))
    outputs = [output for cell in notebook["cells"] if cell["cell_type"] == "code" for output in cell["outputs"]]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert "image/png" in kinds, kinds
    texts = ["".join(output.get("data", {}).get("text/plain", output.get("text", ""))) for output in outputs]
    daily = next(text for text in texts if "average_price" in text)
    for row in rows(project, "SELECT symbol, volume FROM gold_daily_volume"):
        assert row["symbol"] in daily and str(row["volume"]) in daily, (row, daily)
    assert any("symbl" in text and "symbol" in text and "query:1:8" in text for text in texts), texts[-1]


def row_25_sql_gives_python_what_the_tables_hold(project):
    script = """
import json, sys
import ticklake
market = ticklake.Project(sys.argv[1])
table = market.sql("SELECT * FROM gold_candles_1m")
empty = market.sql("SELECT * FROM gold_candles_1m WHERE symbol = 'NONE'")
assert empty.num_rows == 0 and empty.schema == table.schema
assert ticklake.sql("SELECT 1 AS one", sys.argv[1]).to_pylist() == [{"one": 1}]
try:
    market.sql("SELECT 1; SELECT 2")
    raise SystemExit("two queries were taken")
except ticklake.Error as error:
    assert "query:1:11" in str(error) and "arrow" in str(error), error
candles = {row["symbol"] + str(row["window_start"].timestamp()): [row["open"], row["close"], row["volume"]] for row in table.to_pylist()}
print(json.dumps({"candles": candles, "type": str(table.schema.field("window_start").type), "rows": market.table("gold_candles_1m").num_rows}))"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python"), "TICKLAKE": BINARY, "PYTHONDONTWRITEBYTECODE": "1"}
    found = json.loads(run(PYTHON, "-c", script, project, env=environment))
    wanted = by_deltalake(project, """
print(json.dumps({row["symbol"] + str(row["window_start"].timestamp()): [row["open"], row["close"], row["volume"]]
                  for row in DeltaTable(tables + "/gold_candles_1m").to_pyarrow_table().to_pylist()}))""")
    assert len(wanted) >= 29 * len(SYMBOLS) and found["rows"] == len(wanted), len(wanted)
    assert found["candles"] == wanted
    assert found["type"] == "timestamp[us, tz=UTC]", found["type"]


def tests_of_the_example_pass_and_touch_nothing(project):
    before = sorted((path, path.stat().st_mtime_ns) for path in project.rglob("*"))
    told = json.loads(run(BINARY, "test", "--project", project, "--output", "json"))
    assert [test["test"] for test in told] == sorted(path.stem for path in (project / "tests").iterdir()), told
    assert all(test["result"] == "passed" and test["problems"] == [] for test in told), told
    assert sorted((path, path.stat().st_mtime_ns) for path in project.rglob("*")) == before
    assert not list(pathlib.Path(os.environ["TMPDIR"]).glob("ticklake_test_*")), "nothing is left behind"


def tests_that_fail_say_what_differs_and_where(project):
    with tempfile.TemporaryDirectory() as folder:
        mine = pathlib.Path(folder) / "market"
        shutil.copytree(project, mine, ignore=shutil.ignore_patterns("storage", "tests"))
        shutil.copytree(HERE / "failing", mine / "tests")
        done = subprocess.run([BINARY, "test", "--project", mine], capture_output=True, text=True, timeout=300)
        assert done.returncode == 1 and done.stderr == "ticklake: 10 of 10 tests failed\n", done
        told = re.sub(r"\(\d+ ms\)", "(N ms)", done.stdout)
        assert told == (HERE / "failing/told.txt").read_text(), told


def tests_are_updated_where_rows_differ_and_kept_where_asked(project):
    with tempfile.TemporaryDirectory() as folder:
        mine = pathlib.Path(folder) / "market"
        shutil.copytree(project, mine, ignore=shutil.ignore_patterns("storage"))
        test = mine / "tests/2_candles.test"
        right = test.read_text()
        wrong = re.sub(r"(?m)^  IBM .*\n", "", right).replace("  1       | 1\n", "  7       | 7\n")
        assert wrong != right
        test.write_text(wrong)
        done = subprocess.run([BINARY, "test", "candles", "--keep", "--project", mine], capture_output=True, text=True, timeout=300)
        kept = re.search(r"kept in (\S+);", done.stdout)
        assert done.returncode == 1 and kept, done
        table = pathlib.Path(kept[1]) / "storage/tables/market/main/gold_candles_1m"
        assert len(run(BINARY, "table", "read", table, "--output", "jsonl").splitlines()) == 1
        shutil.rmtree(kept[1])
        first = mine / "tests/1_clean_ticks.test"
        begun = first.read_text()
        first.write_text(begun.replace("  ----\n  records\n  5\n", ""))
        assert first.read_text() != begun
        run(BINARY, "test", "--update", "--project", mine)
        assert test.read_text() == right, test.read_text()
        assert first.read_text() == begun, first.read_text()
    refused = subprocess.run([BINARY, "test", "--updat", "--project", project], capture_output=True, text=True, timeout=300)
    assert refused.returncode == 2, refused
    refused = subprocess.run([BINARY, "test", "nothing", "--project", project], capture_output=True, text=True, timeout=300)
    assert refused.returncode == 1 and "2_candles" in refused.stderr, refused


def main():
    failed = 0
    tests = [test for name, test in sorted(globals().items()) if name.startswith(("row_", "tests_"))]
    with tempfile.TemporaryDirectory(prefix="ticklake-market-") as folder:
        os.environ["TMPDIR"] = folder
        project = pathlib.Path(folder) / "market"
        shutil.copytree(ROOT / "examples/market", project)
        (project / "data").mkdir()
        (project / "data/bars.csv").write_text(BARS)
        run(BINARY, "run", "--project", project, "--once")
        for test in tests:
            try:
                test(project)
                print(f"ok   {test.__name__}")
            except Exception:
                failed += 1
                print(f"FAIL {test.__name__}\n{traceback.format_exc()}")
    print(f"market: {len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
