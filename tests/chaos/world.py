"""What the rounds of chaos are about: a project from source to gold, the program that runs it, and a broker to kill."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS_MAX = 120  # what takes longer will never come
TABLES = ("bronze", "silver", "silver__quarantine", "gold", "totals")

SPEC = """\
name: chaos
storage: storage
catalog: c
database: d
libraries:
  - glob:
      include: transformations/**
configuration:
  kafka.bootstrap: {bootstrap}
"""
SOURCE = """\
type: synthetic
topic: ticks
partitions: 3
symbols: 12
seed: {seed}
rate: 300
backfill: 2 minutes
backfill_rate: 600
disorder: {{lateness: 3 seconds, share: 0.1}}
bad_share: 0.02
"""
SQL = """\
CREATE STREAMING TABLE bronze TBLPROPERTIES ('ticklake.pace' = '100 ms') AS
SELECT CAST(value AS STRING) AS value, partition, offset
FROM STREAM read_kafka(bootstrapServers => '${kafka.bootstrap}', subscribe => 'ticks', startingOffsets => 'earliest');

CREATE STREAMING TABLE silver (
  CONSTRAINT whole EXPECT (symbol IS NOT NULL AND ts IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT positive EXPECT (price > 0) ON VIOLATION DROP ROW
) TBLPROPERTIES ('ticklake.pace' = '100 ms', 'ticklake.quarantine' = 'undecodable,errors,expectations') AS
SELECT tick.symbol, tick.ts, tick.price, tick.size, tick.seq, partition, offset FROM (
  SELECT from_json(value, 'symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, seq BIGINT') AS tick,
    partition, offset
  FROM STREAM bronze);

CREATE STREAMING TABLE gold TBLPROPERTIES ('ticklake.pace' = '100 ms') AS
SELECT symbol, window.start AS start, count(*) AS trades, sum(size) AS volume, max(price) AS high,
  min_by(seq, struct(ts, seq)) AS first
FROM STREAM silver WATERMARK ts DELAY OF INTERVAL 1 MINUTE
GROUP BY window(ts, '2 seconds'), symbol;

CREATE MATERIALIZED VIEW totals AS SELECT symbol, count(*) AS trades, sum(size) AS volume FROM silver GROUP BY symbol;
"""


class Failed(Exception):
    pass


def check(truth, text):
    if not truth:
        raise Failed(text)


def until(condition, what, seconds=SECONDS_MAX):
    """Asks until it is so; everything asked about is another process's doing."""
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(0.005)


class Broker:
    """A Kafka of its own, started by tools/kafka.sh, that can be killed as a power cut of its process would."""

    def __init__(self, folder):
        self.folder = folder
        self.call("start", folder)
        self.port = (folder / "port").read_text().strip()
        self.address = f"127.0.0.1:{self.port}"

    def call(self, *arguments):
        done = subprocess.run([ROOT / "tools/kafka.sh", *map(str, arguments)], capture_output=True, text=True)
        check(done.returncode == 0, f"kafka.sh {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def signal(self, number):
        os.kill(int((self.folder / "pid").read_text().split()[0]), number)

    def kill(self):
        pid = int((self.folder / "pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not is_alive(pid) and not answers(self.port), "the end of a killed broker")

    def restart(self):
        self.call("start", self.folder, self.port)

    def stop(self):
        self.call("stop", self.folder)


def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", int(port))) == 0


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Project:
    def __init__(self, folder, bootstrap, seed):
        self.folder, self.storage = folder, folder / "storage"
        self.write("spark-pipeline.yml", SPEC.format(bootstrap=bootstrap))
        self.write("sources/ticks.yml", SOURCE.format(seed=seed))
        self.write("transformations/all.sql", SQL)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def table(self, name):
        return self.storage / "tables/c/d" / name

    def version(self, name):
        """Of the newest entry of the log; -1: none. Reads names only."""
        names = [path.name for path in (self.table(name) / "_delta_log").glob("*.json")]
        return max((int(name[:20]) for name in names if name[:20].isdigit()), default=-1)


class Program:
    """`ticklake run` of a project, started again and again; what all of them said is kept."""

    # Why it may end by itself while a broker is away: it refuses to start, or to open what it had not opened yet.
    OUTAGE = re.compile(r"no Kafka broker answers at|hung up when spoken to|had not recovered when the run ended|"
                        r"gives no records, though it has some|cannot .* in Kafka at .*: ")

    def __init__(self, binary, project, environment=None):
        self.binary, self.project = binary, project
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(project.folder), "LC_ALL": "C.UTF-8",
                            **(environment or {})}
        self.log = project.folder / "run.log"
        self.process, self.starts, self.refusals, self.acknowledged = None, 0, 0, 0

    def start(self):
        self.since = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("a") as out:
            self.process = subprocess.Popen([self.binary, "run"], cwd=self.project.folder, env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.starts += 1

    def text(self):
        """What the one that runs now has said."""
        with self.log.open(errors="replace") as file:
            file.seek(self.since)
            return file.read()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def see_end(self):
        """Of one that has ended: what its source had told to be sent, and why it ended if nobody killed it."""
        text, code = self.text(), self.process.returncode
        sent = re.findall(r"(?m)^source ticks: .* records/s, ([\d,]+) sent", text)
        self.acknowledged += int(sent[-1].replace(",", "")) if sent else 0
        check("it and what reads it stop" not in text, f"a flow gave up:\n{text[-3000:]}")
        check("it has stopped; correct this" not in text, f"the source gave up:\n{text[-3000:]}")
        if code == -signal.SIGKILL:
            return
        self.refusals += 1
        check(code == 1 and self.OUTAGE.search(text), f"it ended by itself with {code}:\n{text[-3000:]}")

    def ensure(self):
        if self.runs():
            return
        if self.process is not None:
            self.see_end()
        self.start()

    def kill(self):
        if not self.runs():
            return
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.see_end()
        self.process = None

    def once(self):
        """To the end of what there is; also of what a source was sending when it was killed."""
        done = subprocess.run([self.binary, "run", "--once"], cwd=self.project.folder, env=self.environment,
                              capture_output=True, text=True, timeout=SECONDS_MAX * 2)
        check(done.returncode == 0, f"run --once: exit {done.returncode}\n{done.stderr[-3000:]}")
        return done.stderr
