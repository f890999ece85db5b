#!/usr/bin/env python3
"""Runs the end-to-end scripts: tests/e2e/run.py [--binary B] [--filter TEXT] [--mode M,..] [--rewrite] [-j N].

Each script gives one answer in every mode:
  straight  as it is written
  killed    the program ends after every step that worked, as if killed, and is started again
  parallel  each run is made from the same start with each number of threads; all tables come out equal
  kafka     on a real broker (TICKLAKE_TEST_KAFKA=host:port; left out without it)
  peer      the tables of a straight run, read at every version by deltalake
  spark     the same by Apache Spark with delta-spark; only where it is asked for
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import uuid

import peer
from sandbox import Failed, Sandbox, unescaped
from script import MODES, BadScript, parse

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def value_text(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return peer.compact(value)
    return str(value)


def rows_text(output):
    return [" ".join(value_text(value) for value in peer.loads(line).values()) for line in output.splitlines()]


class Run:
    """One script in one mode."""

    def __init__(self, script, mode, options):
        self.script, self.mode, self.options = script, mode, options
        self.folder = tempfile.mkdtemp(prefix=f"ticklake-e2e-{script.path.stem}-{mode}-")
        self.box = Sandbox(options.binary, self.folder, mode, options.kafka)
        self.rewrites = []  # (first line, end, new lines)

    def go(self):
        for step in self.script.steps:
            try:
                getattr(self, "do_" + step.words[0])(step)
            except Failed as failure:
                raise Failed(f"{self.script.path.name}:{step.line}: {' '.join(step.words)}\n{failure}") from None
        if self.mode in ("peer", "spark"):
            peer.compare(self.box, self.options.readers[self.mode])

    def check_words(self, step, code, out, err, wanted=1):
        if code != wanted:
            raise Failed(f"exit {code} where {wanted} was expected\n{err[-2000:]}")
        if out.strip():
            raise Failed(f"rows were printed beside a refusal: {out[:500]}")
        err = err.replace(self.box.prefix, "") if self.box.prefix else err
        for words in step.block:
            if words.strip() and words.strip() not in err:
                raise Failed(f"expected words: {words.strip()}\nin:             {err.strip()[-2000:]}")

    def run_to_end(self, *options):
        if self.mode != "parallel":
            return self.box.run_to_end(*options)
        start = self.folder + "-start"
        shutil.copytree(self.folder, start)
        try:
            return self.run_at_each_parallelism(start, *options)
        finally:
            shutil.rmtree(start)

    def run_at_each_parallelism(self, start, *options):
        # Sources stamp their records with the time of the run, so only the script's queries can compare those.
        comparable = all(step.words[0] != "source" for step in self.script.steps)
        first = None
        for threads in self.options.parallelism:
            shutil.rmtree(self.folder)
            shutil.copytree(start, self.folder)
            ended = self.box.run_to_end("--set", f"ticklake.parallelism={threads}", *options)
            tables = {}
            if comparable:
                tables = {root.relative_to(self.folder): self.box.rows_of(root) for root in self.box.tables()}
            first = first or (threads, ended[0], tables)
            if ended[0] != first[1]:
                raise Failed(f"exit {ended[0]} with {threads} threads, {first[1]} with {first[0]}\n{ended[2][-2000:]}")
            for name in sorted(tables.keys() | first[2].keys()):
                if ended[0] == 0 and tables.get(name) != first[2].get(name):
                    raise Failed(f"table {name} with {threads} threads:\n{tables.get(name)}\n"
                                 f"with {first[0]}:\n{first[2].get(name)}")
        return ended

    def check_ok(self, code, err):
        if code != 0:
            raise Failed(f"exit {code}\n{err[-3000:]}")

    # ---- directives

    def do_pipeline(self, step):
        if len(step.words) > 1:
            self.box.write_pipeline((HERE / "pipelines" / step.words[1]).read_text())
        else:
            self.box.write_pipeline("\n".join(step.block) + "\n")

    def do_set(self, step):
        key, _, value = " ".join(step.words[1:]).partition("=")
        if key == "storage":
            self.box.storage = value
        else:
            self.box.settings[key] = value
        self.box.write_spec()

    def do_topic(self, step):
        options = dict(word.split("=") for word in step.words[2:])
        self.box.create_topic(step.words[1], options.get("partitions", "1"))

    def do_produce(self, step):
        options = dict(word.split("=", 1) for word in step.words[2:] if "=" in word)
        escaped = "escaped" in step.words
        lines = [unescaped(line) if escaped else line.encode() for line in step.block]
        self.box.produce(step.words[1], lines, options.get("partition"), options.get("key"))

    def do_source(self, step):
        self.box.write_source(step.words[1], "\n".join(step.block) + "\n")

    def do_file(self, step):
        lines = [unescaped(line) if "escaped" in step.words else line.encode() for line in step.block]
        content = b"\n".join(lines)
        if lines and "unterminated" not in step.words:
            content += b"\n"
        self.box.write(step.words[1], content)
        if "older" in step.words:  # than every other
            os.utime(self.box.folder / step.words[1], (86400, 86400))

    def do_files(self, step):
        text = "\n".join(step.block) + "\n"
        for n in range(int(step.words[2])):
            self.box.write(step.words[1].replace("{n}", str(n)), text.replace("{n}", str(n)).encode())

    def do_remove(self, step):
        path = self.box.folder / step.words[1]
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    def do_corrupt(self, step):
        entry = self.box.table_root(step.words[1]) / "_delta_log" / f"{int(step.words[3]):020}.json"
        entry.write_bytes(entry.read_bytes()[:40] + b"\x00garbage")

    def do_run(self, step):
        if step.words[1] == "fails":
            how = " ".join(step.words[2:])
            call = {"": self.run_to_end,
                    "while running": self.box.run_beside_another,
                    "on a full disk": self.box.run_on_a_full_disk,
                    "in a read-only directory": self.box.run_in_a_read_only_directory}[how]
            self.check_words(step, *call())
            return
        options = []
        if step.words[1:3] == ["full", "refresh"]:
            options = ["--full-refresh", step.words[3]]
            self.check_ok(*self.run_to_end(*options)[::2])
            return
        if step.words[-1] == "sources":
            options = ["--no-ingest"]
        code, _, err = self.run_to_end(*options)
        self.check_ok(code, err)

    def do_validate(self, step):
        code, out, err = self.box.call("validate", *self.box.project())
        if "fails" in step.words:
            self.check_words(step, code, out, err)
        else:
            self.check_ok(code, err)

    def do_command(self, step):
        if step.words[1] == "passes":
            code, out, err = self.box.call(*step.words[2:])
            self.check_ok(code, err)
            for words in step.block:
                if words.strip() not in out:
                    raise Failed(f"expected words: {words.strip()}\nin:             {out[-2000:]}")
        elif step.words[1] == "fails":
            code, out, err = self.box.call(*step.words[2:])
            if step.words[2] == "test":  # what failed are its rows
                out, err = "", out + err
            self.check_words(step, code, out, err)
        else:
            self.check_words(step, *self.box.call(*step.words[3:]), wanted=2)

    def do_replay(self, step):
        words = shlex.split(" ".join(step.words[1:]))
        code, out, err = self.box.to_end("quarantine", "replay", *words, *self.box.project())
        self.check_ok(code, err)
        for words in step.block:  # of a run that was killed the last one tells only its own part
            if self.mode != "killed" and words.strip() and words.strip() not in out:
                raise Failed(f"expected words: {words.strip()}\nin:             {out[-2000:]}")

    def do_append(self, step):
        cut = step.block.index("----") if "----" in step.block else len(step.block)
        self.box.write("rows.jsonl", "".join(line + "\n" for line in step.block[:cut]).encode())
        arguments = ("table", "append", step.words[1], "--rows", "rows.jsonl", *self.box.project())
        if step.words[-1] == "twice":  # at once
            both = [self.box.start(self.box.command(*arguments)) for _ in range(2)]
            for process in both:
                code, _, err = self.box.finish(process)
                self.check_ok(code, err)
        elif step.words[-1] == "fails":
            words = type(step)(step.words, step.block[cut + 1:], step.line, step.block_line)
            self.check_words(words, *self.box.call(*arguments))
        else:
            self.box.expect(*arguments)

    PROTOCOL = '{"minReaderVersion":1,"minWriterVersion":2}'

    def do_delta(self, step):
        """Another program's table: its version 0, or a later one that changes its columns and properties."""
        version = int(step.words[3]) if "version" in step.words else 0
        fields, partitions, properties, protocol = [], [], {}, self.PROTOCOL
        for line in step.block:
            word, _, rest = line.partition(" ")
            if word == "property":
                name, _, value = rest.partition("=")
                properties[name] = value
            elif word == "protocol":
                protocol = rest
            elif rest:
                partitions += [word] if rest.endswith(" partition") else []
                kind = rest.removesuffix(" partition")
                fields.append({"name": word, "type": kind, "nullable": True, "metadata": {}})
        schema = json.dumps({"type": "struct", "fields": fields})
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, step.words[1] + ("again" if "again" in step.words else "")))
        metadata = {"id": identity, "format": {"provider": "parquet", "options": {}}, "schemaString": schema,
                    "partitionColumns": partitions, "configuration": properties, "createdTime": 1767600000000}
        info = {"timestamp": 1767600000000 + version, "operation": "SET TBLPROPERTIES" if version else "CREATE TABLE",
                "operationParameters": {}}
        lines = [json.dumps({"commitInfo": info}), json.dumps({"metaData": metadata})]
        if not version or protocol != self.PROTOCOL:
            lines.append('{"protocol":' + protocol + "}")
        if not version:
            shutil.rmtree(self.box.folder / step.words[1], ignore_errors=True)
        entry = f"{step.words[1]}/_delta_log/{version:020}.json"
        self.box.write(entry, "".join(line + "\n" for line in lines).encode())
        if not (self.box.folder / "transformations/pipeline.sql").exists():  # statements alone need a project, too
            self.box.write_pipeline("CREATE TEMPORARY VIEW one AS SELECT 1 AS n;\n")

    def do_change(self, step):
        cut = step.block.index("----") if "----" in step.block else len(step.block)
        code, out, err = self.box.call("sql", "\n".join(step.block[:cut]), *self.box.project(), "--output", "jsonl")
        words = type(step)(step.words, step.block[cut + 1:], step.line, step.block_line)
        if "fails" in step.words:
            self.check_words(words, code, out, err)
            return
        self.check_ok(code, err)
        for line in words.block:
            if line.strip() not in out:
                raise Failed(f"expected words: {line.strip()}\nin:             {out[-2000:]}")

    def do_table(self, step):
        output = self.box.expect("table", step.words[1], *step.words[2:], *self.box.project(), "--output", "json")
        for words in step.block:
            if words.strip() and words.strip() not in output:
                raise Failed(f"expected words: {words.strip()}\nin:             {output.strip()}")

    def do_query(self, step):
        if "fails" in step.words:
            cut = step.block.index("----") if "----" in step.block else len(step.block)
            code, out, err = self.box.call("sql", "\n".join(step.block[:cut]), *self.box.project())
            step = type(step)(step.words, step.block[cut + 1:], step.line, step.block_line)
            self.check_words(step, code, out, err)
            return
        if "----" not in step.block:
            raise Failed("a query needs a line ---- and its rows")
        cut = step.block.index("----")
        text, expected = "\n".join(step.block[:cut]), step.block[cut + 1:]
        output = self.box.expect("sql", text, *self.box.project(), "--output", "jsonl")
        found = rows_text(output.replace(self.box.prefix, "") if self.box.prefix else output)
        if not re.search(r"\border\s+by\b", text, re.I):
            found.sort()
        self.rewrites.append((step.block_line + cut + 1, step.block_line + len(step.block), found))
        if found != expected and not self.options.rewrite:
            raise Failed("expected rows:\n" + "\n".join(expected) + "\nfound:\n" + "\n".join(found))

    def rewrite(self):
        lines = list(self.script.lines)
        for first, end, rows in reversed(self.rewrites):
            lines[first:end] = rows
        self.script.path.write_text("\n".join(lines) + "\n")


