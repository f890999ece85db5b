#!/usr/bin/env python3
"""Two engines, one answer: PYTHON tests/two_engines/run.py TICKLAKE [--spark SPARK PIPELINES KAFKA] [--record] [--filter TEXT] [--keep]

Each folder here is a small project: pipeline.sql, the files that it reads (in/) and the records of its topics (topics/TOPIC.PARTITION, a
record a line); what is in 2/, 3/ and so on comes later, each taken by one more run. After each run every table must equal that which
Apache Spark makes of the exported project, in its columns' types and row for row. A file `fails` has words that say why the last run stops.
The tables have to be plain, too: what warehouses can read (tests/peer/row_24_plain_tables.py).
options.json may name other transformations, tables to leave out, the configuration, and columns that move from run to run.

Without --spark the answers are those in spark.txt, recorded from Spark; topics are embedded. With it (folders that tools/setup.sh peers
brings) Spark runs each project beside ticklake, topics are those of a real Kafka, and spark.txt has to be what Spark says now; --record
writes it anew. PYTHON is that of the readers (tools/setup.sh test), which read the tables of both. The last line counts the projects."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tests/peer"))

import read_table
import row_24_plain_tables
import spark_pipelines
from spark_server import Spark

OURS_ALONE = ("__cdc", "__quarantine", "__late")  # endings of tables that only ticklake makes
FIRST_TIME = 1_767_225_600  # of the oldest file; they are read in the order of their times


class Failed(Exception):
    pass


def check(good, message):
    if not good:
        raise Failed(message)


def type_text(kind):
    """A type of a Delta schema, as SQL writes it."""
    if isinstance(kind, str):
        return kind
    if kind["type"] == "array":
        return f"array<{type_text(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"map<{type_text(kind['keyType'])},{type_text(kind['valueType'])}>"
    return "struct<" + ",".join(f"{field['name']}:{type_text(field['type'])}" for field in kind["fields"]) + ">"


def read(path):
    """The columns of a Delta table, then its rows in the order of their texts."""
    from deltalake import DeltaTable
    fields = json.loads(DeltaTable(str(path)).schema().to_json())["fields"]
    columns = ", ".join(f"{field['name']} {type_text(field['type'])}" for field in fields)
    return [columns, *sorted(read_table.rows_of(str(path), None))]


def tables_below(folder):
    return {path.parent.name: read(path.parent) for path in sorted(folder.glob("*/_delta_log"))}


def at_rest(runs, columns):
    """The tables with nothing in some columns: what is another time in each run, as a broker's timestamp."""
    blank = re.compile("(" + "|".join(f'"{column}":' for column in columns) + ')"[^"]*"')
    return {run: {name: [lines[0], *sorted(blank.sub(r'\1""', line) for line in lines[1:])] if columns else lines
                  for name, lines in tables.items()} for run, tables in runs.items()}


class Answers:
    """The tables after each run, as in spark.txt."""

    def __init__(self, path):
        self.path = path
        self.runs = {}
        for block in (path.read_text().split("\n\n") if path.exists() else []):
            head, *lines = block.strip("\n").split("\n")
            run, table = re.fullmatch(r"-- run (\d) (\w+)", head).groups()
            self.runs.setdefault(int(run), {})[table] = lines

    def write(self):
        blocks = ["\n".join([f"-- run {run} {table}", *lines]) for run, tables in self.runs.items() for table, lines in tables.items()]
        self.path.write_text("\n\n".join(blocks) + "\n")


