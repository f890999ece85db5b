"""The windows of ../windows.py by Spark and Delta: windows_spark.py STREAM TARGET QUERY; in the query {stream}."""
import json
import sys
import time

from spark_session import session, usage

stream, target, query = sys.argv[1:]
spark = session()
begun = time.monotonic()
rows = (spark.readStream.schema("key BIGINT, ts TIMESTAMP, size BIGINT, price DOUBLE").option("maxFilesPerTrigger", 1)
        .parquet(stream).withWatermark("ts", "1 hour"))
rows.createOrReplaceTempView("ticks")
job = (spark.sql(query.format(stream="ticks")).writeStream.format("delta").outputMode("append")
       .option("checkpointLocation", target + "_checkpoint").trigger(availableNow=True))
job.start(target).awaitTermination()
seconds = time.monotonic() - begun
cpu, peak = usage(spark)
print(json.dumps({"seconds": round(seconds, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": peak}), flush=True)
