"""bench/project as Python glue: glue.py BOOTSTRAP TABLES once|live, with confluent-kafka, DuckDB and delta-rs.

One process takes micro-batches from the topic and appends them to TABLES/{bronze,silver,gold}; open windows are in DuckDB.
once: until the ends that the partitions have at the start; prints one JSON object. live: until it is told to stop.

It keeps no offsets with its commits and no state outside its memory: killed, it loses or repeats. A bound for what glue can
be, not an equal.
"""
import json
import os
import resource
import select
import sys
import time

import duckdb
import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from deltalake import write_deltalake

BATCH = 100_000
FIELDS = '{"symbol":"VARCHAR","ts":"VARCHAR","price":"DOUBLE","size":"BIGINT","venue":"VARCHAR","seq":"BIGINT"}'
SILVER = f"""
SELECT upper(trim(t.symbol)) AS symbol, t.ts::TIMESTAMPTZ AS ts, t.price, t.size, t.venue, t.seq, kafka_ts, partition
FROM (SELECT from_json(CASE WHEN json_valid(raw) THEN raw END, '{FIELDS}') AS t, kafka_ts, partition FROM bronze)
WHERE t.symbol IS NOT NULL AND t.ts IS NOT NULL AND t.price > 0 AND t.size > 0"""
STATE = """
CREATE TABLE windows(symbol VARCHAR, minute TIMESTAMPTZ, open DOUBLE, first STRUCT(ts TIMESTAMPTZ, seq BIGINT), high DOUBLE, low DOUBLE,
                     close DOUBLE, last STRUCT(ts TIMESTAMPTZ, seq BIGINT), volume HUGEINT, n BIGINT, PRIMARY KEY(symbol, minute))"""
MERGE = """
INSERT INTO windows
SELECT symbol, time_bucket(INTERVAL 1 MINUTE, ts), arg_min(price, k), min(k), max(price), min(price), arg_max(price, k), max(k), sum(size), count(*)
FROM (SELECT *, {{'ts': ts, 'seq': seq}} AS k FROM silver WHERE time_bucket(INTERVAL 1 MINUTE, ts) + INTERVAL 1 MINUTE > make_timestamptz({watermark}))
GROUP BY ALL
ON CONFLICT DO UPDATE SET
  open = CASE WHEN excluded.first < first THEN excluded.open ELSE open END, first = least(first, excluded.first),
  high = greatest(high, excluded.high), low = least(low, excluded.low),
  close = CASE WHEN excluded.last > last THEN excluded.close ELSE close END, last = greatest(last, excluded.last),
  volume = volume + excluded.volume, n = n + excluded.n"""
CLOSED = "FROM windows WHERE minute + INTERVAL 1 MINUTE <= make_timestamptz({watermark})"
DELAY_US = 10_000_000


class Glue:
    def __init__(self, tables, partitions):
        self.tables, self.partitions = tables, partitions
        self.db = duckdb.connect(config={"threads": os.cpu_count()})
        self.db.execute("SET TimeZone = 'UTC'")
        self.db.execute(STATE)
        self.newest, self.watermark = {}, 0

    def append(self, table, rows):
        write_deltalake(f"{self.tables}/{table}", rows, mode="append")

    def take(self, records):
        moments = pa.array([record.timestamp()[1] for record in records], pa.timestamp("ms", "UTC"))
        bronze = pa.table({"raw": pa.array([record.value() for record in records], pa.binary()).cast(pa.string()),
                           "partition": pa.array([record.partition() for record in records], pa.int32()),
                           "offset": pa.array([record.offset() for record in records], pa.int64()),
                           "kafka_ts": moments.cast(pa.timestamp("us", "UTC"))})
        self.append("bronze", bronze)
        self.db.register("bronze", bronze)
        silver = self.db.sql(SILVER).to_arrow_table()
        self.append("silver", silver.drop_columns("partition"))
        self.db.register("silver", silver)
        self.db.execute(MERGE.format(watermark=self.watermark)).fetchall()
        self.close_windows()

    def close_windows(self):
        for partition, newest in self.db.execute("SELECT partition, epoch_us(max(ts)) FROM silver GROUP BY ALL").fetchall():
            self.newest[partition] = max(self.newest.get(partition, 0), newest)
        # Of the slowest partition: they are not read in step.
        if len(self.newest) < self.partitions or min(self.newest.values()) - DELAY_US <= self.watermark:
            return
        self.watermark = min(self.newest.values()) - DELAY_US
        closed = CLOSED.format(watermark=self.watermark)
        rows = self.db.sql(f"SELECT symbol, minute, open, high, low, close, volume::BIGINT AS volume, n {closed}").to_arrow_table()
        if rows.num_rows:
            self.append("gold", rows)
            self.db.execute("DELETE " + closed).fetchall()


def told_to_stop():
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main():
    bootstrap, tables, mode = sys.argv[1:]
    begun = time.monotonic()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "glue", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 10, "queued.min.messages": 200_000})
    partitions = list(consumer.list_topics("ticks", 10).topics["ticks"].partitions)
    left = sum(consumer.get_watermark_offsets(TopicPartition("ticks", number))[1] for number in partitions)
    consumer.assign([TopicPartition("ticks", number, OFFSET_BEGINNING) for number in partitions])
    glue = Glue(tables, len(partitions))
    if mode == "live":
        print("running", flush=True)
    while left > 0 if mode == "once" else not told_to_stop():
        records = consumer.consume(BATCH, 1.0 if mode == "once" else 0.1)
        if records:
            glue.take(records)
            left -= len(records)
    own = resource.getrusage(resource.RUSAGE_SELF)
    seconds = round(time.monotonic() - begun, 2)
    print(json.dumps({"seconds": seconds, "seconds_with_start": seconds, "cpu_s": round(own.ru_utime + own.ru_stime, 2),
                      "peak_rss_mib": own.ru_maxrss // 1024}), flush=True)


main()
