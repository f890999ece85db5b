#!/usr/bin/env python3
"""Runs the example examples/alpha_vantage and small projects against a made-up Alpha Vantage.

alpha_vantage_test.py BINARY [NAME..]: the last line is "alpha-vantage: N passed, M failed". Needs the package deltalake,
which reads the tables: a reader that is not ours.
"""
import datetime
import faulthandler
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
import zoneinfo

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from server import Server  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEY = "K3YTHATMUSTNOTSHOW"
DAY = datetime.date(2026, 7, 15)  # of the last bar of a made-up market
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
KAFKA = os.environ.get("TICKLAKE_TEST_KAFKA")
KILLED = -9
SECONDS_MAX = 300


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(found, expected, what):
    check(found == expected, f"{what}: found {str(found)[:800]}\n  expected {str(expected)[:800]}")


class World:
    """A project in a scratch folder, a home of its own, and a service."""

    def __init__(self, certificate=None, today=DAY):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alpha_vantage_"))
        self.project = self.folder / "project"
        self.service = Server(("127.0.0.1", 0), today, certificate)
        threading.Thread(target=self.service.serve_forever, daemon=True).start()
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{self.service.server_port}/query"
        self.shown = ""  # all that the program wrote

    def close(self):
        self.service.shutdown()
        self.service.server_close()
        shutil.rmtree(self.folder)

    def environment(self, key=KEY):
        out = {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}
        if key:
            out["ALPHAVANTAGE_API_KEY"] = key
        return out

    def start(self, *arguments, key=KEY):
        command = [BINARY, *arguments, "--project", str(self.project)]
        return subprocess.Popen(command, env=self.environment(key), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def finish(self, process, code=0):
        out, err = process.communicate(timeout=180)
        self.shown += out + err
        check(process.returncode == code, f"{process.args[1:3]}: exit {process.returncode}\n{out[-500:]}{err[-2000:]}")
        return out, err

    def call(self, *arguments, code=0, key=KEY):
        return self.finish(self.start(*arguments, key=key), code)

    def example(self):
        shutil.copytree(ROOT / "examples/alpha_vantage", self.project, ignore=shutil.ignore_patterns("storage"))
        return ["--set", f"alpha_vantage.base_url={self.url}", "--set", "alpha_vantage.spacing=0 seconds",
                "--set", "alpha_vantage.per_minute=none"]

    def source(self, name, text):
        if not self.project.exists():
            (self.project / "sources").mkdir(parents=True)
            (self.project / "transformations").mkdir()
            (self.project / "transformations/none.sql").write_text("CREATE MATERIALIZED VIEW one AS SELECT 1 AS one;\n")
            (self.project / "spark-pipeline.yml").write_text(
                "name: test\nstorage: storage\ncatalog: test\ndatabase: main\n"
                "libraries:\n  - glob:\n      include: transformations/**\n")
        head = f"type: alpha_vantage\napi_key: ${{env:ALPHAVANTAGE_API_KEY}}\nbase_url: {self.url}\n"
        (self.project / f"sources/{name}.yml").write_text(head + text)

    def next(self, *answers):
        self.service.next += answers

    def asked(self):
        return [{key: value for key, value in seen.items() if key != "at"} for seen in self.service.seen]

    def records(self, topic):
        out, _ = self.call("topic", "tail", topic, "--from", "earliest", "--records", "1000000", "--output", "jsonl")
        return [json.loads(line) for line in out.splitlines()]

    def bars(self, topic):
        return [json.loads(record["value"]) for record in self.records(topic)]

    def table(self, name):
        from deltalake import DeltaTable
        path = self.project / "storage/tables/market/alpha_vantage" / name
        return DeltaTable(str(path)).to_pyarrow_table().to_pylist()

    def budget_file(self):
        return next((self.folder / "home/.local/state/ticklake/budgets").glob("*.json"))

    def let_hours_pass(self, hours):
        """For the budget: its requests become older."""
        state = json.loads(self.budget_file().read_text())
        state["requests_us"] = [at - int(hours * 3600e6) for at in state["requests_us"]]
        state["held_until_us"] = 0
        self.budget_file().write_text(json.dumps(state))


def over(when, monthly=False):
    """Whether the week or month of a bar is over in New York, and a month's last prices are in."""
    day, now = datetime.date.fromisoformat(when), datetime.datetime.now(NEW_YORK)
    if monthly:
        now -= datetime.timedelta(hours=12)
        return (day.year, day.month) < (now.year, now.month)
    return day.isocalendar()[:2] < now.date().isocalendar()[:2]


def weekly(market, symbol):
    query = {"function": "TIME_SERIES_WEEKLY_ADJUSTED", "symbol": symbol}
    return {when: [float(value) for value in market.values(query, when)] for when in market.times(query) if over(when)}


def test_mission_row_1_alpha_vantage():
    """IBM's weeks, GOOG by one parameter, NVDA's hours over months: from the service to gold, read by another reader."""
    today = datetime.datetime.now(NEW_YORK).date()
    world = World(today=today)
    options = world.example()
    out, err = world.call("run", "--once", *options)
    check("history: 6 months at 60min of 1 symbol: 6 requests" in err, err)
    market = world.service.market
    kinds = [(seen["symbol"], seen.get("month", "")) for seen in world.asked()]
    equal(sorted(set(kinds)), sorted(kinds), "no request twice")
    equal(len([symbol for symbol, _ in kinds if symbol == "IBM"]), 1, "requests for IBM")
    world.call("run", "--once", *options, "--set", "symbol=GOOG")
    rows = {(row["symbol"], row["week_ending"].isoformat()): row for row in world.table("silver_weekly")}
    names = ["open", "high", "low", "close", "adjusted_close", "volume", "dividend"]
    for symbol in ("IBM", "GOOG"):
        expected = weekly(market, symbol)
        equal(sorted(when for name, when in rows if name == symbol), sorted(expected), f"weeks of {symbol}")
        for when, values in expected.items():
            equal([rows[symbol, when][name] for name in names], values, f"{symbol} {when}")
    years = {(row["symbol"], row["trade_year"]): row for row in world.table("gold_weekly_years")}
    of_2024 = [values for when, values in weekly(market, "IBM").items() if when.startswith("2024")]
    found = years["IBM", 2024]
    equal([found["open"], found["high"], found["low"], found["close"], found["volume"], found["weeks"]],
          [of_2024[0][0], max(v[1] for v in of_2024), min(v[2] for v in of_2024), of_2024[-1][3],
           sum(v[5] for v in of_2024), len(of_2024)], "IBM 2024")
    check_hours(world, today)
    bronze = len(world.table("bronze_hours"))
    asked = len(world.asked())
    world.call("run", "--once", *options)  # nothing is due, nothing comes twice
    equal(len(world.asked()), asked, "requests")
    equal(len(world.table("bronze_hours")), bronze, "rows of bronze")
    world.close()


def check_hours(world, today):
    query = {"function": "TIME_SERIES_INTRADAY", "symbol": "NVDA", "interval": "60min", "extended_hours": "false",
             "outputsize": "full"}
    first = today.year * 12 + today.month - 6
    month = f"{first // 12}-{first % 12 + 1:02}"
    market = world.service.market
    expected = {when: market.values(query, when) for when in market.times(query) if when[:7] >= month}
    days = {row["trade_date"].isoformat(): row for row in world.table("gold_hours_days")}
    equal(sorted(days), sorted({when[:10] for when in expected}), "days of NVDA")
    for day, row in days.items():
        hours = [list(map(float, values)) for when, values in sorted(expected.items()) if when.startswith(day)]
        equal([row["open"], row["high"], row["low"], row["close"], row["volume"], row["hours"]],
              [hours[0][0], max(h[1] for h in hours), min(h[2] for h in hours), hours[-1][3],
               sum(int(h[4]) for h in hours), len(hours)], f"NVDA {day}")
    starts = {row["starts_at"].astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S") for row in world.table("silver_hours")}
    equal(sorted(starts), sorted(expected), "instants, daylight saving included")


def test_only_new_and_changed_bars_are_sent():
    world = World(today=datetime.date(2025, 12, 31))
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_MONTHLY_ADJUSTED\nsymbols: [IBM]\nschedule: every 1 second\n"
                         "budget: {per_minute: none, spacing: 0 seconds}\n")
    world.call("ingest", "bars", "--once")
    first = world.bars("bars")
    equal(len(first), 24, "months from 2024-01 to 2025-12")
    time.sleep(1)
    world.call("ingest", "bars", "--once")
    equal(len(world.bars("bars")), 24, "nothing has changed")
    world.service.market.revised["2025-01-31"] = 77.25
    time.sleep(1)
    world.call("ingest", "bars", "--once")
    bars = world.bars("bars")
    equal(len(bars), 25, "one bar has changed")
    equal((bars[-1]["exchange_time"], bars[-1]["close"]), ("2025-01-31", 77.25), "the changed bar")
    world.close()


def test_a_week_or_month_that_goes_on_is_not_sent():
    world = World(today=datetime.datetime.now(NEW_YORK).date())
    market = world.service.market
    for name in ("weekly", "monthly"):
        world.source(name, f"topic: {name}\nfunction: TIME_SERIES_{name.upper()}\nsymbols: [IBM]\nschedule: every 1 second\n"
                           "budget: {per_minute: none, per_day: none, spacing: 0 seconds}\n")
        world.call("ingest", name, "--once")
        found = [bar["exchange_time"] for bar in world.bars(name)]
        query = {"function": f"TIME_SERIES_{name.upper()}", "symbol": "IBM"}
        equal(found, [when for when in market.times(query) if over(when, name == "monthly")], f"{name} bars")
    world.close()


def test_one_budget_for_processes_and_restarts():
    """Either process alone has more to ask for than the budget holds: whichever is first, both have to wait."""
    world = World()
    for name in "ab":
        symbols = ", ".join(f"{name.upper()}{i}" for i in range(7))
        world.source(name, f"topic: {name}\nfunction: TIME_SERIES_DAILY\nsymbols: [{symbols}]\n"
                           "budget: {per_minute: none, per_day: 6, spacing: 0 seconds}\n")
    both = [world.start("ingest", name, "--once") for name in "ab"]
    notes = [world.finish(process)[1] for process in both]
    equal(len(world.asked()), 6, "requests of two processes")
    check(all("no request before" in note for note in notes), str(notes))
    for _ in range(2):
        world.call("ingest", "a", "--once")
    equal(len(world.asked()), 6, "requests after restarts")
    world.let_hours_pass(23.9)
    world.call("ingest", "a", "--once")
    equal(len(world.asked()), 6, "requests before the day is over")
    world.let_hours_pass(0.2)
    for name in "ab":
        world.call("ingest", name, "--once")
    symbols = [seen["symbol"] for seen in world.asked()]
    equal(sorted(symbols), sorted(set(symbols)), "each symbol once")
    equal(len(symbols), 12, "requests after a day")
    world.close()


def test_a_request_counts_before_it_is_sent():
    """Killed while it waits for the answer: the request has been counted."""
    world = World()
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM]\n"
                         "budget: {per_minute: none, per_day: 2, spacing: 0 seconds}\n")
    world.next({"sleep": 30}, {"sleep": 30})
    for count in (1, 2):
        process = world.start("ingest", "bars", "--once")
        while len(world.service.seen) < count:
            time.sleep(0.01)
        process.kill()
        world.finish(process, KILLED)
        equal(len(json.loads(world.budget_file().read_text())["requests_us"]), count, "requests counted")
    world.call("ingest", "bars", "--once")
    equal(len(world.asked()), 2, "requests")
    world.close()


