"""bench/project on Spark Structured Streaming and Delta: spark.py BOOTSTRAP TABLES once|live

Three chained queries that write TABLES/{bronze,silver,gold}. once: each drains what is there (AvailableNow), one after the
other; prints one JSON object. live: all three at once without a pause, until it is told to stop.
"""
import json
import pathlib
import sys
import time

BEGUN = time.monotonic()
from pyspark.sql import functions as F

from spark_session import session, usage

TICK = "symbol STRING, ts TIMESTAMP, price DOUBLE, size BIGINT, venue STRING, seq BIGINT"


def queries(spark, bootstrap, tables):
    def bronze():
        topic = spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap)
        rows = topic.option("subscribe", "ticks").option("startingOffsets", "earliest").load()
        return rows.selectExpr("CAST(value AS STRING) AS raw", "partition", "offset", "timestamp AS kafka_ts")

    def silver():
        rows = spark.readStream.format("delta").load(f"{tables}/bronze")
        ticks = rows.select(F.from_json("raw", TICK).alias("t"), "kafka_ts").select("t.*", "kafka_ts")
        good = ticks.where("symbol IS NOT NULL AND ts IS NOT NULL AND price > 0 AND size > 0")
        return good.withColumn("symbol", F.upper(F.trim("symbol")))

    def gold():
        rows = spark.readStream.format("delta").load(f"{tables}/silver").withWatermark("ts", "10 seconds")
        order = F.struct("ts", "seq")
        return (rows.groupBy(F.window("ts", "1 minute").alias("w"), "symbol")
                .agg(F.min_by("price", order).alias("open"), F.max("price").alias("high"), F.min("price").alias("low"),
                     F.max_by("price", order).alias("close"), F.sum("size").alias("volume"), F.count("*").alias("n"))
                .selectExpr("symbol", "w.start AS minute", "open", "high", "low", "close", "volume", "n"))

    return {"bronze": bronze, "silver": silver, "gold": gold}


def start(name, rows, tables, **trigger):
    writer = rows.writeStream.format("delta").queryName(name).outputMode("append").trigger(**trigger)
    return writer.option("checkpointLocation", f"{tables}/_checkpoints/{name}").start(f"{tables}/{name}")


def wait_for_table(path):  # a Delta stream needs its table to be there
    while not list(pathlib.Path(path).glob("_delta_log/*.json")):
        time.sleep(0.05)


def main():
    bootstrap, tables, mode = sys.argv[1:]
    spark = session()
    ready = time.monotonic()
    running = []
    for name, rows in queries(spark, bootstrap, tables).items():
        if mode == "once":
            start(name, rows(), tables, availableNow=True).awaitTermination()
            continue
        if running:
            wait_for_table(f"{tables}/{running[-1].name}")
        running.append(start(name, rows(), tables, processingTime="0 seconds"))
    if mode == "live":
        print("running", flush=True)
        sys.stdin.read()  # to its end: stop
    for query in running:
        query.stop()
    cpu, peak = usage(spark)
    now = time.monotonic()
    print(json.dumps({"seconds": round(now - ready, 2), "seconds_with_start": round(now - BEGUN, 2),
                      "cpu_s": round(cpu, 2), "peak_rss_mib": peak}), flush=True)
    spark.stop()


main()
