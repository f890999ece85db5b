"""How tests run exported projects: with the jars that tools/setup.sh brought, instead of those that Spark would fetch."""
import os


def settings(exported, spark, jars=(), more=()):
    """Makes the settings of an exported project fit for this machine. `jars`: folders beside those of Delta; `more`: lines."""
    path = exported / "conf/spark-defaults.conf"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("spark.jars.packages")]
    folders = ":".join(f"{folder}/*" for folder in [spark / "jars", *jars])
    lines += [f"spark.driver.extraClassPath {folders}", "spark.driver.memory 1g", "spark.ui.enabled false", "spark.driver.host 127.0.0.1",
              "spark.driver.bindAddress 127.0.0.1", "spark.sql.shuffle.partitions 1", "spark.databricks.delta.snapshotPartitions 1",
              "spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1", "spark.log.level WARN", *more]
    path.write_text("\n".join(lines) + "\n")


def packages(spark):
    return next((spark / "venv/lib").glob("python3*")) / "site-packages"


def environment(exported, spark, pipelines):
    python = pipelines / "venv/bin/python"
    return {"PATH": f"{python.parent}:{os.environ['PATH']}", "HOME": str(exported), "PYTHONPATH": str(packages(spark)), "PYSPARK_PYTHON": str(python),
            "PYSPARK_DRIVER_PYTHON": str(python), "SPARK_HOME": str(packages(spark) / "pyspark"), "SPARK_CONF_DIR": str(exported / "conf"),
            "LC_ALL": "C.UTF-8", "TZ": "UTC"}
