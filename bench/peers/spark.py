"""bench/project on Spark Structured Streaming and Delta: spark.py BOOTSTRAP TABLES once|live

Three chained queries that write TABLES/{bronze,silver,gold}. once: each drains what is there (AvailableNow), one after the
other; prints one JSON object. live: all three at once without a pause, until it is told to stop.

The settings are those that made Spark fastest on two cores: filters stay above from_json, which would else be called again
for each of them, four shuffle partitions, no UI.
"""
import json
import os
import pathlib
import sys
import time

BEGUN = time.monotonic()
HERE = pathlib.Path(__file__).resolve().parent
SETTINGS = {
    "spark.master": f"local[{os.cpu_count()}]",
    "spark.driver.memory": "4g",
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "4",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer.PushDownPredicates,"
                                         "org.apache.spark.sql.catalyst.optimizer.PushPredicateThroughNonJoin",
    "spark.jars": ",".join(os.environ["SPARK_JARS"].split()),
}
os.environ["PYSPARK_SUBMIT_ARGS"] = " ".join(f"--conf {name}={value}" for name, value in SETTINGS.items()) + " pyspark-shell"

from pyspark.sql import SparkSession, functions as F

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


def usage(pid):
    """CPU seconds so far, and peak RSS in MiB."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    peak = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) // 1024


def main():
    bootstrap, tables, mode = sys.argv[1:]
    spark = SparkSession.builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    jvm = spark._jvm.java.lang.ProcessHandle.current().pid()
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
    cpu, peak = usage(jvm)
    own = os.times()
    now = time.monotonic()
    print(json.dumps({"seconds": round(now - ready, 2), "seconds_with_start": round(now - BEGUN, 2),
                      "cpu_s": round(cpu + own.user + own.system, 2), "peak_rss_mib": peak}), flush=True)
    spark.stop()


main()
