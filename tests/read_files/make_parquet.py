"""Writes data/*.parquet with Spark, once: make_parquet.py, with a Python that has pyspark 4.2.0 and a Java 17."""
import pathlib
import shutil
import tempfile

from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent
TABLES = {
    "types": """SELECT CAST(1 AS TINYINT) a, CAST(2 AS SMALLINT) b, 3 c, 4L d, CAST(1.5 AS FLOAT) e, 2.5D f, CAST(3.5 AS DECIMAL(10,2)) g,
        CAST(4.25 AS DECIMAL(30,4)) h, 'x' i, X'00FF' j, true k, DATE'2026-01-05' l, TIMESTAMP'2026-01-05 10:00:00.123456Z' m,
        TIMESTAMP_NTZ'2026-01-05 10:00:00' n, named_struct('x', 1, 'y', array('p', NULL)) o, array(array(1), NULL) p, map('k', 1.5D) q
      UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL""",
    "old": "SELECT 1 AS a, 'x' AS b, TIMESTAMP'1969-12-31 23:59:59.5Z' AS t",
    "new": "SELECT 2 AS a, 3L AS c",
}


def main():
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.sql.session.timeZone", "UTC").getOrCreate())
    for name, sql in TABLES.items():
        spark.conf.set("spark.sql.parquet.outputTimestampType", "INT96" if name == "old" else "TIMESTAMP_MICROS")
        with tempfile.TemporaryDirectory() as folder:
            spark.sql(sql).coalesce(1).write.mode("overwrite").parquet(folder + "/t")
            part = next(pathlib.Path(folder, "t").glob("*.parquet"))
            shutil.copy(part, HERE / "data" / f"{name}.parquet")


if __name__ == "__main__":
    main()
