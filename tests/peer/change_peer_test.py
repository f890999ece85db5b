"""DELETE, UPDATE and MERGE by ticklake and by deltalake in turns on one table: both read every version alike, and the
change feed of both tells the same. The memory that MERGE takes.

    python change_peer_test.py BUILD/release/ticklake
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import deltalake
import pyarrow as pa

SCHEMA = pa.schema([("id", pa.int64()), ("v", pa.string()), ("p", pa.string())])


def rows(ids, v="v"):
    return pa.table({"id": list(ids), "v": [f"{v}{i}" if i % 5 else None for i in ids],
                     "p": [f"p{i % 3}" for i in ids]}, schema=SCHEMA)


class Ticklake:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, f"ticklake {' '.join(map(str, arguments))}: {done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def sql(self, text):
        return self.run("sql", text, "--output", "jsonl")

    def read(self, path, version):
        return self.run("table", "read", path, "--version", version, "--output", "jsonl")

    def changes(self, path, first):
        return self.run("table", "changes", path, "--from", first, "--output", "jsonl")


def key(row):
    return tuple(repr(row[name]) for name in sorted(row))


def check_versions(ticklake, path):
    newest = deltalake.DeltaTable(str(path)).version()
    for version in range(newest + 1):
        theirs = deltalake.DeltaTable(str(path), version=version).to_pyarrow_table().to_pylist()
        ours = ticklake.read(path, version)
        assert sorted(map(key, ours)) == sorted(map(key, theirs)), f"{path} version {version}: the rows differ"
    return newest + 1


def check_feed(ticklake, path, first):
    feed = pa.table(deltalake.DeltaTable(str(path)).load_cdf(starting_version=first).read_all()).to_pylist()
    ours = ticklake.changes(path, first)
    names = ["id", "v", "p", "_change_type", "_commit_version"]
    short = lambda row: tuple(repr(row[name]) for name in names)
    assert sorted(map(short, ours)) == sorted(map(short, feed)), f"{path}: the change feeds differ"
    assert all(row["_commit_timestamp"].endswith("Z") for row in ours)
    return len(ours)


def metrics(path):
    newest = deltalake.DeltaTable(str(path)).history(1)[0]
    return newest["operation"], newest["operationMetrics"]


def take_turns(ticklake, path, partitions, feed):
    configuration = {"delta.enableChangeDataFeed": "true"} if feed else {}
    deltalake.DeltaTable.create(str(path), SCHEMA, partition_by=partitions, configuration=configuration)
    name = f"delta.`{path}`"
    for first in (0, 100, 200):
        deltalake.write_deltalake(str(path), rows(range(first, first + 30)), mode="append")
    assert ticklake.sql(f"DELETE FROM {name} WHERE id % 7 = 3 AND v IS NOT NULL")[0]["rows_deleted"] == 10
    operation, found = metrics(path)
    assert operation == "DELETE" and int(found["numDeletedRows"]) == 10, found
    deltalake.DeltaTable(str(path)).delete("id = 5 OR id > 225")
    ticklake.sql(f"UPDATE {name} SET v = concat(v, '!'), p = 'moved' WHERE id BETWEEN 10 AND 105")
    deltalake.DeltaTable(str(path)).update(updates={"v": "'theirs'"}, predicate="id = 20 OR id = 101")
    merge = (f"MERGE INTO {name} AS t USING (SELECT id * 2 AS id, v, p FROM {name}) AS s ON t.id = s.id "
             "WHEN MATCHED AND t.id < 20 THEN DELETE WHEN MATCHED THEN UPDATE SET v = s.v "
             "WHEN NOT MATCHED AND s.id > 250 THEN INSERT *")
    done = ticklake.sql(merge)[0]
    operation, found = metrics(path)
    assert operation == "MERGE" and int(found["numTargetRowsInserted"]) == done["rows_inserted"] > 0, found
    table = deltalake.DeltaTable(str(path))
    (table.merge(rows(range(20, 40), "m"), "t.id = s.id", source_alias="s", target_alias="t")
     .when_matched_update_all().when_not_matched_insert_all().execute())
    ticklake.sql(f"MERGE INTO {name} AS t USING {name} AS s ON t.id = s.id AND s.p = 'p1' WHEN NOT MATCHED BY SOURCE "
                 "AND t.p = 'moved' THEN DELETE WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'alone'")
    ticklake.sql(f"DELETE FROM {name} WHERE p = 'p0'")
    count = check_versions(ticklake, path)
    told = check_feed(ticklake, path, 1) if feed else 0
    print(f"{path.name}: {count} versions read alike by both, {told} changes told alike", flush=True)


def constraints(ticklake, path):
    deltalake.DeltaTable.create(str(path), SCHEMA)
    deltalake.write_deltalake(str(path), rows(range(5)), mode="append")
    deltalake.DeltaTable(str(path)).alter.add_constraint({"small": "id < 100"})
    ticklake.sql(f"UPDATE delta.`{path}` SET id = id + 10")
    done = subprocess.run([ticklake.program, "sql", f"UPDATE delta.`{path}` SET id = id * 20"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "breaks the constraint `small`: id < 100" in done.stderr, done.stderr
    assert check_versions(ticklake, path) == 4
    print("constraints: kept", flush=True)


FILE_ROWS = 250_000
MEMORY_MIB = 48  # more may sixteen times the rows take
# Runs a command and then prints its peak memory. A small process does, since a child is said to have had its parent's.
PEAK = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")


def peak_of_merge(ticklake, base, files):
    """MiB that a MERGE of rows into each of so many files takes."""
    path, source = base / f"merged_{files}", base / f"source_{files}"
    for first in range(0, files * FILE_ROWS, FILE_ROWS):
        ids = pa.array(range(first, first + FILE_ROWS), pa.int64())
        deltalake.write_deltalake(str(path), pa.table({"id": ids, "v": ids.cast(pa.string())}), mode="append")
    ids = pa.array(range(0, files * FILE_ROWS, files * FILE_ROWS // 1000), pa.int64())
    deltalake.write_deltalake(str(source), pa.table({"id": ids, "v": ["new"] * len(ids)}))
    statement = f"MERGE INTO delta.`{path}` AS t USING delta.`{source}` AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET *"
    done = subprocess.run([sys.executable, "-c", PEAK, ticklake.program, "sql", statement], check=True, capture_output=True,
                          text=True)
    answer, peak = map(json.loads, done.stdout.splitlines())
    assert answer["rows_updated"] == len(ids), answer
    assert ticklake.sql(f"SELECT count(*) AS n FROM delta.`{path}` WHERE v = 'new'") == [{"n": len(ids)}]
    return peak // 1024


def merge_memory(ticklake, base):
    """A large table must not cost more memory than a small one: only the source is held."""
    small, large = peak_of_merge(ticklake, base, 1), peak_of_merge(ticklake, base, 16)
    assert large < small + MEMORY_MIB, f"MERGE into {FILE_ROWS} rows takes {small} MiB, into 16 times as many {large} MiB"
    print(f"MERGE into {FILE_ROWS} rows: {small} MiB, into 16 times as many {large} MiB", flush=True)


def main():
    ticklake = Ticklake(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        base = pathlib.Path(directory)
        for name, partitions, feed in (("plain", [], False), ("fed", [], True), ("split", ["p"], True)):
            take_turns(ticklake, base / name, partitions, feed)
        constraints(ticklake, base / "constraints")
        merge_memory(ticklake, base)


main()
sys.stdout.flush()
os._exit(0)  # without the reader's own clean-up, whose threads sometimes abort the process
