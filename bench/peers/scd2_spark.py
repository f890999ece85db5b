"""The history of ../scd2.py by Spark and Delta, as people write it: scd2_spark.py CHANGES TARGET
Each batch: the stored rows of the keys at hand and the changes are one timeline, from which the rows are made anew and merged."""
import json
import sys
import time

from spark_session import session, usage

changes, target = sys.argv[1:]
spark = session()
spark.conf.set("spark.sql.optimizer.excludedRules", "")  # there is no from_json here
spark.sql(f"CREATE TABLE delta.`{target}` (id BIGINT, price BIGINT, venue STRING, __START_AT BIGINT, __END_AT BIGINT) USING delta")


def merge(batch, _):
    batch.createOrReplaceTempView("batch")
    batch.sparkSession.sql(f"""
        MERGE INTO delta.`{target}` AS t USING (
          SELECT id, price, venue, seq AS __START_AT, lead(seq) OVER (PARTITION BY id ORDER BY seq) AS __END_AT
          FROM (SELECT id, price, venue, seq FROM batch UNION
                SELECT id, price, venue, __START_AT FROM delta.`{target}` WHERE id IN (SELECT id FROM batch))
        ) AS s ON t.id = s.id AND t.__START_AT = s.__START_AT
        WHEN MATCHED AND NOT t.__END_AT <=> s.__END_AT THEN UPDATE SET t.__END_AT = s.__END_AT
        WHEN NOT MATCHED THEN INSERT *""")


begun = time.monotonic()
rows = spark.readStream.schema("id BIGINT, price BIGINT, venue STRING, seq BIGINT").option("maxFilesPerTrigger", 1).parquet(changes)
job = rows.writeStream.foreachBatch(merge).option("checkpointLocation", target + "_checkpoint").trigger(availableNow=True)
job.start().awaitTermination()
seconds = time.monotonic() - begun
cpu, peak = usage(spark)
print(json.dumps({"seconds": round(seconds, 2), "cpu_s": round(cpu, 2), "peak_rss_mib": peak}), flush=True)
