"""DELETE, UPDATE and MERGE by ticklake and by Apache Spark: one statement on two equal tables gives equal rows or an
error in both; deletion vectors and change feeds of each are read by the other.

    python change_spark_test.py BUILD/release/ticklake JARS     JARS: the folder of delta-spark's jars
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from spark_read import session

ROWS = ("(1, 'a', 1.5, DATE '2026-01-01'), (2, 'b', 2.5, DATE '2026-01-02'), (3, NULL, NULL, NULL), "
        "(4, 'd', 4.5, DATE '2026-01-04'), (NULL, 'n', 0.5, NULL), (6, 'f', 6.5, DATE '2026-01-06')")
MORE = "(7, 'g', 7.5, NULL), (8, 'h', NULL, DATE '2026-01-08'), (9, 'i', 9.5, NULL)"
SOURCE = ("(1, 'A', 10.5, DATE '2026-02-01'), (3, 'C', 30.5, NULL), (8, NULL, 80.5, NULL), (11, 'K', 11.5, NULL), "
          "(NULL, 'N', 1.0, NULL)")
TWICE = "(1, 'x', 1.0, NULL), (1, 'y', 2.0, NULL), (2, 'z', 3.0, NULL)"

# {t}: the table, {s}: the source, {d}: one with two rows for one key. Run in this order, each on what the last left.
STATEMENTS = [
    "DELETE FROM {t} WHERE v = 'zzz'",
    "DELETE FROM {t} WHERE v > 'e' AND id < 8",
    "DELETE FROM {t} WHERE NOT (x > 1)",
    "UPDATE {t} SET x = x * 2, v = concat(v, '-', id) WHERE id >= 2",
    "UPDATE {t} SET v = 'null date' WHERE d IS NULL",
    "UPDATE {t} SET id = v WHERE id = 1",
    "UPDATE {t} SET x = id WHERE id = 4",
    "MERGE INTO {t} t USING {s} s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
    "MERGE INTO {t} t USING {s} s ON t.id = s.id AND s.v IS NOT NULL WHEN MATCHED AND s.x > 20 THEN DELETE "
    "WHEN MATCHED THEN UPDATE SET t.v = concat(t.v, s.v) WHEN NOT MATCHED AND s.id = 8 THEN INSERT (id, v) "
    "VALUES (s.id + 100, 'new') WHEN NOT MATCHED THEN INSERT (id) VALUES (200)",
    "MERGE INTO {t} t USING {s} s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND t.id > 50 THEN DELETE "
    "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = 'alone'",
    "MERGE INTO {t} t USING {d} s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v",
    "MERGE INTO {t} t USING {d} s ON t.id = s.id WHEN MATCHED AND s.v = 'x' THEN UPDATE SET v = s.v",
    "MERGE INTO {t} t USING {d} s ON t.id = s.id WHEN MATCHED AND s.v = 'x' THEN UPDATE SET v = 'one' "
    "WHEN MATCHED AND s.v = 'y' THEN DELETE",
    "MERGE INTO {t} t USING {d} s ON t.id = s.id WHEN NOT MATCHED THEN INSERT *",
    "MERGE INTO {t} t USING {d} s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT *",
    "MERGE INTO {t} t USING (SELECT max(id) AS id, count(*) AS n FROM {s}) s ON t.id <=> s.id "
    "WHEN MATCHED THEN UPDATE SET x = s.n WHEN NOT MATCHED THEN INSERT (id, x) VALUES (s.id, s.n)",
    "MERGE INTO {t} t USING {s} s ON false WHEN NOT MATCHED AND s.id < 5 THEN INSERT (id, v) VALUES (s.id + 300, s.v)",
    "DELETE FROM {t} WHERE id IS NULL",
]


class Both:
    def __init__(self, ticklake, jars, base):
        self.ticklake, self.base = ticklake, base
        self.spark = session(jars)
        self.passed = self.failed = 0

    def ours(self, *arguments):
        return subprocess.run([self.ticklake, *map(str, arguments)], capture_output=True, text=True)

    def check(self, name, good, detail=""):
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        if not good:
            print(f"FAILED {name}: {detail}", flush=True)

    def make(self, path, properties):
        text = ", ".join(f"'{name}' = '{value}'" for name, value in properties.items()) or "'a' = 'b'"
        self.spark.sql(f"CREATE TABLE delta.`{path}` (id INT, v STRING, x DOUBLE, d DATE) USING delta "
                       f"TBLPROPERTIES ({text})")
        for values in (ROWS, MORE):
            self.spark.sql(f"INSERT INTO delta.`{path}` VALUES {values}")

    def read_by_spark(self, path, version=None):
        reader = self.spark.read.format("delta")
        reader = reader if version is None else reader.option("versionAsOf", version)
        return self.texts(row.asDict() for row in reader.load(str(path)).collect())

    def texts(self, rows):
        out = []
        for row in rows:
            out.append(tuple(None if row[name] is None else str(row[name]) for name in ("id", "v", "x", "d")))
        return sorted(out, key=repr)

    def read_by_us(self, path, version=None):
        extra = [] if version is None else ["--version", version]
        done = self.ours("table", "read", path, "--output", "jsonl", *extra)
        if done.returncode != 0:
            return [done.stderr]
        return self.texts(json.loads(line) for line in done.stdout.splitlines())

    def compare_feeds(self, name, path, first):
        query = f"SELECT * FROM table_changes_by_path('{path}', {first})"
        theirs = self.spark.sql(query).collect()
        done = self.ours("table", "changes", path, "--from", first, "--output", "jsonl")
        ours = [json.loads(line) for line in done.stdout.splitlines()]
        names = ("id", "v", "x", "d", "_change_type", "_commit_version")
        short = lambda row: tuple(None if row[name] is None else str(row[name]) for name in names)
        left, right = sorted(map(short, ours), key=repr), sorted(map(short, (r.asDict() for r in theirs)), key=repr)
        self.check(f"{name}: change feed", left == right and done.returncode == 0,
                   done.stderr or f"only ours {set(left) - set(right)}, only Spark's {set(right) - set(left)}")

    def run_all(self, name, properties):
        """Each statement on three tables: by ticklake, by Spark, and by the two in turns."""
        paths = {who: self.base / f"{name}-{who}" for who in ("ours", "spark", "turns")}
        sources = {"s": self.base / f"{name}-s", "d": self.base / f"{name}-d"}
        for path in paths.values():
            self.make(path, properties)
        for key, values in (("s", SOURCE), ("d", TWICE)):
            self.spark.sql(f"CREATE TABLE delta.`{sources[key]}` (id INT, v STRING, x DOUBLE, d DATE) USING delta")
            self.spark.sql(f"INSERT INTO delta.`{sources[key]}` VALUES {values}")
        for number, statement in enumerate(STATEMENTS):
            errors = {}
            for who, path in paths.items():
                text = statement.format(t=f"delta.`{path}`", **{k: f"delta.`{p}`" for k, p in sources.items()})
                by_us = who == "ours" or (who == "turns" and number % 2 == 0)
                if by_us:
                    done = self.ours("sql", text)
                    errors[who] = done.stderr if done.returncode else ""
                else:
                    errors[who] = ""
                    try:
                        self.spark.sql(text)
                    except Exception as problem:
                        errors[who] = str(problem)[:300]
            self.check(f"{name} {statement}: error in all or none", len({bool(e) for e in errors.values()}) == 1, errors)
            expected = self.read_by_spark(paths["spark"])
            for who, path in paths.items():
                self.check(f"{name} {statement}: {who} read by ticklake", self.read_by_us(path) == expected,
                           f"{self.read_by_us(path)} not {expected}")
                self.check(f"{name} {statement}: {who} read by Spark", self.read_by_spark(path) == expected,
                           f"{self.read_by_spark(path)} not {expected}")
        for who, path in paths.items():
            newest = self.spark.sql(f"DESCRIBE HISTORY delta.`{path}`").count() - 1
            for version in range(newest + 1):
                self.check(f"{name} {who} version {version}",
                           self.read_by_spark(path, version) == self.read_by_us(path, version))
            if properties.get("delta.enableChangeDataFeed") == "true":
                self.compare_feeds(f"{name} {who}", path, 1)
        optimized = self.ours("table", "optimize", paths["turns"], "--output", "json")
        self.check(f"{name}: optimize", optimized.returncode == 0 and
                   self.read_by_spark(paths["turns"]) == self.read_by_us(paths["turns"]), optimized.stderr)


def main():
    with tempfile.TemporaryDirectory() as directory:
        both = Both(sys.argv[1], sys.argv[2], pathlib.Path(directory))
        vectors, feed = "delta.enableDeletionVectors", "delta.enableChangeDataFeed"
        both.run_all("plain", {vectors: "false"})
        both.run_all("vectors", {vectors: "true"})
        both.run_all("feed", {vectors: "false", feed: "true"})
        both.run_all("both", {vectors: "true", feed: "true"})
        print(f"change-spark: {both.passed} passed, {both.failed} failed", flush=True)
        both.spark.stop()


main()
