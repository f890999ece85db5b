"""Runs exported projects by the command line of Spark's pipelines. One line in: the folder of a project, whose name is that of
its database. One line out: "ok", or why its run did not complete."""
import contextlib
import pathlib
import sys

from pyspark.pipelines import cli
from pyspark.sql import SparkSession


def run(project):
    with contextlib.redirect_stdout(sys.stderr):
        spark = SparkSession.builder.getOrCreate()
        spark.sql(f"CREATE DATABASE IF NOT EXISTS {project.name}")
        spark.stop()
        cli.run(spec_path=project / "spark-pipeline.yml", full_refresh=[], full_refresh_all=False, refresh=[], dry=False)


for line in sys.stdin:
    try:
        run(pathlib.Path(line.strip()))
        print("ok", flush=True)
    except Exception as problem:  # whatever Spark says is the answer
        print(" ".join(str(problem).split())[:2000] or type(problem).__name__, flush=True)
