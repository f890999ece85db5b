"""What read_files() gives for files, against Spark's reader: run.py TICKLAKE [--filter TEXT]

answers.jsonl holds Spark's schemas and rows (spark_answers.py). Each case is two runs of `ticklake sql`; the last line
counts them."""
import argparse
import base64
import decimal
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from cases import CASES

HERE = pathlib.Path(__file__).parent

# Where ours is known to differ. Each runs and must differ, so that a mended one is noticed.
KNOWN = {
    "csv: doubles as Java writes them": "hexadecimal numbers are text here",
    "csv: timestamps cut short": "a time without a date is text here; Spark adds the day of the run",
    "csv: values that do not fit": "the same",
    "json: multiLine, broken": "the objects before the break are rows here; Spark drops the whole file",
}


def plain_type(text):
    return text.replace(" ", "").upper()


def same(ours, theirs):
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if ours is None or theirs is None or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, str) and isinstance(theirs, str):
        if ours == theirs:
            return True
        time = theirs.replace(" ", "T")
        if ours in (time, time + "Z"):
            return True
        try:
            return same(float(ours), theirs)
        except ValueError:
            return False
    if isinstance(theirs, str):  # a decimal or a double
        theirs = float(theirs) if any(c in theirs for c in "enif") else decimal.Decimal(theirs)
    if isinstance(theirs, decimal.Decimal) and isinstance(ours, (int, decimal.Decimal)):
        return ours == theirs
    ours, theirs = float(ours), float(theirs)
    return ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def ask(binary, folder, sql, output):
    return subprocess.run([binary, "sql", sql, "--output", output], cwd=folder, capture_output=True, text=True, timeout=120)


def problem(binary, case, answer):
    with tempfile.TemporaryDirectory() as folder:
        directory = pathlib.Path(folder) / "in"
        directory.mkdir()
        for name, content in case["files"].items():
            (directory / name).write_bytes(content.encode())
        for name in case.get("data", ()):
            shutil.copy(HERE / "data" / f"{name}.parquet", directory)
        options = {"inferColumnTypes": "true"} | case["options"]
        options.pop("mergeSchema", None)  # always so here
        if "inferSchema" in options:
            options["inferColumnTypes"] = options.pop("inferSchema")
        if case["schema"]:
            options["schema"] = case["schema"]
            del options["inferColumnTypes"]
        else:
            options["schemaEvolutionMode"] = "none"
        given = "".join(f", {name} => {quoted(value)}" for name, value in options.items())
        call = f"read_files('in', format => '{case['format']}'{given})"
        if "error" not in answer and not answer["schema"]:
            return ""  # a file with nothing in it: Spark gives no columns
        types = "".join(f", typeof(`{name}`) AS t{i}" for i, (name, _) in enumerate(answer.get("schema", [])))
        done = ask(binary, folder, f"SELECT *{types} FROM {call}", "jsonl")
        if "error" in answer:
            return "" if done.returncode == 1 else f"Spark refuses with {answer['error']}, here:\n{done.stdout}"
        if done.returncode != 0:
            return done.stderr.strip()
        rows = [json.loads(line, parse_float=decimal.Decimal) for line in done.stdout.splitlines()]
        for row in rows:
            for i, (name, kind) in enumerate(answer["schema"]):
                found = row.pop(f"t{i}")
                if kind == "binary" and row[name] is not None:
                    row[name] = base64.b64decode(row[name]).hex()
                if plain_type(found) != plain_type(kind):
                    return f"{name} is of type {found}, in Spark {kind}"
        left = list(answer["rows"])
        for row in rows:
            match = next((other for other in left if list(row) == list(other) and same(row, other)), None)
            if match is None:
                return f"a row that Spark does not give: {row}\nSpark: {answer['rows']}"
            left.remove(match)
        return f"rows are missing: {left}" if left else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    binary = str(pathlib.Path(options.binary).resolve())
    answers = {answer["name"]: answer for answer in map(json.loads, (HERE / "answers.jsonl").read_text().splitlines())}
    cases = [case for case in CASES if options.filter in case["name"]]
    with ThreadPoolExecutor(2) as pool:
        problems = list(pool.map(lambda case: problem(binary, case, answers[case["name"]]), cases))
    failed = 0
    for case, text in zip(cases, problems):
        known = case["name"] in KNOWN
        if bool(text) == known:
            continue
        failed += 1
        print(f"FAILED {case['name']}: {text or 'a known failure passes: take it out of KNOWN'}")
    print(f"read-files: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