def test_killed_between_fetch_and_acknowledgement():
    """Killed at moments spread over what follows an answer, again and again: no bar is missing, none comes twice."""
    randomness = random.Random(7)
    world = World()
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_INTRADAY\ninterval: 5min\nsymbols: [IBM, NVDA]\n"
                         "months: 2026-01..2026-03\npartitions: 2\ndatatype: csv\n"
                         "budget: {per_minute: none, per_day: none, spacing: 0 seconds}\n")
    kills = 0
    while True:
        process = world.start("ingest", "bars", "--once")
        delay = randomness.choice([0, 0.002, 0.01, 0.03, 0.06, 0.1, 0.2])
        world.service.on_answer = lambda: (time.sleep(delay), process.kill()) if kills < 25 else None
        out, err = process.communicate(timeout=180)
        world.shown += out + err
        if process.returncode == 0:
            break
        equal(process.returncode, KILLED, err)
        kills += 1
    check(kills > 3, f"killed {kills} times only")
    bars = world.bars("bars")
    for symbol in ("IBM", "NVDA"):
        query = {"function": "TIME_SERIES_INTRADAY", "symbol": symbol, "interval": "5min", "outputsize": "full"}
        times = [when for when in world.service.market.times(query) if "2026-01" <= when[:7] <= "2026-03"]
        newest = world.service.market.times({**query, "outputsize": "compact"})
        found = [bar["exchange_time"] for bar in bars if bar["symbol"] == symbol]
        equal(sorted(found), sorted({*times, *newest}), f"bars of {symbol}")
    world.close()


