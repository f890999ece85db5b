"""`ticklake export spark`: the exported project gives the same tables on Apache Spark. export_spark_test.py TICKLAKE SPARK PIPELINES

SPARK, PIPELINES: folders that tools/setup.sh peers brings; Spark with Delta, and what spark-pipelines needs beside it. Both
engines run the project beside this file over the same files, twice: some come later. Every table is compared row for row."""
import csv
import io
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

import spark_pipelines

HERE = pathlib.Path(__file__).resolve().parent
TICKLAKE, SPARK, PIPELINES = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
TABLES = ["bronze_ticks", "bars", "silver_ticks", "candles", "daily", "compared", "close_price", "newest", "prices", "united"]
SYMBOLS = ["AAPL", "GOOG", "IBM", "MSFT"]


def ticks(first, count, dice):
    """A tick each half second, up to eight seconds out of order, some of them broken."""
    lines = []
    for seq in range(first, first + count):
        second = max(0, seq / 2 - dice.choice([0, 0, 0, 8]))
        ts = f"2026-01-05T14:{int(second) // 60:02}:{second % 60:04.1f}Z"
        price = dice.choice(["-1", "null", '"much"']) if seq % 40 == 7 else f"{100 + dice.random():.4f}"
        lines.append(f'{{"symbol":" {dice.choice(SYMBOLS).lower()}","ts":"{ts}","price":{price},"size":{dice.randrange(1, 99)},"seq":{seq}}}')
    return "\n".join([*lines, "no JSON", ""])


def bars(count, dice):
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["symbol", "day", "close", "op"])
    for _ in range(count):
        delisted = dice.random() < 0.1
        rows.writerow([dice.choice(SYMBOLS), f"2026-01-{dice.randrange(1, 28):02}", "" if delisted else dice.choice(["10.50", "20.50", "30.50"]),
                       "delisted" if delisted else ""])
    return out.getvalue()


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=1200, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def rows(table):
    return sorted(run(TICKLAKE, "table", "read", table, "--output", "jsonl").stdout.splitlines())


def run_spark(exported):
    command = spark_pipelines.packages(SPARK) / "pyspark/bin/spark-pipelines"
    done = run(command, "--remote", "local[1]", "run", cwd=exported, env=spark_pipelines.environment(exported, SPARK, PIPELINES))
    assert "Run is COMPLETED" in done.stdout + done.stderr, done.stderr[-3000:]


def compare(project, exported):
    for table in TABLES:
        ours, theirs = rows(project / "storage/tables/ticklake/default" / table), rows(exported / "warehouse" / table)
        assert len(ours) > 1 and ours == theirs, (f"{table}: {len(ours)} rows here, {len(theirs)} in Spark; only here: "
                                                  f"{[row for row in ours if row not in theirs][:5]}; only in Spark: {[row for row in theirs if row not in ours][:5]}")
        print(f"ok   {table}: {len(ours)} rows", flush=True)
    odd = [row for row in rows(project / "storage/tables/ticklake/default/silver_ticks") if re.search(r'"size":\d*[13579]\b', row)]
    counts = rows(exported / "warehouse/silver_ticks__expectations")
    assert len(counts) == 1 and f'"name":"even_size"' in counts[0] and f'"failed_records":{len(odd)}' in counts[0], counts


def main():
    dice = random.Random(4)
    with tempfile.TemporaryDirectory(prefix="ticklake-export-") as folder:
        project, exported = pathlib.Path(folder) / "project", pathlib.Path(folder) / "exported"
        shutil.copytree(HERE / "export_spark", project)
        for name in ("ticks", "bars"):
            (project / "in" / name).mkdir(parents=True)
        (project / "in/ticks/1.txt").write_text(ticks(0, 600, dice))
        (project / "in/bars/1.csv").write_text(bars(60, dice))
        told = run(TICKLAKE, "export", "spark", "--project", project, "--to", exported).stderr
        assert "close_price: Spark's SQL has no AUTO CDC" in told and "silver_ticks: Spark has no quarantine" in told, told
        spark_pipelines.settings(exported, SPARK)
        for turn in (1, 2):
            run(TICKLAKE, "run", "--once", "--project", project)
            run_spark(exported)
            compare(project, exported)
            (project / f"in/ticks/{turn + 1}.txt").write_text(ticks(600 * turn, 600, dice))
            (project / f"in/bars/{turn + 1}.csv").write_text(bars(60, dice))
    print("export-spark: 1 passed, 0 failed")


if __name__ == "__main__":
    main()
