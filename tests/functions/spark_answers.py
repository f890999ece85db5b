"""Asks Spark 4.2 for the answer to every case of cases.txt and to every query of queries.txt, and writes answers.jsonl and
queries.jsonl. Needs pyspark 4.2.0; run by hand when these change: python spark_answers.py [cases|queries] [--new]; with
--new, answers that are there are kept."""
import base64
import datetime as dt
import json
import pathlib
import sys
from decimal import Decimal

from pyspark.sql import SparkSession
from pyspark.sql.functions import map_from_entries
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

import rows

HERE = pathlib.Path(__file__).parent


def plain(value):
    """A value as `ticklake sql --output jsonl` writes it, decimals as text."""
    if isinstance(value, dt.datetime):
        fraction = ".%06d" % value.microsecond if value.microsecond else ""
        return value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction + "Z"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return {"decimal": format(value, "f")}
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {True: "NaN", False: "Infinity" if value > 0 else "-Infinity"}[value != value]
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "asDict"):
        return [plain(v) for v in value]
    if hasattr(value, "asDict"):
        return {k: plain(v) for k, v in zip(value.__fields__, value)}
    return value


def error_class(error):
    if isinstance(error, Py4JJavaError):  # from Java itself, without a class of Spark's
        return "UNKNOWN"
    get = getattr(error, "getCondition", None) or getattr(error, "getErrorClass")
    return get() or "UNKNOWN"


def blocks(text):
    """(options, query) of each block of queries.txt; options are its lines "-- key" and "-- key: value". "-- with: market": the
    query goes on from market.sql."""
    for block in text.split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if not line.startswith("#")]
        heads = [line[3:] for line in lines if line.startswith("-- ")]
        query = "\n".join(line for line in lines if not line.startswith("-- "))
        if query:
            yield dict((head.split(": ", 1) + [True])[:2] for head in heads), query


def kept_answers(name, key):
    """Lines of a file of answers by what was asked, where --new was given."""
    lines = (HERE / name).read_text().splitlines() if "--new" in sys.argv[1:] else []
    return {json.loads(line)[key]: line for line in lines}


def answer_queries(spark):
    out, kept = [], kept_answers("queries.jsonl", "query")
    for options, query in blocks((HERE / "queries.txt").read_text()):
        case = {"query": query, **options}
        if query in kept:
            out.append(kept[query])
            continue
        try:
            frame = spark.sql((HERE / f"{options['with']}.sql").read_text() + query if "with" in options else query)
            case["names"] = frame.columns
            case["types"] = [f.dataType.simpleString() for f in frame.schema.fields]
            got = [[plain(v) for v in row] for row in frame.collect()]
            case["answers"] = got if "ordered" in options else sorted(got, key=json.dumps)
        except Exception as error:  # ParseException and the JVM's own among them
            case = {"query": query, **options}
            case["error"] = error_class(error) if isinstance(error, PySparkException) else type(error).__name__
        out.append(json.dumps(case, ensure_ascii=False))
        print(query, "->", case.get("error", case.get("types")), flush=True)
    (HERE / "queries.jsonl").write_text("\n".join(out) + "\n")


def table(spark, name, data):
    """The rows as a view. Maps come as arrays of entries: a dict of Python loses its order on the way."""
    entries = "ARRAY<STRUCT<key: STRING, value: INT>>"
    ddl = ", ".join(f"`{n}` {entries if t.startswith('MAP') else t}" for n, t in rows.COLUMNS)
    data = [tuple(list(v.items()) if isinstance(v, dict) else v for v in row) for row in data]
    frame = spark.createDataFrame(data, ddl).withColumn("m", map_from_entries("m"))
    frame.coalesce(1).cache().createOrReplaceTempView(name)


def answer_cases(spark):
    out, kept = [], kept_answers("answers.jsonl", "case")
    for line in (HERE / "cases.txt").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line in kept:
            out.append(kept[line])
            continue
        kind, text = line.split(": ", 1)
        case = {"case": line}
        try:
            frame = spark.sql(f"SELECT {text} AS answer FROM different ORDER BY id" if kind == "row" else text)
            case["types"] = [f.dataType.simpleString() for f in frame.schema.fields]
            got = frame.collect()
            case["answers"] = [plain(r[0]) for r in got] if kind == "row" else sorted(
                ([plain(v) for v in r] for r in got), key=json.dumps)
        except (PySparkException, Py4JJavaError) as error:
            case = {"case": line, "error": error_class(error)}
        except (ValueError, OverflowError) as error:  # what Python has no value for
            print("LEFT OUT", line, error, flush=True)
            continue
        out.append(json.dumps(case, ensure_ascii=False))
        print(line, "->", case.get("error", case.get("types")), flush=True)
    (HERE / "answers.jsonl").write_text("\n".join(out) + "\n")


def main():
    spark = (SparkSession.builder.master("local[2]").config("spark.sql.session.timeZone", "UTC")
             .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "2").getOrCreate())
    spark.sparkContext.setLogLevel("OFF")
    for name, data in (("different", rows.different_rows()), ("rows", rows.all_rows())):
        table(spark, name, data)
    if "queries" not in sys.argv[1:]:
        answer_cases(spark)
    if "cases" not in sys.argv[1:]:
        answer_queries(spark)


main()