def test_every_error_shape():
    world = World()
    free = "budget: {per_minute: none, per_day: none, spacing: 0 seconds}\n"
    symbols = ["PREM", "BAD", "NONE", "HTML", "SHORT", "GOOD"]
    world.source("bars", f"topic: bars\nfunction: TIME_SERIES_DAILY\nsymbols: {symbols}\n{free}timeout: 2 seconds\n")
    say = lambda key, text: {"body": json.dumps({key: text})}  # noqa: E731
    world.next(say("Information", "This is a premium endpoint. Your key KEY has no such plan."),
               say("Error Message", "Invalid API call for KEY."), {"body": "{}"},
               {"body": "<html>KEY</html>"}, {"body": '{"Time Series (Daily)": {"2026-07-'},
               {"status": 503}, {"drop": True})
    out, err = world.call("ingest", "bars", "--once")
    for word in ("premium: This is a premium endpoint. Your key *** has", "bad_request: Invalid API call for ***",
                 "empty: ", "garbage: ", "server_error: HTTP status 503", "server_error: no HTTP answer"):
        check(word in err, f"{word!r} is not in {err}")
    equal([bar["symbol"] for bar in world.bars("bars")], ["GOOD"] * 100, "bars")
    equal([seen["symbol"] for seen in world.asked()], symbols + ["GOOD"] * 2, "requests")
    world.call("ingest", "bars", "--once")
    equal(len(world.asked()), 8, "nothing is asked again at once")
    world.source("slow", f"topic: slow\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM]\n{free}timeout: 500 ms\n")
    world.next({"sleep": 3})
    out, err = world.call("ingest", "slow", "--once")
    check("server_error: no HTTP answer: Timeout" in err, err)
    equal(len(world.bars("slow")), 100, "bars after a time-out")
    world.source("elsewhere", f"topic: elsewhere\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM]\n{free}")
    world.next({"status": 302, "headers": {"Location": world.url + "?elsewhere=1"}})
    out, err = world.call("ingest", "elsewhere", "--once")
    check("HTTP status 302" in err, err)
    check(not any("elsewhere" in seen for seen in world.asked()), "a redirect was followed with the key")
    key_is_nowhere(world)
    world.close()