class Project:
    def __init__(self, source, folder, options, kafka):
        self.source, self.folder, self.options, self.kafka = source, folder, options, kafka
        self.exported = folder / "spark" / source.name
        self.project = folder / "project"
        self.said = json.loads((source / "options.json").read_text()) if (source / "options.json").exists() else {}
        self.files = 0

    def make(self):
        self.project.mkdir(parents=True)
        if "transformations" in self.said:
            shutil.copytree(ROOT / self.said["transformations"], self.project / "transformations")
        else:
            (self.project / "transformations").mkdir()
            shutil.copy(self.source / "pipeline.sql", self.project / "transformations")
        settings = {"kafka.bootstrap": self.kafka or "embedded", **self.said.get("configuration", {})}
        (self.project / "spark-pipeline.yml").write_text(
            f"name: {self.source.name}\nstorage: storage\nlibraries:\n  - glob:\n      include: transformations/**\nconfiguration:\n" +
            "".join(f"  {name}: {json.dumps(value)}\n" for name, value in settings.items()))
        self.arrive(self.source)

    def arrive(self, source):
        for path in sorted((source / "in").rglob("*")):
            if path.is_file():
                to = self.project / path.relative_to(source)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)
                self.files += 1
                os.utime(to, (FIRST_TIME + self.files, FIRST_TIME + self.files))
        topics = {}
        for path in sorted((source / "topics").glob("*")):
            topics.setdefault(path.stem, []).append(path)
        for topic, partitions in topics.items():
            if source == self.source:
                self.ticklake("topic", "create", topic, "--partitions", str(len(partitions)))
            for path in partitions:
                self.ticklake("topic", "produce", topic, "--partition", path.suffix[1:], "--file", str(path))

    def ask(self, *arguments):
        return subprocess.run([self.options.binary, *arguments, "--project", str(self.project)], capture_output=True, text=True, timeout=600)

    def ticklake(self, *arguments):
        done = self.ask(*arguments)
        check(done.returncode == 0, f"ticklake {' '.join(arguments)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")

    def export(self):
        without = ["--without", self.said["without"]] if "without" in self.said else []
        self.ticklake("export", "spark", "--to", str(self.exported), *without)
        path = self.exported / "spark-pipeline.yml"
        path.write_text(path.read_text().replace("database: default", f"database: {self.source.name}"))

    def run(self, why):
        """`why`: what it says when it stops, or None."""
        if not why:
            return self.ticklake("run", "--once")
        done = self.ask("run", "--once")
        check(done.returncode == 1 and why in done.stderr, f"expected exit 1 and '{why}', exit {done.returncode}: {done.stderr}")
        return None

    def tables(self):
        without = self.said.get("without", "").split(",")
        tables = tables_below(next(self.project.glob("storage/tables/*/*")))
        return {name: lines for name, lines in tables.items() if not name.endswith(OURS_ALONE) and name not in without}


def difference(ours, theirs):
    """What tells the tables of two engines apart, or None."""
    if ours.keys() != theirs.keys():
        return f"tables {sorted(ours)}, in Spark {sorted(theirs)}"
    for table, lines in theirs.items():
        mine = ours[table]
        if mine[0] != lines[0]:
            return f"{table}: columns {mine[0]}\n  in Spark {lines[0]}"
        if mine != lines:
            only, other = list(mine[1:]), []
            for line in lines[1:]:
                if line in only:
                    only.remove(line)
                else:
                    other.append(line)
            parts = [f"{table}: {len(mine) - 1} rows, {len(lines) - 1} in Spark", *(f"  only here: {line}" for line in only[:5]),
                     *(f"  only in Spark: {line}" for line in other[:5])]
            return "\n".join(parts)
    return None if theirs else "no table was compared"


def expectations_left_out(tables):
    """What counts rows that an expectation keeps; ticklake has it in its event log."""
    return {name: lines for name, lines in tables.items() if not name.endswith("__expectations")}


