"""The market functions against published figures and their definitions: indicators.py TICKLAKE

indicators.json holds the figures, for C++ and for whoever computes indicators elsewhere; formulas.py the definitions. The
last line counts the tests."""
import json
import math
import pathlib
import random
import subprocess
import sys

from formulas import FIELDS, FORMULAS

HERE = pathlib.Path(__file__).parent
CASES = json.loads((HERE / "indicators.json").read_text())
# With which parameters, over which columns of the property test
CALLS = ["sma(x, 1)", "sma(x, 5)", "ema(x, 1)", "ema(x, 4)", "rsi(x, 3)", "rsi(x)", "macd(x, 2, 5, 3)", "macd(x)",
         "bollinger(x, 4, 2.5)", "bollinger(x)", "atr(h, l, x, 3)", "atr(h, l, x)", "vwap(x, v)"]


def ask(query):
    done = subprocess.run([sys.argv[1], "sql", query, "--output", "jsonl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def literal(value):
    return "CAST(NULL AS DOUBLE)" if value is None else f"{value!r}D"


def same(got, expected, relative, absolute=0.0):
    """Whether they are the same: numbers nearly, structs field by field."""
    if isinstance(got, dict) or isinstance(expected, dict):
        fields = set(got or {}) | set(expected or {})
        return all(same((got or {}).get(f), (expected or {}).get(f), relative, absolute) for f in fields)
    if got is None or expected is None:
        return got is expected
    return math.isclose(got, float(expected), rel_tol=relative, abs_tol=absolute)


def rows_of(values):
    """Values by field, as one dict a row."""
    return [dict(zip(values, row)) for row in zip(*values.values())] if isinstance(values, dict) else values


def figures_follow_from_the_definitions(case):
    columns = [[None if v is None else repr(v) for v in column] for column in case["inputs"]]
    got = FORMULAS[case["function"]](*columns, *case["parameters"])
    check_rows(got, case)


def sql_gives_the_figures(case):
    columns = case["inputs"]
    names = "abc"[:len(columns)]
    call = ", ".join([*names, *map(str, case["parameters"])])
    values = ", ".join(f"({i}, {', '.join(map(literal, row))})" for i, row in enumerate(zip(*columns)))
    values = values or f"(0, {', '.join('0D' for _ in columns)})"
    where = "" if columns[0] else "WHERE i > 0 "
    got = ask(f"SELECT {case['function']}({call}) OVER (ORDER BY i) AS r FROM VALUES {values} AS t(i, {', '.join(names)}) "
              f"{where}ORDER BY i")
    check_rows([row["r"] for row in got], case)


def check_rows(got, case):
    expected = rows_of(case["values"])
    assert len(got) == len(expected), f"{len(got)} rows, not {len(expected)}"
    for i, (one, other) in enumerate(zip(got, expected)):
        assert same(one, other, 1e-11, case["tolerance"]), f"row {i}: {one}, not {other}"


def random_rows(seed):
    """Rows of several partitions, of very different lengths, out of order, with NULLs and gaps."""
    draw = random.Random(seed)
    rows = []
    for symbol, length in (("'a'", 90), ("'b'", 40), ("'c'", 3), ("NULL", 25), ("'d'", 1)):
        price = draw.uniform(1, 500)
        for t in range(length):
            price = max(0.01, price * draw.uniform(0.95, 1.05))
            high, low = price * draw.uniform(1, 1.02), price * draw.uniform(0.98, 1)
            row = [round(v, 4) for v in (price, high, low, draw.choice((0, 10, 250.5)))]
            rows.append((symbol, t * 3, *(None if draw.random() < 0.06 else v for v in row)))
    draw.shuffle(rows)
    return rows


def columns_of(rows, names):
    return [[None if row["xhlv".index(name) + 2] is None else repr(row["xhlv".index(name) + 2]) for row in rows]
            for name in names]


def sql_follows_the_definitions(seed):
    rows = random_rows(seed)
    values = ", ".join(f"({row[0]}, {row[1]}, {', '.join(map(literal, row[2:]))})" for row in rows)
    calls = ", ".join(f"{call} OVER w AS c{i}" for i, call in enumerate(CALLS))
    got = ask(f"SELECT s, t, {calls} FROM VALUES {values} AS q(s, t, x, h, l, v) WINDOW w AS (PARTITION BY s ORDER BY t)")
    assert len(got) == len(rows)
    for symbol in {row[0] for row in rows}:
        ours = sorted((r for r in got if r["s"] == (None if symbol == "NULL" else symbol.strip("'"))), key=lambda r: r["t"])
        theirs = sorted((row for row in rows if row[0] == symbol), key=lambda row: row[1])
        for i, call in enumerate(CALLS):
            name, arguments = call.rstrip(")").split("(")
            arguments = arguments.split(", ")
            names = [a for a in arguments if a.isalpha()]
            numbers = [int(a) if a.isdigit() else a for a in arguments if not a.isalpha()]
            expected = FORMULAS[name](*columns_of(theirs, names), *numbers)
            for row, one in zip(ours, expected):
                assert same(row[f"c{i}"], one, 1e-9, 1e-9), f"{call} of {symbol} at {row['t']}: {row[f'c{i}']}, not {one}"


def many_rows_keep_their_order():
    """Of a partition of half a million rows, which DuckDB fills by several threads."""
    rows = "SELECT id AS t, CAST(id * 7919 % 10007 AS DOUBLE) AS x FROM range(500000)"
    got = ask(f"SELECT count(*) AS n, count_if(one <> x) AS wrong, count_if(abs(three - mean) > 1e-9) AS off FROM (SELECT x, "
              f"sma(x, 1) OVER (ORDER BY t) AS one, sma(x, 3) OVER (ORDER BY t) AS three, avg(x) OVER (ORDER BY t ROWS BETWEEN "
              f"2 PRECEDING AND CURRENT ROW) AS mean FROM ({rows}))")
    assert got == [{"n": 500000, "wrong": 0, "off": 0}], got


def ties_give_one_answer():
    """Rows that tie are taken in an order of their own, the same in each run, and each gets its own value."""
    values = ", ".join(f"({i // 4}, {(i * 37) % 11}D)" for i in range(400))
    answers = set()
    for order in ("t", "x", "x DESC", "t DESC"):
        rows = f"(SELECT * FROM VALUES {values} AS t(t, x) ORDER BY {order})"
        got = ask(f"SELECT t, x, sma(x, 1) OVER (ORDER BY t) AS a, ema(x, 5) OVER (ORDER BY t) AS b FROM {rows}")
        assert all(row["a"] == row["x"] for row in got)
        answers.add(json.dumps(sorted(json.dumps(row) for row in got)))
    assert len(answers) == 1


def over_groups_views_and_qualify():
    got = ask("SELECT day, ema(sum(x), 2) OVER (ORDER BY day) AS e FROM VALUES (1, 2), (1, 3), (2, 7), (3, 8) AS t(day, x) "
              "GROUP BY day QUALIFY ema(sum(x), 2) OVER (ORDER BY day) > 6 ORDER BY day")
    assert [(row["day"], round(row["e"], 9)) for row in got] == [(3, 7.333333333)], got
    got = ask("SELECT x, sma(x, 1) OVER (PARTITION BY x, y ORDER BY y) AS a FROM VALUES (3D, 1), (3D, 1), (4D, 2) AS t(x, y)")
    assert all(row["a"] == row["x"] for row in got) and len(got) == 3, got
    got = ask("SELECT x, macd(x, 1, 2, 1) OVER (ORDER BY x DESC).line AS l FROM VALUES (1), (2), (4) AS t(x) ORDER BY x")
    assert [row["l"] and round(row["l"], 9) for row in got] == [-0.666666667, -1, None], got


def main():
    tests = [(f"{case['name']}: {test.__name__}", test, [case]) for case in CASES
             for test in (figures_follow_from_the_definitions, sql_gives_the_figures)]
    tests += [(f"seed {seed}: {sql_follows_the_definitions.__name__}", sql_follows_the_definitions, [seed]) for seed in range(3)]
    tests += [(test.__name__, test, []) for test in (many_rows_keep_their_order, ties_give_one_answer,
                                                     over_groups_views_and_qualify)]
    failed = 0
    for name, test, arguments in tests:
        try:
            test(*arguments)
        except AssertionError as problem:
            failed += 1
            print(f"FAILED {name}: {problem}", flush=True)
    print(f"indicators: {len(tests) - failed} passed, {failed} failed", flush=True)
    sys.exit(bool(failed))


main()
