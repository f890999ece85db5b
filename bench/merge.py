"""MERGE of corrections into a large table, one JSON line a system:
merge.py BUILD_DIR [--rows N] [--source N] [--layouts recent,scattered] [--systems ticklake,ticklake-vectors,deltalake,spark]

The table: N trades in files of 250,000, ids ascending. The source: half of its ids are in the table, half are new.
recent:    those in the table are of its last twentieth, so that statistics rule out most files.
scattered: they are spread over all of it, so that every file has some.
ticklake-vectors: with deletion vectors. CPU (user and system) and peak RSS are of the whole process, Spark's without what reading
the answer takes; `seconds` of Python and Spark are of the statement alone. `answer` is count, sum of sizes and sum of ids of the merged table, equal for all.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from measure import measured, say
from peers import peers

HERE = pathlib.Path(__file__).resolve().parent
STATEMENT = ("MERGE INTO delta.`{table}` AS t USING delta.`{source}` AS s ON t.id = s.id "
             "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")


def command(build, system, table, source):
    if system.startswith("ticklake"):
        return [build / "ticklake", "sql", STATEMENT.format(table=table, source=source)], os.environ
    if system == "deltalake":
        return [peers.glue_python(), HERE / "peers/merge_deltalake.py", table, source], os.environ
    return peers.spark("merge_spark.py", STATEMENT.format(table=table, source=source))


def with_vectors(table):
    """Lets deletion vectors be used, as if the table had been created so."""
    first = table / "_delta_log/00000000000000000000.json"
    actions = [json.loads(line) for line in first.read_text().splitlines()]
    for action in actions:
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                                  "writerFeatures": ["deletionVectors"]}
        if "metaData" in action:
            action["metaData"]["configuration"] = {"delta.enableDeletionVectors": "true"}
    first.unlink()  # a link to another copy's
    first.write_text("".join(json.dumps(action) + "\n" for action in actions))


def merged(build, system, scratch):
    table, source = scratch / system, scratch / "source"
    shutil.copytree(scratch / "table", table, copy_function=os.link)
    if system == "ticklake-vectors":
        with_vectors(table)
    arguments, environment = command(build, system, table, source)
    wall, cpu, rss = measured(arguments, scratch / "answer", scratch / "log", environment)
    figures = {"seconds": round(wall, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": round(rss)}
    own = json.loads((scratch / "answer").read_text().splitlines()[-1])
    figures |= {name: own[name] for name in figures if name in own}
    total = subprocess.run([build / "ticklake", "sql", "SELECT count(*) AS n, sum(size) AS sizes, sum(id) AS ids FROM "
                            f"delta.`{table}`"], check=True, capture_output=True, text=True).stdout
    shutil.rmtree(table)
    return figures | {"answer": list(json.loads(total).values())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--source", type=int, default=10_000)
    parser.add_argument("--layouts", default="recent,scattered")
    parser.add_argument("--systems", default="ticklake,ticklake-vectors,deltalake,spark")
    args = parser.parse_args()
    for layout in args.layouts.split(","):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
            scratch = pathlib.Path(scratch)
            subprocess.run([peers.glue_python(), HERE / "peers/merge_tables.py", scratch / "table", scratch / "source", layout,
                            str(args.rows), str(args.source)], check=True)
            answers = set()
            for system in args.systems.split(","):
                figures = merged(args.build.resolve(), system, scratch)
                answers.add(tuple(figures["answer"]))
                say("merge", system=system, layout=layout, rows=args.rows, source=args.source, **figures)
            if len(answers) != 1:
                sys.exit(f"the merged tables differ: {answers}")


main()