def test_a_day_used_up_and_a_refused_key():
    world = World()
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM, GOOG]\n"
                         "budget: {per_minute: none, per_day: none, spacing: 0 seconds}\n")
    world.service.limit = 1
    out, err = world.call("ingest", "bars", "--once")
    check("day_used_up: We have detected your API key as *** and" in err, err)
    world.call("ingest", "bars", "--once")
    equal(len(world.asked()), 2, "requests")
    world.service.limit = None
    world.let_hours_pass(7)
    world.next({"body": json.dumps({"Error Message": "the parameter apikey KEY is invalid or missing"})})
    for _ in range(2):
        out, err = world.call("ingest", "bars", "--once", code=1)
        check("refused the API key" in err and "is invalid or missing; correct \"api_key\"" in err, err)
    equal(len(world.asked()), 3, "a refused key is not sent again")
    key_is_nowhere(world)
    world.close()


def key_is_nowhere(world):
    check(KEY not in world.shown, "the key was shown")
    for topic in {path.stem.removesuffix("__bad").removesuffix("__requests") for path in world.project.glob("sources/*.yml")}:
        for suffix in ("", "__bad", "__requests"):
            check(KEY not in json.dumps(world.records(topic + suffix)), f"the key is in topic {topic}{suffix}")
    for path in world.folder.rglob("*"):
        check(KEY not in str(path), f"the key is in the name {path}")
        if path.is_file():
            check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")


