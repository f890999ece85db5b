"""Spark's answers to the cases: spark_answers.py [FILTER] > answers.jsonl, with a Python that has pyspark 4.2.0 and a Java 17.

An answer is {"name", "schema", "rows"} (rows sorted), or {"name", "error"} where Spark refuses."""
import datetime
import decimal
import json
import pathlib
import shutil
import sys
import tempfile

from pyspark.sql import Row, SparkSession

from cases import CASES

HERE = pathlib.Path(__file__).parent


def plain(value):
    if isinstance(value, Row):
        return {name: plain(part) for name, part in zip(value.__fields__, value)}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return value


def answer(spark, case):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in case["files"].items():
            (pathlib.Path(folder) / name).write_bytes(content.encode())
        for name in case.get("data", ()):
            shutil.copy(HERE / "data" / f"{name}.parquet", folder)
        reader = spark.read.format(case["format"]).options(**({"inferSchema": "true"} | case["options"]))
        if case["schema"]:
            reader = reader.schema(case["schema"])
        try:
            rows = reader.load(folder)
            values = sorted((json.dumps(plain(row), ensure_ascii=False) for row in rows.cache().collect()))
            schema = [[field.name, field.dataType.simpleString()] for field in rows.schema.fields]
            return {"name": case["name"], "schema": schema, "rows": [json.loads(row) for row in values]}
        except Exception as problem:
            return {"name": case["name"], "error": getattr(problem, "getCondition", lambda: None)() or type(problem).__name__}


def main():
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.sql.session.timeZone", "UTC").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    for case in (case for case in CASES if not sys.argv[1:] or sys.argv[1] in case["name"]):
        print(json.dumps(answer(spark, case), ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
