"""Whole-path benchmarks, one JSON line each:
run.py BUILD_DIR [--ticks N] [--brokers embedded,kafka] [--only NAME,..] [--soak N] [--peers spark,glue]

catch_up: N ticks already in a topic (4 partitions) -> bronze, silver and one-minute gold, each a Delta table, exactly once.
          CPU is ticklake's own (user + system); the broker shares the machine. A broker just started is read once before.
start:    process start -> first row committed to bronze, one record in the topic.
visible:  5,000 and 50,000 ticks a second, tables that commit every 100 ms: record's timestamp -> its row in the Delta log of
          silver; the tick that closes a window -> the window's row in that of gold.
live:     5,000 ticks a second appended -> the open bar on the event stream of run --serve; tables commit each second.
soak:     N commits of ten rows on one table with all maintenance on; commit times at its start and end, opening it, memory.
          A clock goes a second a commit: once with retentions of an hour, so that log and files are cleaned up meanwhile,
          once with Delta's defaults (7 and 30 days).

On Kafka, catch_up and the slower visible are also run by the systems of --peers (bench/peers): the same ticks in the same
topic, the same tables, one after the other on the same machine. `other_than_ours`: windows that differ.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from measure import REPO, measured, python, say
from peers import peers

HERE = pathlib.Path(__file__).resolve().parent
TABLES = "storage/tables/bench/main"  # of bench/project
STAGES = ("consume", "sql", "parquet", "state", "commit")


def project_in(directory):
    shutil.copytree(HERE / "project", directory / "project", dirs_exist_ok=True)
    return directory / "project"


def fill(build, bootstrap, project, count, *rate):
    subprocess.run([build / "bench/bench_ticks", bootstrap, project / "storage/topics", "ticks", str(count),
                    *map(str, rate)], check=True)


def make_topic(build, bootstrap, project):
    subprocess.run([build / "ticklake", "topic", "create", "ticks", "--project", project, "--set",
                    f"kafka.bootstrap={bootstrap}", "--partitions", "4"], check=True, capture_output=True)


def asked(*arguments):
    return json.loads(subprocess.run([python(), *arguments], check=True, capture_output=True, text=True).stdout)


def catch_up(build, bootstrap, label, count, others):
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        project = project_in(scratch)
        fill(build, bootstrap, project, count)
        answer = scratch / "flows.json"
        run = [build / "ticklake", "run", "--once", "--output", "json", "--set", f"kafka.bootstrap={bootstrap}", "--project"]
        cold = {}
        if label == "kafka":  # a broker that has just been started compiles its code first, whoever reads
            wall, _, _ = measured([*run, project_in(scratch / "cold")], answer, scratch / "log")
            cold = {"ticks_per_s_broker_just_started": round(count / wall)}
        wall, cpu, rss = measured([*run, project], answer, scratch / "log")
        flows = {flow["flow"].split(".")[-1]: flow for flow in json.loads(answer.read_text())}
        stages = {f"{name}.{stage}": round(flow[f"{stage}_ms"] / 1e3 / (count / 1e6), 3)
                  for name, flow in flows.items() for stage in STAGES if flow[f"{stage}_ms"] > 0}
        rows = {name: flow["rows_out"] for name, flow in flows.items()}
        say("catch_up", broker=label, ticks=count, seconds=round(wall, 2), ticks_per_s=round(count / wall), **cold,
            core_s_per_million=round(cpu / (count / 1e6), 3), peak_rss_mib=round(rss), rows=rows,
            stage_s_per_million=stages)
        for name in others:
            tables = scratch / name
            figures = peers.once(name, bootstrap, tables, scratch / "log")
            say("catch_up", system=name, broker=label, ticks=count, seconds=figures["seconds"],
                seconds_with_start=figures["seconds_with_start"], ticks_per_s=round(count / figures["seconds"]),
                core_s_per_million=round(figures["cpu_s"] / (count / 1e6), 3), peak_rss_mib=figures["peak_rss_mib"],
                **asked(HERE / "peers/compare.py", project / TABLES, tables))


def start(build, bootstrap, label):
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        project = project_in(scratch)
        fill(build, bootstrap, project, 1)
        log = project / TABLES / "bronze/_delta_log/00000000000000000001.json"
        begun = time.monotonic()
        with open(scratch / "log", "w") as out:
            process = subprocess.Popen([build / "ticklake", "run", "--project", project, "--set",
                                        f"kafka.bootstrap={bootstrap}"], stdout=out, stderr=out)
            while not log.exists() and process.poll() is None and time.monotonic() - begun < 60:
                time.sleep(0.001)
            seconds = time.monotonic() - begun
            seen = log.exists()
            process.terminate()
            process.wait()
        if not seen:
            sys.exit("no row was committed:\n" + (scratch / "log").read_text()[-2000:])
        say("start", broker=label, seconds_to_first_commit=round(seconds, 3))


def live(build, bootstrap, label, rate, seconds):
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        project = project_in(scratch)
        setting = f"kafka.bootstrap={bootstrap}"
        make_topic(build, bootstrap, project)
        log = scratch / "log"
        process = subprocess.Popen([build / "ticklake", "run", "--project", project, "--set", setting, "--serve",
                                    "127.0.0.1:0"], stderr=log.open("w"))
        try:
            end = time.monotonic() + 60
            while not (found := re.search(r"live page: http://127\.0\.0\.1:(\d+)/", log.read_text())):
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit("no live page:\n" + log.read_text()[-2000:])
                time.sleep(0.01)
            answer = subprocess.run([build / "bench/bench_live", bootstrap, project / "storage/topics", "ticks", str(rate),
                                     str(seconds), found[1]], check=True, capture_output=True, text=True)
        finally:
            process.terminate()
            _, _, usage = os.wait4(process.pid, 0)
        figures = json.loads(answer.stdout)
        took = figures.pop("seconds")
        say("live", broker=label, ticks_per_s=round(rate * seconds / took), seconds=took, **figures,
            cores=round((usage.ru_utime + usage.ru_stime) / took, 2), peak_rss_mib=round(usage.ru_maxrss / 1024))


def soak(build, commits):
    for retention in (3600, 0):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
            done = subprocess.run([build / "bench/bench_soak", f"{scratch}/table", str(commits), str(retention)],
                                  check=True, capture_output=True, text=True)
        say("soak", retention_s=retention, **json.loads(done.stdout))


def visible(build, bootstrap, label, rate, seconds):
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        project = project_in(scratch)
        settings = ["--set", f"kafka.bootstrap={bootstrap}", "--set", "ticklake.pace=100 ms"]
        make_topic(build, bootstrap, project)
        with open(scratch / "log", "w") as log:
            process = subprocess.Popen([build / "ticklake", "run", "--project", project, *settings], stderr=log)
        try:
            fill(build, bootstrap, project, rate * seconds, rate)
            time.sleep(2)
        finally:
            process.terminate()
            _, _, usage = os.wait4(process.pid, 0)
        say("visible", broker=label, ticks_per_s=rate, seconds=seconds, **asked(HERE / "latency.py", project / TABLES, "5"),
            cpu_share=round((usage.ru_utime + usage.ru_stime) / seconds, 2), peak_rss_mib=round(usage.ru_maxrss / 1024))


def visible_elsewhere(build, bootstrap, name, rate, seconds):
    """The same by another system. Longer: it starts with the first ticks, and needs time to get even with them."""
    seconds = max(seconds, 75)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        project = project_in(scratch)
        make_topic(build, bootstrap, project)
        fill(build, bootstrap, project, 1000)  # what the first commits are made of
        with peers.Live(name, bootstrap, scratch / "tables", scratch / "log") as live:
            fill(build, bootstrap, project, rate * seconds, rate)
            time.sleep(30)
        say("visible", system=name, broker="kafka", ticks_per_s=rate, seconds=seconds,
            **asked(HERE / "latency.py", scratch / "tables", str(seconds // 2)),
            cpu_share=round(live.figures["cpu_s"] / live.figures["seconds"], 2), peak_rss_mib=live.figures["peak_rss_mib"])


def with_kafka(work):
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as directory:
        kafka = [REPO / "tools/kafka.sh"]
        subprocess.run([*kafka, "start", directory], check=True, stdout=sys.stderr)
        try:
            return work("127.0.0.1:" + (pathlib.Path(directory) / "port").read_text().strip())
        finally:
            subprocess.run([*kafka, "stop", directory], stdout=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--ticks", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=int, default=40, help="of the live benchmarks")
    parser.add_argument("--only", default="start,catch_up,visible,live")
    parser.add_argument("--brokers", default="embedded,kafka")
    parser.add_argument("--peers", default="spark,glue", help="other systems beside ours on Kafka; empty: none")
    parser.add_argument("--soak", type=int, default=20_000, help="commits; 0: none")
    args = parser.parse_args()
    build = args.build.resolve()
    for label in args.brokers.split(","):
        others = [name for name in args.peers.split(",") if name and label == "kafka"]
        benches = [("start", lambda b: start(build, b, label)),
                   ("catch_up", lambda b: catch_up(build, b, label, args.ticks, others)),
                   ("visible", lambda b: visible(build, b, label, 5000, args.seconds)),
                   ("visible", lambda b: visible(build, b, label, 50000, args.seconds)),
                   ("live", lambda b: live(build, b, label, 5000, args.seconds))]
        benches += [("visible", lambda b, name=name: visible_elsewhere(build, b, name, 5000, args.seconds)) for name in others]
        for name, bench in benches:
            if name in args.only.split(","):
                bench("embedded") if label == "embedded" else with_kafka(bench)
    if args.soak:
        soak(build, args.soak)


main()
