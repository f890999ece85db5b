"""Reads Delta tables with Apache Spark and delta-spark: the same questions and answers as read_table.py.

    python spark_read.py JARS     JARS: the folder of delta-spark's jars
One line in: version, tab, path. One line out: a JSON array of its rows, or "! " and why it cannot be read.
"""
import pathlib
import sys

from pyspark.sql import SparkSession

from read_table import rows_text

SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
}


def session(jars):
    builder = SparkSession.builder.master("local[1]").appName("ticklake")
    builder = builder.config("spark.jars", ",".join(str(jar) for jar in sorted(pathlib.Path(jars).glob("*.jar"))))
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    return spark


def answer(spark, version, root):
    try:
        table = spark.read.format("delta").option("versionAsOf", version).load(root).toArrow()
        return "[" + ",".join(rows_text(table)) + "]"
    except Exception as problem:  # whatever Spark says is the answer
        return "! " + " ".join(str(problem).split())[:2000]


def main():
    spark = session(sys.argv[1])
    for request in sys.stdin:
        version, _, root = request.rstrip("\n").partition("\t")
        print(answer(spark, version, root), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
