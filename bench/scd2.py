"""SCD type 2 of changes of which some come late, one JSON line a system:
scd2.py BUILD_DIR [--keys N] [--rows N] [--rows-per-file N] [--late PERCENT] [--systems ticklake,spark]

The changes: Parquet files, of which each batch takes one; first each key once, then changes of keys drawn from all. The late ones come
up to three files after their place. CPU (user and system) and peak RSS are of the whole process, and Spark's `seconds` are without its start.
`answer` is count and sums of the history; it must be that of one query over all changes.
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

HERE = pathlib.Path(__file__).resolve().parent
ANSWER = ("SELECT count(*) AS n, sum(price) AS prices, sum(__START_AT % 1009 * price) AS starts, "
          "sum(__END_AT % 1009 * price) AS ends, count(__END_AT) AS closed FROM {history}")
BATCH = ("(SELECT id, price, seq AS __START_AT, lead(seq) OVER (PARTITION BY id ORDER BY seq) AS __END_AT "
         "FROM read_files('{scratch}/changes', format => 'parquet'))")


def project(folder, scratch):
    folder.mkdir()
    (folder / "spark-pipeline.yml").write_text(
        f"name: scd2\nstorage: {folder}/storage\ncatalog: c\ndatabase: d\nlibraries: [{{glob: {{include: all.sql}}}}]\n")
    (folder / "all.sql").write_text(
        "CREATE STREAMING TABLE history;\n"
        "CREATE FLOW follow AS AUTO CDC INTO history\n"
        f"FROM STREAM read_files('{scratch}/changes', format => 'parquet', maxFilesPerTrigger => 1)\n"
        "KEYS (id) SEQUENCE BY seq COLUMNS * EXCEPT (seq) STORED AS SCD TYPE 2;\n")
    return folder / "storage/tables/c/d/history"


def command(build, system, scratch):
    target = scratch / system
    if system == "spark":
        return peers.spark("scd2_spark.py", scratch / "changes", target), target
    table = project(target, scratch)
    return ([build / "ticklake", "run", "--project", target, "--once"], os.environ), table


def asked(build, text):
    done = subprocess.run([build / "ticklake", "sql", text], check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout).values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rows-per-file", type=int, default=100_000)
    parser.add_argument("--late", type=int, default=5)
    parser.add_argument("--systems", default="ticklake,spark")
    args = parser.parse_args()
    build = args.build.resolve()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        subprocess.run([peers.glue_python(), HERE / "peers/scd2_changes.py", scratch / "changes", str(args.keys), str(args.rows),
                        str(args.rows_per_file), str(args.late)], check=True)
        expected = asked(build, ANSWER.format(history=BATCH.format(scratch=scratch)))
        for system in args.systems.split(","):
            (arguments, environment), table = command(build, system, scratch)
            wall, cpu, rss = measured(list(map(str, arguments)), scratch / "answer", scratch / "log", environment)
            figures = {"seconds": round(wall, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": round(rss)}
            if system == "spark":
                figures |= json.loads((scratch / "answer").read_text().splitlines()[-1])
            answer = asked(build, ANSWER.format(history=f"delta.`{table}`"))
            say("scd2", system=system, keys=args.keys, rows=args.rows, late=args.late, **figures, answer=answer)
            if answer != expected:
                sys.exit(f"{system}'s history is not that of one query over all changes: {expected}")


main()
