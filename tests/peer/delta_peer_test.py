"""Delta tables between ticklake and deltalake: each reads what the other wrote, at every version.

    python delta_peer_test.py BUILD/release/ticklake
"""
import datetime
import decimal
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import deltalake
import pyarrow as pa
import pyarrow.compute as pc

UTC = datetime.timezone.utc
SCHEMA = pa.schema([
    ("id", pa.int64()), ("price", pa.float64()), ("amount", pa.decimal128(20, 4)),
    ("symbol", pa.string()), ("at", pa.timestamp("us", tz="UTC")), ("day", pa.date32()),
    ("tags", pa.list_(pa.string())), ("good", pa.bool_()),
])
SYMBOLS = ["IBM", "a/b: c%", "é ü", None]


def batch(first, count):
    ids = range(first, first + count)
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "price": pa.array([i / 4 for i in ids], pa.float64()),
        "amount": pa.array([decimal.Decimal(i) / 10000 for i in ids], pa.decimal128(20, 4)),
        "symbol": pa.array([SYMBOLS[i % len(SYMBOLS)] for i in ids], pa.string()),
        "at": pa.array([datetime.datetime(2026, 1, 5, 14, 30, i % 60, 123456, tzinfo=UTC)
                        for i in ids], pa.timestamp("us", tz="UTC")),
        "day": pa.array([datetime.date(2026, 1, 1 + i % 28) for i in ids], pa.date32()),
        "tags": pa.array([["x"] * (i % 3) for i in ids], pa.list_(pa.string())),
        "good": pa.array([i % 2 == 0 for i in ids], pa.bool_()),
    }, schema=SCHEMA)


