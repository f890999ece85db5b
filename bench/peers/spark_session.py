"""A session of Spark with Delta, and what its JVM has used.

The settings are those that made Spark fastest on two cores: filters stay above from_json, which would else be called again
for each of them, four shuffle partitions, no UI.
"""
import os
import pathlib

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

from pyspark.sql import SparkSession


def session():
    spark = SparkSession.builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def usage(spark):
    """CPU seconds so far of its JVM and this process, and the JVM's peak RSS in MiB."""
    pid = spark._jvm.java.lang.ProcessHandle.current().pid()
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    peak = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    own = os.times()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + own.user + own.system, int(peak.split()[1]) // 1024
