"""Every function and operator against Spark's answers: run.py TICKLAKE PYTHON [--filter TEXT]

TICKLAKE is the program; PYTHON one that has deltalake, which writes the input tables. Each case of answers.jsonl and each
query of queries.jsonl is one `ticklake sql`, but many `row:` cases that Spark answers are columns of one, over the 5,000
rows; where such a query fails or differs, its cases are asked one by one. The last line counts the cases."""
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
NEARLY = re.compile(r"\b(exp|ln|log|log10|log2|pow|power|std\w*|var\w*|a?(cos|sin|tan)h?|atan2|cot|csc|sec|cbrt|hypot|expm1|log1p"
                    r"|skewness|kurtosis|corr|covar_\w+|regr_\w+)\(|\b(sum|avg)\(f\)")
# Error classes whose name the message of a failing query must carry.
NAMED = ("DIVIDE_BY_ZERO", "ARITHMETIC_OVERFLOW", "CAST_INVALID_INPUT", "INVALID_ARRAY_INDEX", "DUPLICATED_MAP_KEY",
         "ILLEGAL_SEQUENCE_BOUNDARIES")

# Where ours is known to differ. Each runs and must differ, so that a mended one is noticed.
KNOWN = {}


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
    sql = f"SELECT {text} AS answer, typeof({text}) AS type FROM different ORDER BY id" if kind == "row" else text
    sql = re.sub(r"\b(FROM|JOIN) (rows|different)\b(?! AS)", rf"\1 delta.`{tables}/\2` AS \2", sql)
    sql = re.sub(r"\b(FROM|JOIN) (rows|different) AS", rf"\1 delta.`{tables}/\2` AS", sql)
    sql = re.sub(r"\bTABLE (rows|different)\b", rf"TABLE delta.`{tables}/\1`", sql)
    done = subprocess.run([binary, "sql", "--project", tables, sql, "--output", "jsonl"], capture_output=True, text=True, timeout=120)
    read = [json.loads(line, parse_float=Decimal, object_pairs_hook=Pairs) for line in done.stdout.splitlines()]
    names = [name for name, _ in read[0].pairs] if read else None
    return done.returncode, names, [[value for _, value in row.pairs] for row in read], done.stderr.strip()


def row_problem(rows, case, nearly):
    """`rows` are pairs of a value and its type."""
    answers, types = case["answers"], case["types"]
    for i, theirs in enumerate(answers):
        if i >= len(rows) or not same(rows[i][0], theirs, types[0], nearly):
            return f"row {i}: Spark {theirs!r}, ours {rows[i][0] if i < len(rows) else 'no row'!r} ({types[0]})"
    if len(rows) != len(answers):
        return f"{len(rows)} rows, Spark {len(answers)}"
    return None if rows[0][1] == types[0] else f"of type {rows[0][1]}, Spark's {types[0]}"


def together(binary, tables, cases):
    """Whether `row:` cases give Spark's answers as columns of one query over the 5,000 rows."""
    texts = [case["case"].split(": ", 1)[1] for case in cases]
    columns = "".join(f", {text} AS c{i}, typeof({text}) AS t{i}" for i, text in enumerate(texts))
    code, _, rows, _ = ask(binary, tables, "query", f"SELECT id AS row_id{columns} FROM rows")
    if code != 0 or len(rows) < 5000:
        return False
    by_id = {}
    for row in rows:
        if by_id.setdefault(row[0], row) != row:
            return False
    firsts = [by_id[number] for number in sorted(by_id)]
    return all(row_problem([row[1 + 2 * i:3 + 2 * i] for row in firsts], case, bool(NEARLY.search(text))) is None
               for i, (case, text) in enumerate(zip(cases, texts)))


def problem(binary, tables, case):
    """None where ours is Spark's answer, else what differs."""
    kind, text = case["case"].split(": ", 1) if "case" in case else ("query", case["query"])
    if "with" in case:
        text = (HERE / f"{case['with']}.sql").read_text() + text
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
        return row_problem(rows, case, nearly)
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


def untold(cases):
    """Functions of the tables in src/sql that docs/sql.md does not list, or of which no case asks."""
    root = HERE.parent.parent
    tables = "".join(path.read_text() for path in sorted((root / "src/sql").glob("functions_*.cc")))
    names = set(re.findall(r'^    \{"(\w+)", "', tables, re.M))
    names |= set(re.findall(r'HigherOrder\{"(\w+)"', (root / "src/sql/analyzer_lambda.cc").read_text()))
    listed = set(re.findall(r"\w+", (root / "docs/sql.md").read_text().split("## Functions")[1].split("\n\n")[1]))
    asked = set(re.findall(r"\w+", " ".join(title(case) for case in cases).lower()))
    return ([f"docs/sql.md does not list the function {name}" for name in sorted(names - listed)] +
            [f"no case asks for the function {name}" for name in sorted(names - asked)])


def title(case):
    return case.get("case") or case["query"]


def grouped(cases):
    easy = [c for c in cases if title(c).startswith("row: ") and "error" not in c and title(c) not in KNOWN]
    groups = [easy[i:i + 16] for i in range(0, len(easy), 16)]
    return groups + [[case] for case in cases if case not in easy]


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

        def problems_of(group):
            if len(group) > 1 and together(args.binary, tables, group):
                return [None] * len(group)
            return [problem(args.binary, tables, case) for case in group]

        groups = grouped(cases)
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(problems_of, groups))
        cases = [case for group in groups for case in group]
        problems = [why for group in found for why in group]
    failed = []
    for case, why in zip(cases, problems):
        if title(case) in KNOWN:
            why = None if why else f"is mended: take it out of KNOWN ({KNOWN[title(case)]})"
        if why:
            failed.append((case, why))
    missing = untold(cases) if not args.filter else []
    failed += [({"case": "the function table"}, why) for why in missing]
    for case, why in failed:
        print(f"FAILED {title(case)}\n       {why}")
    print(f"functions: {len(cases) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed or not cases else 0)


main()
