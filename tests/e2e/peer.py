"""Every table of a run, at every version, as ticklake reads it and as a reader that did not come from us."""
import decimal
import json
import os
import pathlib
import subprocess
import threading

READER = pathlib.Path(__file__).resolve().parent.parent / "peer" / "read_table.py"


def cache():
    found = os.environ.get("TICKLAKE_CACHE")
    return pathlib.Path(found or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") /
                        "ticklake")


def find_deltalake():
    python = cache() / "python-readers-1/venv/bin/python"
    return Deltalake(python) if python.exists() else None


def find_spark():
    home = cache() / "spark-4.2.0"
    return Spark(home / "venv/bin/python", home / "jars") if (home / ".complete").exists() else None


class Number(str):
    """A JSON number with its digits as they were written."""


def loads(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def compact(value):
    """JSON text in which numbers keep their digits."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key) + ":" + compact(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def canonical(value):
    """Equal for equal values, however each side writes its numbers."""
    if isinstance(value, Number):
        return "#" + str(decimal.Decimal(value).normalize())
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={canonical(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value)


def rows(lines):
    return sorted(canonical(loads(line)) for line in lines)


def versions_of(root, box):
    """The versions that the log still holds, from its start or its first checkpoint on."""
    log = pathlib.Path(root) / "_delta_log"
    first = 0
    if not (log / f"{0:020}.json").exists():
        first = min(int(path.name[:20]) for path in log.glob("*.checkpoint*.parquet"))
    newest = json.loads(box.expect("table", "describe", str(root), "--output", "json"))["version"]
    return range(first, newest + 1)


class Deltalake:
    """Answers with deltalake, a process for each question."""

    name = "deltalake"

    def __init__(self, python):
        self.python = python

    def ask(self, wanted):
        asked = "".join(f"{version}\t{root}\n" for root, version in wanted)
        reader = subprocess.run([str(self.python), str(READER)], input=asked, capture_output=True, text=True,
                                timeout=300)
        answers = reader.stdout.splitlines()
        problem = reader.stderr[-2000:] if reader.returncode or len(answers) != len(wanted) else ""
        return answers, problem


class Spark:
    """Answers with Apache Spark: one process, which starts slowly, for all who ask."""

    name = "Spark"

    def __init__(self, python, jars):
        self.command = [str(python), str(READER.with_name("spark_read.py")), str(jars)]
        self.lock = threading.Lock()
        self.process = None

    def ask(self, wanted):
        with self.lock:
            if not self.process:
                self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                stderr=subprocess.DEVNULL, text=True)
            answers = []
            for root, version in wanted:
                self.process.stdin.write(f"{version}\t{root}\n")
                self.process.stdin.flush()
                answers.append(self.process.stdout.readline().rstrip("\n"))
                if not answers[-1].startswith("["):
                    return answers, f"{root} version {version}: {answers[-1] or 'Spark ended'}"
            return answers, ""


def compare(box, reader):
    from sandbox import Failed
    wanted = [(str(root), version) for root in box.tables() for version in versions_of(root, box)]
    if not wanted:
        return
    answers, problem = reader.ask(wanted)
    if problem:
        raise Failed(f"{reader.name} could not read what was written: {problem}")
    for (root, version), answer in zip(wanted, answers):
        theirs = rows(compact(row) for row in loads(answer))
        ours = rows(box.expect("table", "read", root, "--version", str(version), "--output", "jsonl").splitlines())
        if ours != theirs:
            differing = [f"ours   {row}" for row in ours if row not in theirs][:3]
            differing += [f"theirs {row}" for row in theirs if row not in ours][:3]
            raise Failed(f"{pathlib.Path(root).name} version {version}: {len(ours)} rows as ticklake reads it, "
                         f"{len(theirs)} as {reader.name} reads it\n" + "\n".join(differing))
