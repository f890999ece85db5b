"""A million windows that are open at once, one JSON line a system:
windows.py BUILD_DIR [--windows N] [--rows N] [--systems ticklake,spark]

The stream: Parquet files of 500,000 rows of 100,000 keys, in ten minutes of event time, so that each file has rows of all windows; a
last row two hours later closes them all. ticklake also stores the stream in a bronze table; Spark aggregates it straight from the files.
CPU (user and system) and peak RSS are of the whole process. `answer` is count and sums of the windows' table, equal for all.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from measure import measured, say
from peers import peers

ROWS_PER_FILE = 500_000
MINUTES = 10
QUERY = ("SELECT key, window.start AS minute, count(*) AS n, sum(size) AS size, max(price) AS high, min(price) AS low "
         "FROM {stream} GROUP BY window(ts, '1 minute'), key")


def make_stream(folder, windows, rows):
    """Keys and minutes are drawn so that all windows come early in each file's order, and stay open."""
    script = """
import pathlib, sys, duckdb
folder, windows, rows, per_file, minutes = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
folder.mkdir()
columns = ("(hash(range, 1) % {k})::BIGINT AS key, make_timestamptz((1767225600 + (hash(range, 2) % {s})::BIGINT) * 1000000) AS ts, "
           "(1 + hash(range, 3) % 100)::BIGINT AS size, (1 + hash(range, 4) % 10000)::DOUBLE / 100 AS price"
           ).format(k=windows // minutes, s=60 * minutes)
first = 0
for file in range((rows + per_file - 1) // per_file):
    last = min(first + per_file, rows)
    duckdb.sql(f"COPY (SELECT {columns} FROM range({first}, {last})) TO '{folder}/{file:05}.parquet' (FORMAT parquet)")
    first = last
duckdb.sql("COPY (SELECT -1::BIGINT AS key, make_timestamptz((1767225600 + 7200) * 1000000::BIGINT) AS ts, 1::BIGINT AS size, "
           f"1::DOUBLE AS price) TO '{folder}/99999.parquet' (FORMAT parquet)")
"""
    subprocess.run([peers.glue_python(), "-c", script, folder, str(windows), str(rows), str(ROWS_PER_FILE), str(MINUTES)],
                   check=True)


def project(folder, stream):
    folder.mkdir()
    (folder / "spark-pipeline.yml").write_text(
        f"name: windows\nstorage: {folder}/storage\ncatalog: c\ndatabase: d\nlibraries: [{{glob: {{include: all.sql}}}}]\n")
    query = QUERY.format(stream="STREAM ticks WATERMARK ts DELAY OF INTERVAL 1 HOUR")
    (folder / "all.sql").write_text(
        f"CREATE STREAMING TABLE ticks AS SELECT key, ts, size, price FROM STREAM read_files('{stream}', format => 'parquet', "
        f"maxFilesPerTrigger => 1);\nCREATE STREAMING TABLE bars AS {query};\n")
    return folder / "storage/tables/c/d/bars"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--windows", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--systems", default="ticklake,spark")
    args = parser.parse_args()
    build = args.build.resolve()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        make_stream(scratch / "stream", args.windows, args.rows)
        answers = set()
        for system in args.systems.split(","):
            target = scratch / system
            if system == "spark":
                arguments, environment = peers.spark("windows_spark.py", scratch / "stream", target, QUERY)
            else:
                table = project(target, scratch / "stream")
                arguments, environment = [build / "ticklake", "run", "--project", target, "--once"], os.environ
            wall, cpu, rss = measured(list(map(str, arguments)), scratch / "answer", scratch / "log", environment)
            figures = {"seconds": round(wall, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": round(rss)}
            if system == "spark":
                table = target
                figures |= json.loads((scratch / "answer").read_text().splitlines()[-1])
            total = subprocess.run([build / "ticklake", "sql", "SELECT count(*) AS windows, sum(n) AS n, sum(size) AS size, CAST(round("
                                    f"sum(high + low)) AS BIGINT) AS prices FROM delta.`{table}`"], check=True, capture_output=True,
                                   text=True).stdout
            answer = list(json.loads(total).values())
            answers.add(tuple(answer))
            say("windows", system=system, windows=args.windows, rows=args.rows, **figures, answer=answer)
        if len(answers) > 1:
            sys.exit(f"the tables differ: {answers}")


main()
