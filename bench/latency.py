"""How long ticks took to become visible: latency.py TABLES_DIR WARM_SECONDS, run with pyarrow; prints one JSON object.

A commit becomes visible when its entry in the Delta log gets its name: the ctime of that file. A silver row's wait begins
with its record's timestamp in the topic. A gold row's begins with the timestamp of the record that closed its window: in
the partition that came last, the first valid tick 10 s of event time past the window's end.
"""
import bisect
import itertools
import json
import os
import pathlib
import sys
import urllib.parse

import pyarrow as pa
import pyarrow.parquet as pq

PARTITIONS = 4  # of bench_ticks: symbol S007 is in partition 7 % 4
WINDOW_MS = 60_000
DELAY_MS = 10_000


def commits(table):
    """(moment in ms, files) of each version that adds rows; compaction only moves them."""
    for entry in sorted((table / "_delta_log").glob("*.json")):
        lines = [json.loads(line) for line in entry.read_text().splitlines()]
        adds = [line["add"] for line in lines if "add" in line]
        files = [table / urllib.parse.unquote(add["path"]) for add in adds if add["dataChange"]]
        if files:
            yield os.stat(entry).st_ctime * 1000, files


def millis(column):
    return column.cast(pa.timestamp("ms", column.type.tz)).cast(pa.int64()).to_pylist()


def summary(waits):
    waits = sorted(waits)
    if not waits:
        return {"rows": 0}
    at = lambda percent: round(waits[min(len(waits) - 1, len(waits) * percent // 100)])
    return {"rows": len(waits), "p50_ms": at(50), "p95_ms": at(95), "p99_ms": at(99), "max_ms": round(waits[-1])}


def silver_rows(table):
    """(sent, event, partition, visible) of each row."""
    for moment, files in commits(table):
        for file in files:
            rows = pq.read_table(file, columns=["kafka_ts", "ts", "symbol"])
            for sent, event, symbol in zip(millis(rows["kafka_ts"]), millis(rows["ts"]), rows["symbol"].to_pylist()):
                yield sent, event, int(symbol[1:]) % PARTITIONS, moment


def gold_waits(table, rows, begin):
    # Of each partition, in the order of sending: when, and the newest event time so far.
    progress = []
    for partition in range(PARTITIONS):
        mine = sorted((sent, event) for sent, event, number, _ in rows if number == partition)
        progress.append(([sent for sent, _ in mine], list(itertools.accumulate((event for _, event in mine), max))))
    for moment, files in commits(table):
        for file in files:
            for start in millis(pq.read_table(file, columns=["minute"])["minute"]):
                first = [bisect.bisect_left(newest, start + WINDOW_MS + DELAY_MS) for _, newest in progress]
                if any(at == len(sent) for at, (sent, _) in zip(first, progress)):
                    continue  # closed by the end of the run
                closed = max(sent[at] for at, (sent, _) in zip(first, progress))
                if closed >= begin:
                    yield moment - closed


def main():
    tables, warm = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    rows = list(silver_rows(tables / "silver"))
    begin = min(row[0] for row in rows) + warm * 1000
    waits = [visible - sent for sent, _, _, visible in rows if sent >= begin]
    seconds = (max(row[0] for row in rows) - begin) / 1000
    print(json.dumps({"rows_per_s": round(len(waits) / seconds), "silver": summary(waits),
                      "gold": summary(gold_waits(tables / "gold", rows, begin)),
                      "silver_commits": sum(1 for _ in commits(tables / "silver"))}))


main()
