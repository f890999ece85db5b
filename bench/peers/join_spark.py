"""The join of ../join.py by Spark and Delta: join_spark.py SIDE STREAM TARGET QUERY; in the query {stream} and {side}."""
import json
import sys
import time

from spark_session import session, usage

side, stream, target, query = sys.argv[1:]
spark = session()
begun = time.monotonic()
rows = spark.readStream.schema("id BIGINT, size BIGINT").option("maxFilesPerTrigger", 1).parquet(stream)
rows.createOrReplaceTempView("orders")
joined = spark.sql(query.format(stream="orders", side=f"delta.`{side}`"))
job = joined.writeStream.format("delta").option("checkpointLocation", target + "_checkpoint").trigger(availableNow=True)
job.start(target).awaitTermination()
seconds = time.monotonic() - begun
cpu, peak = usage(spark)
print(json.dumps({"seconds": round(seconds, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": peak}), flush=True)
