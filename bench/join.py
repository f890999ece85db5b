"""A stream joined with a large table, one JSON line a system:
join.py BUILD_DIR [--side N] [--rows N] [--systems plain,ticklake,spark]

The stream: Parquet files of 500,000 rows, half of whose ids are in the table. `plain` is ticklake without the join: what reading and
writing cost. CPU (user and system) and peak RSS are of the whole process. `cpu_per_million` is CPU seconds for a million rows
of the stream. `answer` is count and sums of the joined table, equal for all that join.
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
QUERIES = {"plain": "SELECT id, size, CAST(size AS DOUBLE) AS value FROM {stream}",
           "join": "SELECT s.id, s.size, t.price * s.size AS value FROM {stream} s JOIN {side} t ON s.id = t.id"}


def project(folder, scratch, system):
    folder.mkdir()
    query = QUERIES["plain" if system == "plain" else "join"].format(
        stream=f"STREAM read_files('{scratch}/stream', format => 'parquet', maxFilesPerTrigger => 1)",
        side=f"delta.`{scratch}/side`")
    (folder / "spark-pipeline.yml").write_text(
        f"name: join\nstorage: {folder}/storage\ncatalog: c\ndatabase: d\nlibraries: [{{glob: {{include: all.sql}}}}]\n")
    (folder / "all.sql").write_text(f"CREATE STREAMING TABLE joined AS {query};\n")
    return folder / "storage/tables/c/d/joined"


def command(build, system, scratch):
    target = scratch / system
    if system == "spark":
        return peers.spark("join_spark.py", scratch / "side", scratch / "stream", target, QUERIES["join"]), target
    table = project(target, scratch, system)
    return ([build / "ticklake", "run", "--project", target, "--once"], os.environ), table


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--side", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--systems", default="plain,ticklake,spark")
    args = parser.parse_args()
    build = args.build.resolve()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TICKLAKE_BENCH_DIR")) as scratch:
        scratch = pathlib.Path(scratch)
        subprocess.run([peers.glue_python(), HERE / "peers/join_tables.py", scratch / "side", scratch / "stream",
                        str(args.side), str(args.rows)], check=True)
        answers = set()
        for system in args.systems.split(","):
            (arguments, environment), table = command(build, system, scratch)
            wall, cpu, rss = measured(list(map(str, arguments)), scratch / "answer", scratch / "log", environment)
            figures = {"seconds": round(wall, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": round(rss)}
            if system == "spark":
                figures |= json.loads((scratch / "answer").read_text().splitlines()[-1])
            figures["cpu_per_million"] = round(figures["cpu_s"] / args.rows * 1e6, 2)
            total = subprocess.run([build / "ticklake", "sql", "SELECT count(*) AS n, sum(size) AS sizes, CAST(round(sum(value)) AS "
                                    f"BIGINT) AS value FROM delta.`{table}`"], check=True, capture_output=True, text=True).stdout
            answer = list(json.loads(total).values())
            if system != "plain":
                answers.add(tuple(answer))
            say("join", system=system, side=args.side, rows=args.rows, **figures, answer=answer)
        if len(answers) > 1:
            sys.exit(f"the joined tables differ: {answers}")


main()