class Runner:
    def __init__(self, options, folder):
        self.options, self.folder, self.spark, self.kafka = options, folder, None, None
        if options.spark:
            done = subprocess.run([ROOT / "tools/kafka.sh", "start", folder / "kafka"], capture_output=True, text=True, check=True)
            self.kafka = done.stdout.split()[-1]

    def spark_answers(self, project, turn, why):
        if self.spark is None:
            spark, pipelines, kafka = self.options.spark
            conf = self.folder / "spark"
            shutil.copytree(project.exported / "conf", conf / "conf")
            # Not the INT96 of old, which the reader does not know before 1677 and after 2262.
            spark_pipelines.settings(conf, spark, [kafka / "jars"], ["spark.sql.parquet.outputTimestampType TIMESTAMP_MICROS"])
            text = (conf / "conf/spark-defaults.conf").read_text()
            (conf / "conf/spark-defaults.conf").write_text(text.replace(str(project.exported), str(conf)))
            self.spark = Spark(spark, pipelines, conf, self.folder / "spark.log")
        problem = self.spark.run(project.exported)
        if why:
            check(problem, f"Spark does not stop in run {turn}")
        else:
            check(problem is None, f"Spark's run {turn} stops: {problem}")
        return expectations_left_out(tables_below(self.folder / f"spark/warehouse/{project.source.name}.db"))

    def play(self, source):
        project = Project(source, self.folder / source.name, self.options, self.kafka)
        project.exported = self.folder / "exported" / source.name
        answers = Answers(source / "spark.txt")
        recorded = dict(answers.runs)
        project.make()
        moving = project.said.get("moving", [])
        if self.options.spark:
            answers.runs = {}
            project.export()
        problems = []
        runs = 1 + len([path for path in source.iterdir() if path.name.isdigit()])
        for turn in range(1, runs + 1):
            fails = source / "fails"
            why = fails.read_text().strip() if turn == runs and fails.exists() else None
            if turn > 1:
                project.arrive(source / str(turn))
            project.run(why)
            try:
                check(row_24_plain_tables.check_all(project.project / "storage"), "no table")
            except row_24_plain_tables.Exotic as problem:
                problems.append(f"run {turn}: {problem}")
            if self.options.spark:
                answers.runs[turn] = self.spark_answers(project, turn, why)
            ours = {turn: project.tables()}
            if not self.options.spark:
                ours = at_rest(ours, moving)
            problem = difference(ours[turn], answers.runs.get(turn, {}))
            if problem:
                problems.append(f"run {turn}: {problem}")
        answers.runs = at_rest(answers.runs, moving)
        if self.options.record:
            answers.write()
        elif answers.runs != recorded:
            problems.append("spark.txt is not what Spark says now; run with --record and look at what differs")
        return problems

    def stop(self):
        if self.spark:
            self.spark.stop()
        if self.kafka:
            subprocess.run([ROOT / "tools/kafka.sh", "stop", self.folder / "kafka"], capture_output=True)


def result(runner, source):
    try:
        problems = runner.play(source)
    except Failed as problem:
        problems = [str(problem)]
    except Exception as problem:  # of one project; the others go on
        problems = [f"{type(problem).__name__}: {problem}"]
    for problem in problems:
        print(f"FAILED {source.name}: {problem}", flush=True)
    if not problems:
        print(f"ok {source.name}", flush=True)
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--spark", nargs=3, type=lambda text: pathlib.Path(text).resolve(), metavar=("SPARK", "PIPELINES", "KAFKA"))
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--filter", default="")
    parser.add_argument("--keep", action="store_true", help="leave the files where they are")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    sources = [path for path in sorted(HERE.iterdir()) if (path / "in").is_dir() or (path / "topics").is_dir()]
    sources = [path for path in sources if re.search(options.filter, path.name)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ticklake-two-engines-"))
    runner = Runner(options, folder)
    try:
        with ThreadPoolExecutor(1 if options.spark else 2) as pool:
            results = list(pool.map(lambda source: result(runner, source), sources))
    finally:
        runner.stop()
        if options.keep:
            print(f"its files: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    name = "two-engines-spark" if options.spark else "two-engines"
    print(f"{name}: {sum(results)} passed, {len(results) - sum(results)} failed", flush=True)
    return 0 if results and all(results) else 1


code = main()
sys.stdout.flush()
os._exit(code)  # without the reader's own clean-up, whose threads sometimes abort the process
