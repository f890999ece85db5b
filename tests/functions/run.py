"""Every function and operator against Spark's answers: run.py TICKLAKE PYTHON [--filter TEXT]

TICKLAKE is the program; PYTHON one that has deltalake, which writes the input tables. Each case of answers.jsonl and each
query of queries.jsonl is one `ticklake sql`; the last line counts them."""
import argparse
import json
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

HERE = pathlib.Path(__file__).parent
# Java's StrictMath and libm may differ in the last places of these.
NEARLY = re.compile(r"\b(exp|ln|log|log10|log2|pow|power|std\w*|var\w*)\(|\b(sum|avg)\(f\)")
# Error classes whose name the message of a failing query must carry.
NAMED = ("DIVIDE_BY_ZERO", "ARITHMETIC_OVERFLOW", "CAST_INVALID_INPUT")



# Where ours is known to differ. Each runs and must differ, so that a mended one is noticed.
KNOWN = {
    "row: upper(s)": "the upper case of the letter \u00df is \u1e9e here, SS in Spark",
    "row: ucase(s)": "the same",
}


class Pairs(dict):
    """An object of JSON that remembers each of its pairs: columns may share a name."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs


def same(ours, theirs, kind, nearly):
    if isinstance(theirs, dict) and set(theirs) == {"decimal"}:
        scale = re.fullmatch(r"decimal\(\d+,(\d+)\)", kind)
        return (isinstance(ours, (int, Decimal)) and ours == Decimal(theirs["decimal"])
                and (not scale or -Decimal(ours).as_tuple().exponent == int(scale[1])))
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and ours.keys() == theirs.keys() and all(
            same(ours[k], theirs[k], "", nearly) for k in theirs)
    if kind == "timestamp_ntz" and theirs is not None:
        return ours == theirs.removesuffix("Z")
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(
            same(o, t, "", nearly) for o, t in zip(ours, theirs))
    if isinstance(theirs, float) and isinstance(ours, (int, Decimal)) and not isinstance(ours, bool):
        ours = float(ours)
        if nearly:
            return math.isclose(ours, theirs, rel_tol=1e-12)
        return ours == theirs or (kind == "float" and struct.pack("f", ours) == struct.pack("f", theirs))
    return type(ours) is type(theirs) and ours == theirs


def ask(binary, tables, kind, text):
    sql = f"SELECT {text} AS answer FROM different ORDER BY id" if kind == "row" else text
    sql = re.sub(r"\b(FROM|JOIN) (rows|different)\b(?! AS)", rf"\1 delta.`{tables}/\2` AS \2", sql)
    sql = re.sub(r"\b(FROM|JOIN) (rows|different) AS", rf"\1 delta.`{tables}/\2` AS", sql)
    sql = re.sub(r"\bTABLE (rows|different)\b", rf"TABLE delta.`{tables}/\1`", sql)
    done = subprocess.run([binary, "sql", "--project", tables, sql, "--output", "jsonl"], capture_output=True, text=True, timeout=120)
    read = [json.loads(line, parse_float=Decimal, object_pairs_hook=Pairs) for line in done.stdout.splitlines()]
    names = [name for name, _ in read[0].pairs] if read else None
    return done.returncode, names, [[value for _, value in row.pairs] for row in read], done.stderr.strip()


def problem(binary, tables, case):
    """None where ours is Spark's answer, else what differs."""
    kind, text = case["case"].split(": ", 1) if "case" in case else ("query", case["query"])
    code, names, rows, errors = ask(binary, tables, kind, text)
    if "refused" in case:
        return None if code == 1 and case["refused"] in errors else f"expected a refusal with '{case['refused']}': {errors}"
    if "error" in case:
        named = [name for name in NAMED if name in case["error"]]
        if code != 1 or rows:
            return f"expected a refusal ({case['error']}), exit code {code}, {len(rows)} rows"
        if named and not any(name in errors for name in named):
            return f"expected [{case['error']}] in: {errors}"
        return None if errors else "refused without a word"
    if code != 0:
        return f"failed: {errors}"
    nearly, types = bool(NEARLY.search(text)), case["types"]
    if kind == "row":
        rows, answers = [r[0] for r in rows], case["answers"]
        for i, theirs in enumerate(answers):
            if i >= len(rows) or not same(rows[i], theirs, types[0], nearly):
                return f"row {i}: Spark {theirs!r}, ours {rows[i] if i < len(rows) else 'no row'!r} ({types[0]})"
        return None if len(rows) == len(answers) else f"{len(rows)} rows, Spark {len(answers)}"
    if "names" in case and names is not None and names != case["names"]:
        return f"columns {sorted(set(names) - set(case['names']))}, Spark {sorted(set(case['names']) - set(names))}"
    if "ordered" in case:
        for i, theirs in enumerate(case["answers"]):
            if i >= len(rows) or not all(same(o, t, k, nearly) for o, t, k in zip(rows[i], theirs, types)):
                return f"row {i}: Spark {theirs!r}, ours {rows[i] if i < len(rows) else 'no row'!r}"
    left = list(rows)
    for theirs in case["answers"]:
        found = next((r for r in left if len(r) == len(theirs)
                      and all(same(o, t, k, nearly) for o, t, k in zip(r, theirs, types))), None)
        if found is None:
            return f"Spark has {theirs!r}; ours, of those left: {left[:3]!r}"
        left.remove(found)
    return f"rows that Spark has not: {left[:3]!r}" if left else None


def title(case):
    return case.get("case") or case["query"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("python")
    parser.add_argument("--filter", default="")
    args = parser.parse_args()
    cases = [json.loads(line) for name in ("answers", "queries") for line in (HERE / f"{name}.jsonl").read_text().splitlines()]
    cases = [case for case in cases if args.filter in title(case)]
    with tempfile.TemporaryDirectory() as tables:
        (pathlib.Path(tables) / "spark-pipeline.yml").write_text(
            "name: functions\nstorage: storage\nlibraries:\n  - glob:\n      include: transformations/**\n")
        (pathlib.Path(tables) / "transformations").mkdir()
        (pathlib.Path(tables) / "transformations/one.sql").write_text("CREATE MATERIALIZED VIEW one AS SELECT 1 AS x;\n")
        subprocess.run([args.python, str(HERE / "make_tables.py"), tables], check=True, cwd=HERE)
        with ThreadPoolExecutor(2) as pool:
            problems = list(pool.map(lambda case: problem(args.binary, tables, case), cases))
    failed = []
    for case, why in zip(cases, problems):
        if title(case) in KNOWN:
            why = None if why else f"is mended: take it out of KNOWN ({KNOWN[title(case)]})"
        if why:
            failed.append((case, why))
    for case, why in failed:
        print(f"FAILED {title(case)}\n       {why}")
    print(f"functions: {len(cases) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed or not cases else 0)


main()
