"""Other systems on the same ticks: the commands that run them, and whether their gold is ours."""
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def cache():
    return pathlib.Path(os.environ.get("TICKLAKE_CACHE", pathlib.Path.home() / ".cache/ticklake"))


def glue_python():
    return cache() / "python-glue-1/venv/bin/python"


def spark(script, *arguments):
    """What runs a script of this folder with Spark, and the environment that it needs."""
    jars = [*(cache() / "spark-4.2.0/jars").glob("*.jar"), *(cache() / "spark-kafka-4.2.0/jars").glob("*.jar")]
    python = cache() / "spark-4.2.0/venv/bin/python"
    return [python, HERE / script, *arguments], os.environ | {"SPARK_JARS": " ".join(map(str, jars)),
                                                              "PYSPARK_PYTHON": str(python)}


def command(name, bootstrap, tables, mode):
    if name == "spark":
        return spark("spark.py", bootstrap, tables, mode)
    return [glue_python(), HERE / "glue.py", bootstrap, tables, mode], os.environ


def once(name, bootstrap, tables, log):
    """Its own figures of draining the topic."""
    arguments, environment = command(name, bootstrap, tables, "once")
    with open(log, "w") as err:
        done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, stderr=err, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{name} failed:\n{pathlib.Path(log).read_text()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Live:
    """Runs until the block is left; `figures` are its own."""

    def __init__(self, name, bootstrap, tables, log):
        self.name, self.log = name, log
        self.arguments, self.environment = command(name, bootstrap, tables, "live")

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=open(self.log, "w"), text=True)
        if "running" not in self.process.stdout.readline():
            self.process.wait()
            raise SystemExit(f"{self.name} failed:\n{pathlib.Path(self.log).read_text()[-2000:]}")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.figures = json.loads(self.process.stdout.read().splitlines()[-1])
        self.process.wait()