def json_row(row):
    at = row["at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    changed = {"at": at, "day": row["day"].isoformat(), "amount": float(row["amount"])}
    return json.dumps(row | changed)


class Ticklake:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments):
        command = [self.program, "table", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"ticklake table {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def read(self, path, version):
        lines = self.run("read", path, "--version", version, "--output", "jsonl").splitlines()
        return [json.loads(line, parse_float=decimal.Decimal) for line in lines]

    def append(self, path, table, scratch):
        rows = scratch / "rows.jsonl"
        rows.write_text("".join(json_row(row) + "\n" for row in table.to_pylist()))
        self.run("append", path, "--rows", rows)

    def describe(self, path):
        return json.loads(self.run("describe", path, "--output", "json"))


def comparable(rows):
    """What both sides say of a row, in one spelling, sorted by id."""
    out = []
    for row in rows:
        at = row["at"]
        if not isinstance(at, str):
            at = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        out.append((int(row["id"]), decimal.Decimal(str(row["price"])),
                    decimal.Decimal(str(row["amount"])), row["symbol"], at, str(row["day"]),
                    list(row["tags"]), row["good"]))
    return sorted(out, key=lambda row: row[0])


def rows_of(path, version):
    table = deltalake.DeltaTable(str(path), version=version).to_pyarrow_table()
    return table.to_pylist()


def check(path, ticklake, expected):
    for version, count in enumerate(expected):
        theirs = comparable(rows_of(path, version)) if count else []
        ours = comparable(ticklake.read(path, version))
        assert len(ours) == count, f"{path} version {version}: {len(ours)} rows, not {count}"
        assert ours == theirs, f"{path} version {version}: the rows differ"


def take_turns(ticklake, scratch, partitions):
    """Both append to one table, far enough for checkpoints; deltalake also deletes and compacts."""
    path = scratch / ("partitioned" if partitions else "plain")
    deltalake.DeltaTable.create(str(path), SCHEMA, partition_by=partitions)
    expected = [0]
    for turn in range(12):
        rows = batch(turn * 100, 20)
        if turn % 2:
            deltalake.write_deltalake(str(path), rows, mode="append")
        else:
            ticklake.append(path, rows, scratch)
        expected.append(expected[-1] + 20)
    deltalake.DeltaTable(str(path)).create_checkpoint()
    ticklake.append(path, batch(5000, 5), scratch)
    expected.append(expected[-1] + 5)
    deltalake.DeltaTable(str(path)).delete("id >= 5000")
    expected.append(expected[-1] - 5)
    deltalake.DeltaTable(str(path)).optimize.compact()
    ticklake.append(path, batch(6000, 5), scratch)
    newest = deltalake.DeltaTable(str(path)).version()
    expected += [expected[-1]] * (newest - len(expected))
    expected.append(expected[-1] + 5)
    check(path, ticklake, expected)
    described = ticklake.describe(path)
    assert described["version"] == newest, described
    assert described["partitionColumns"] == partitions, described
    print(f"{path.name}: {newest + 1} versions read alike by both")


ALL_TYPES = pa.schema([
    ("b", pa.bool_()), ("y", pa.int8()), ("s", pa.int16()), ("i", pa.int32()), ("l", pa.int64()),
    ("f", pa.float32()), ("d", pa.float64()), ("m", pa.decimal128(38, 9)), ("n", pa.decimal128(9, 2)),
    ("t", pa.string()), ("x", pa.binary()), ("day", pa.date32()), ("at", pa.timestamp("us", tz="UTC")),
    ("wall", pa.timestamp("us")), ("st", pa.struct([("p", pa.int32()), ("q", pa.string())])),
    ("ar", pa.list_(pa.float64())), ("ma", pa.map_(pa.string(), pa.int64())), ("part", pa.string()),
])
ALL_ROWS = [
    {"b": True, "y": -128, "s": -32768, "i": -2**31, "l": -2**63, "f": 1.5, "d": -0.25,
     "m": decimal.Decimal("12345678901234567890123456789.123456789"), "n": decimal.Decimal("-1234567.89"),
     "t": "Zürich", "x": "YWI=", "day": "1969-12-31", "at": "1969-12-31T23:59:59.999999Z",
     "wall": "2023-11-14T22:13:20.123456", "st": {"p": 1, "q": None}, "ar": [1.0, None],
     "ma": {"k": 1, "l": None}, "part": "a/b: c%"},
    {"b": False, "y": 127, "s": 32767, "i": 2**31 - 1, "l": 2**63 - 1, "f": -2.5, "d": 1e300,
     "m": decimal.Decimal("-0.000000001"), "n": decimal.Decimal("0.10"), "t": "", "x": "",
     "day": "2024-10-04", "at": "2023-11-14T22:13:20.123456Z", "wall": "1970-01-01T00:00:00",
     "st": None, "ar": [], "ma": {}, "part": "é"},
    {name: None for name in ALL_TYPES.names},
]


def all_types(ticklake, scratch):
    """Rows of all types by ticklake, over a checkpoint: values, and filters that go by statistics."""
    path = scratch / "all types"
    deltalake.DeltaTable.create(str(path), ALL_TYPES, partition_by=["part"])
    text = "".join(json.dumps(row, default=lambda number: f"#{number}#") + "\n" for row in ALL_ROWS)
    source = scratch / "all.jsonl"
    source.write_text(text.replace('"#', "").replace('#"', ""))
    for _ in range(12):
        ticklake.run("append", path, "--rows", source)
    asked = "".join(f"{version}\t{path}\n" for version in range(13))
    reader = pathlib.Path(__file__).with_name("read_table.py")
    answers = subprocess.run([sys.executable, str(reader)], input=asked, capture_output=True, text=True, check=True)
    for version, answer in enumerate(answers.stdout.splitlines()):
        theirs = json.loads(answer, parse_float=decimal.Decimal)
        ours = ticklake.read(path, version)
        assert len(ours) == 3 * version, f"version {version}: {len(ours)} rows"
        assert sorted(map(repr, ours)) == sorted(map(repr, theirs)), f"version {version}: the rows differ"
    dataset = deltalake.DeltaTable(str(path)).to_pyarrow_dataset()
    for name in ("b", "y", "i", "l", "f", "d", "m", "t", "day", "at"):
        column = dataset.to_table(columns=[name])[name]
        for value in set(column.to_pylist()) - {None}:
            found = dataset.filter(pc.field(name) == pa.scalar(value, ALL_TYPES.field(name).type)).count_rows()
            assert found == 12, f"{name} = {value!r}: {found} rows found, not 12"
    print("all types: 13 versions read alike by both, filters find all rows")


def main():
    ticklake = Ticklake(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        for partitions in ([], ["symbol"], ["day", "good"]):
            scratch = pathlib.Path(directory) / "-".join(partitions or ["none"])
            scratch.mkdir()
            take_turns(ticklake, scratch, partitions)
        all_types(ticklake, pathlib.Path(directory))


main()
sys.stdout.flush()
os._exit(0)  # without the reader's own clean-up, whose threads sometimes abort the process