def run_one(script, mode, options):
    """Nothing where it passed, else why not."""
    run = Run(script, mode, options)
    problem = None
    try:
        run.go()
        if options.rewrite and mode == "straight":
            run.rewrite()
    except Failed as failure:
        problem = str(failure)
    except Exception as error:  # the runner's own mistake is a failure of the test too
        problem = f"{type(error).__name__}: {error}"
    finally:
        run.box.delete_topics()
    if script.known_failure:
        problem = None if problem else f"known to fail ({script.known_failure}), but it passed"
    if problem and options.keep:
        problem += f"\nkept: {run.folder}"
    else:
        shutil.rmtree(run.folder, ignore_errors=True)
    return problem


def parsed_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/release/ticklake", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    parser.add_argument("--mode", default="")
    parser.add_argument("--rewrite", action="store_true", help="put the rows found into the scripts")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed scripts")
    parser.add_argument("--parallelism", default="1,3", help="numbers of threads of the parallel mode")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    options.parallelism = [int(number) for number in options.parallelism.split(",")]
    options.kafka = os.environ.get("TICKLAKE_TEST_KAFKA", "")
    options.readers = {"peer": peer.find_deltalake(), "spark": peer.find_spark()}
    return options


def wanted_modes(options):
    modes = options.mode.split(",") if options.mode else list(MODES)
    if options.rewrite:
        modes = ["straight"]
    if "kafka" in modes and not options.kafka:
        print("e2e: TICKLAKE_TEST_KAFKA is not set: the runs on Kafka are left out")
        modes.remove("kafka")
    for mode, setup in (("peer", "test"), ("spark", "peers")):
        if mode in modes and not options.readers[mode]:
            print(f"e2e: the readers are not installed (tools/setup.sh {setup}): {mode} runs are left out")
            modes.remove(mode)
    return modes


def main():
    options = parsed_options()
    modes = wanted_modes(options)
    try:
        scripts = [parse(path) for path in sorted(HERE.glob("**/*.test")) if options.filter in path.name]
    except BadScript as problem:
        sys.exit(str(problem))
    jobs = [(script, mode) for script in scripts for mode in modes
            if mode in script.modes or (mode == "spark" and "peer" in script.modes)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(run_one, script, mode, options): (script, mode) for script, mode in jobs}
        for future in concurrent.futures.as_completed(futures):
            script, mode = futures[future]
            problem = future.result()
            if problem:
                failed += 1
                print(f"FAILED {script.path.stem} ({mode})\n{problem}\n", flush=True)
    name = "e2e-spark" if modes == ["spark"] else "e2e"
    print(f"{name}: {len(jobs) - failed} passed, {failed} failed")
    return 1 if failed or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
