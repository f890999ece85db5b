"""The 5,000 mixed rows that every function is tried on: 257 different rows (boundaries first, then seeded random ones),
repeated in a seeded order over the edges of vectors, so that each answer needs to be kept once."""
import datetime as dt
import random
from decimal import Decimal

DIFFERENT, ALL = 257, 5000
UTC = dt.timezone.utc

# name, Spark type
COLUMNS = [
    ("id", "INT"), ("b", "BOOLEAN"), ("ti", "TINYINT"), ("si", "SMALLINT"), ("i", "INT"), ("l", "BIGINT"), ("f", "FLOAT"),
    ("d", "DOUBLE"), ("dec", "DECIMAL(18,4)"), ("s", "STRING"), ("n", "STRING"), ("dt", "DATE"), ("ts", "TIMESTAMP"),
    ("js", "STRING"), ("ix", "INT"), ("lx", "BIGINT"), ("k", "INT"),
    ("a", "ARRAY<INT>"), ("sa", "ARRAY<STRING>"), ("m", "MAP<STRING,INT>"),
]
PLAIN = COLUMNS[1:-4]
EDGES = {
    "b": [None, True, False],
    "ti": [None, 0, 1, -1, 7, 100, -100],
    "si": [None, 0, 1, -1, 12, 1000, -1000],
    "i": [None, 0, 1, -1, 2, 3, 10, -10, 99, 12345, -12345],
    "l": [None, 0, 1, -1, 7, 1000000, -1000000, 1234567890123, -1234567890123],
    "f": [None, 0.0, 1.0, -1.5, 0.25, 1024.0, -0.125, 3.5],
    "d": [None, 0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 3.14159, 1e10, -1e-7, 123456.789, 100.0],
    "dec": [None, "0.0000", "1.0000", "-1.0000", "0.5000", "1.5000", "2.5000", "-2.5000", "12345.6789", "-99999.9999", "0.0001"],
    "s": [None, "", " ", "a", "A", "abc", "AAPL", "  padded  ", "hello world", "a,b,,c", "50%", "under_score", "x'y\"z",
          "back\\slash", "MiXeD", "äöü ß", "日本語テキスト", "😀 smile", "tab\there", "aaa", "2026-01-05", "12"],
    "n": [None, "", "0", "12", "-7", " 42 ", "3.5", "1e3", "abc", "true", "2026-01-05", "2026-01-05 10:20:30", "99999999999", "NaN"],
    "dt": [None, dt.date(1970, 1, 1), dt.date(1969, 12, 31), dt.date(2000, 2, 29), dt.date(2024, 2, 29), dt.date(2026, 1, 5),
           dt.date(2026, 12, 31), dt.date(1900, 1, 1), dt.date(2020, 1, 1), dt.date(2021, 1, 3)],
    "ts": [None, dt.datetime(1970, 1, 1, tzinfo=UTC), dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
           dt.datetime(2026, 1, 5, 14, 30, tzinfo=UTC), dt.datetime(2026, 1, 5, 14, 30, 59, 123456, tzinfo=UTC),
           dt.datetime(2000, 2, 29, 12, tzinfo=UTC), dt.datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)],
    "js": [None, "", "{}", '{"a":1,"b":"x"}', '{"a":"1","b":2}', '{"a":1.5,"b":null}', '{"b":"only"}', '{"a":1', "[1]", "7",
           '{"a":99999999999,"b":{"c":[1,2]}}', '{"a":1,"a":2,"b":"y"}', '{"A":5,"b":"case"}', '{"a":true,"b":false}',
           '{"a": 3 , "b" : "sp\\u00e4t" , "extra": [1,{"z":2}] }', '{"a":1,"b":"x"} trailing', "nonsense"],
    "ix": [None, 0, 1, -1, 2147483647, -2147483648],
    "lx": [None, 0, 1, -1, 9223372036854775807, -9223372036854775808],
}


NESTED = {
    "a": [None, [], [None], [1], [0, -1], [3, 1, 2], [2, 2, None, 2, None], [2147483647, -2147483648], [5, 4, 3, 2, 1]],
    "sa": [None, [], [None], ["a"], [""], ["b", "a", "c"], ["x", None, "x", "äß", None], ["a,b", " ", "日本"]],
    "m": [None, {}, {"a": 1}, {"a": None, "b": 2}, {"b": 2, "a": 1, "c": 3}, {"": 0, "x y": -1}],
}


def one_random(name, r):
    if r.random() < 0.08:
        return None
    day = dt.date(1990, 1, 1) + dt.timedelta(days=r.randrange(16000))
    words = ["AAPL", "msft", " goog", "Ibm ", "a-b-c", "x.y", "Straße", "zz top", "q"]
    return {
        "b": lambda: r.random() < 0.5,
        "ti": lambda: r.randrange(-100, 101),
        "si": lambda: r.randrange(-1000, 1001),
        "i": lambda: r.randrange(-100000, 100001),
        "l": lambda: r.randrange(-10**13, 10**13),
        "f": lambda: r.randrange(-4000, 4000) / 8,
        "d": lambda: round(r.uniform(-1000, 1000), r.randrange(0, 6)),
        "dec": lambda: "%d.%04d" % (r.randrange(-100000, 100000), r.randrange(10000)),
        "s": lambda: " ".join(r.choice(words) for _ in range(r.randrange(1, 4))),
        "n": lambda: str(r.choice([r.randrange(-1000, 1000), round(r.uniform(-9, 9), 2)])),
        "dt": lambda: day,
        "ts": lambda: dt.datetime(day.year, day.month, day.day, r.randrange(24), r.randrange(60), r.randrange(60),
                                  r.choice([0, 0, 1000 * r.randrange(1000), r.randrange(1000000)]), UTC),
        "js": lambda: '{"a":%d,"b":"%s"}' % (r.randrange(1000), r.choice(words)),
        "ix": lambda: r.randrange(-2147483648, 2147483648),
        "lx": lambda: r.randrange(-2**63, 2**63),
    }[name]()


def one_nested(name, number, r):
    """A nested value: the edges first, in an order of their own, then random ones."""
    edges = NESTED[name]
    if number < 60:
        return edges[number % len(edges)]
    if r.random() < 0.08:
        return None
    count = r.randrange(0, 6)
    numbers = [None if r.random() < 0.1 else r.randrange(-5, 6) for _ in range(count)]
    words = ["AAPL", "msft", "goog", "Ibm", "", "a-b", "Straße", "q", "z"]
    if name == "a":
        return numbers
    if name == "sa":
        return [None if n is None else words[n % len(words)] for n in numbers]
    return dict(zip(r.sample(words, count), numbers))


def different_rows():
    r = random.Random(20260105)
    nested = random.Random(20261121)
    rows = []
    for number in range(DIFFERENT):
        row = [number]
        for name, kind in PLAIN:
            edges = EDGES[name]
            value = edges[number % len(edges)] if number < 90 else one_random(name, r)
            row.append(Decimal(value) if kind.startswith("DECIMAL") and value is not None else value)
        row.append(number % 5)
        row += [one_nested(name, number, nested) for name in NESTED]
        rows.append(tuple(row))
    return rows


def all_rows():
    rows = different_rows()
    order = [i % DIFFERENT for i in range(ALL)]
    random.Random(7).shuffle(order)
    return [rows[i] for i in order]
