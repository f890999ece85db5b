"""The statement of ../merge.py by Spark and Delta: merge_spark.py STATEMENT"""
import json
import sys
import time

from spark_session import session, usage

spark = session()
begun = time.monotonic()
spark.sql(sys.argv[1]).collect()
seconds = time.monotonic() - begun
cpu, peak = usage(spark)
print(json.dumps({"seconds": round(seconds, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": peak}), flush=True)