def test_mission_row_13_the_key_is_nowhere():
    """Not in what is printed, not in topics, tables, events, logs or files; whatever the service echoes."""
    world = World(today=datetime.datetime.now(NEW_YORK).date())
    options = world.example()
    bar = {"1. open": "KEY", "2. high": "1", "3. low": "1", "4. close": "1", "5. volume": "1"}
    world.next({"body": json.dumps({"Time Series (60min)": {"2026-01-05 10:00:00": bar}})},
               {"body": json.dumps({"Error Message": "Invalid API call: symbol=..&k=KEY"})},
               {"body": json.dumps({"Information": "KEY has a premium plan? No: this is a premium endpoint."})},
               {"drop": True}, {"status": 500, "body": "KEY"})
    world.call("run", "--once", *options)
    check(len(world.service.seen) >= 7 and not world.service.next, "all was asked")
    for command in (("validate",), ("table", "list"), ("topic", "list"), ("sql", "SELECT count(*) FROM bronze_weekly")):
        world.call(*command, *options)
    for name in ("bronze_weekly", "bronze_hours", "silver_weekly", "silver_hours"):
        world.call("table", "read", name, *options)
        world.call("table", "history", name, *options)
    for topic in ("alpha_vantage_weekly", "alpha_vantage_hours"):
        for suffix in ("", "__bad", "__requests"):
            world.call("topic", "tail", topic + suffix, "--from", "earliest", "--records", "100000", *options)
    check("*** has a premium plan?" in world.shown, world.shown[:3000])
    check(KEY not in world.shown, "the key was shown")
    for path in world.folder.rglob("*"):
        if path.is_file():
            check(KEY.encode() not in path.read_bytes(), f"the key is in {path}")
    world.close()


def test_https_checks_certificates():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="alpha_vantage_ca_"))

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN=test {name}",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")
    for name, host in (("good", "DNS:localhost"), ("wrong", "DNS:elsewhere.example")):
        (folder / "ext").write_text(f"subjectAltName={host}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650",
                "-extfile", "ext", "-out", f"{name}.pem")
    for certificate, authority, problem in (("good", "ca", None), ("good", "other", "is not trusted"),
                                            ("good", None, "is not trusted"), ("wrong", "ca", "is not trusted"),
                                            ("good", "missing", "cannot be read")):
        world = World(certificate=(folder / f"{certificate}.pem", folder / f"{certificate}.key"))
        line = f"ca_file: {folder / authority}.pem\n" if authority else ""
        world.source("bars", f"topic: bars\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM]\n{line}")
        out, err = world.call("ingest", "bars", "--once", code=1 if problem else 0)
        if problem:
            check(problem in err, err)
            equal(world.asked(), [], "requests")
        else:
            equal(len(world.bars("bars")), 100, "bars over HTTPS")
        check(KEY not in world.shown, "the key was shown")
        world.close()
    shutil.rmtree(folder)


def test_history_is_resumed_and_then_live():
    """--mode initial over two days of the budget, then new bars as they come, without --once."""
    world = World(today=datetime.datetime.now(NEW_YORK).date())
    today = world.service.market.today
    months = [f"{n // 12}-{n % 12 + 1:02}" for n in range(today.year * 12 + today.month - 5, today.year * 12 + today.month)]
    world.source("bars", f"topic: bars\nfunction: TIME_SERIES_INTRADAY\ninterval: 60min\nsymbols: NVDA\n"
                         f"months: last 5\nschedule: every 1 second\nbudget: {{per_minute: none, per_day: 3, spacing: 0 seconds}}\n")
    out, err = world.call("ingest", "bars", "--mode", "initial", "--once")
    check("history: 5 months at 60min of 1 symbol: 5 requests, 0 done" in err and "in about 24 hours" in err, err)
    equal([seen["month"] for seen in world.asked()], months[:3], "months of the first day")
    process = world.start("ingest", "bars", "--mode", "initial")
    while "no request before" not in process.stderr.readline():
        check(process.poll() is None, "it goes on until it is stopped")
    process.terminate()
    world.finish(process)
    world.let_hours_pass(24)
    world.source("bars", (world.project / "sources/bars.yml").read_text().split("\n", 3)[3].replace("per_day: 3", "per_day: none"))
    process = world.start("ingest", "bars", "--mode", "initial")
    while len(world.service.seen) < 7:
        time.sleep(0.02)
    world.service.market.today += datetime.timedelta(days=3 if today.weekday() >= 4 else 1)
    count = len(world.service.seen)
    while len(world.service.seen) < count + 3:
        time.sleep(0.02)
    process.terminate()
    world.finish(process)
    equal([seen.get("month") for seen in world.asked()][:7], months + [None] * 2, "requests")
    query = {"function": "TIME_SERIES_INTRADAY", "symbol": "NVDA", "interval": "60min", "outputsize": "full"}
    expected = [when for when in world.service.market.times(query) if when[:7] >= months[0]]
    equal([bar["exchange_time"] for bar in world.bars("bars")], expected, "bars")
    out, err = world.call("ingest", "bars", "--mode", "live", "--once")
    check("history" not in err, err)
    world.close()


def test_on_kafka():
    """The example on a real broker: killed after each answer, and started again by another process, nothing comes twice."""
    if not KAFKA:
        return "left out: TICKLAKE_TEST_KAFKA is not set"
    world = World(today=datetime.datetime.now(NEW_YORK).date())
    tag = uuid.uuid4().hex[:10]
    topics = {name: f"{tag}-{name}" for name in ("weekly", "hours")}
    options = [*world.example(), "--set", f"kafka.bootstrap={KAFKA}",
               *(word for name, topic in topics.items() for word in ("--set", f"topic.{name}={topic}"))]
    for _ in range(4):
        process = world.start("run", "--once", *options)
        world.service.on_answer = process.kill
        out, err = process.communicate(timeout=180)
        if process.returncode == 0:
            break
    world.service.on_answer = None
    world.call("run", "--once", *options)
    check_hours(world, world.service.market.today)
    equal(len(world.table("bronze_hours")), len(world.table("silver_hours")), "records and bars of hours")
    equal(len(world.table("bronze_weekly")), len(weekly(world.service.market, "IBM")), "records and weeks")
    for topic in topics.values():
        for suffix in ("", "__bad", "__requests"):
            world.call("topic", "delete", topic + suffix, "--yes", *options)
    world.close()


def test_mistakes_are_named():
    world = World()
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM]\n")
    out, err = world.call("validate", key=None)
    missing = "sources/bars.yml:2:10: ${env:ALPHAVANTAGE_API_KEY} has no value: set the environment variable ALPHAVANTAGE_API_KEY"
    check(missing in err, err)
    out, err = world.call("ingest", "bars", "--once", key=None, code=1)
    check(missing in err, err)
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_HOURLY\nsymbols: [IBM]\n")
    out, err = world.call("validate", code=1)
    check("sources/bars.yml:5:11: \"function\" must be one of" in err, err)
    world.source("bars", "topic: bars\nfunction: TIME_SERIES_DAILY\nsymbols: [IBM]\nspacing: 1 second\n")
    out, err = world.call("validate", code=1)
    check("sources/bars.yml:7:1: unknown key \"spacing\"" in err, err)
    (world.project / "sources/bars.yml").write_text("type: synthetic\ntopic: ticks\nrate: 1\n")
    out, err = world.call("ingest", "bars", "--mode", "live", "--once", code=1)
    check("--mode is for sources of the type alpha_vantage" in err, err)
    world.close()


def main():
    names = sys.argv[2:]
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_") and (not names or name in names)]
    failed = 0
    for name, test in tests:
        begun = time.time()
        faulthandler.dump_traceback_later(SECONDS_MAX, exit=True)
        try:
            said = test()
            print(f"ok   {name} ({said or f'{time.time() - begun:.1f} s'})", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    print(f"alpha-vantage: {len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    BINARY = str(pathlib.Path(sys.argv[1]).resolve())
    sys.exit(main())
