"""Spark as one long-lived server, and the pipelines command of Spark's own that runs one project after the other on it."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peer"))

import spark_pipelines

SECONDS_MAX = 300  # a start that takes longer will never come


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Spark:
    """`conf`: the folder of an exported project, whose settings are taken."""

    def __init__(self, home, pipelines, conf, log):
        self.log = open(log, "w")
        port = free_port()
        environment = spark_pipelines.environment(conf, home, pipelines)
        command = [spark_pipelines.packages(home) / "pyspark/bin/spark-submit", "--master", "local[2]",
                   "--conf", f"spark.connect.grpc.binding.port={port}", "--conf", "spark.connect.grpc.binding.address=127.0.0.1",
                   "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
        self.server = subprocess.Popen(list(map(str, command)), cwd=conf, env=environment, stdout=self.log, stderr=self.log, start_new_session=True)
        self.client = None
        end = time.monotonic() + SECONDS_MAX
        while not self.answers(port):
            if self.server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Spark's server does not come up: {log}")
            time.sleep(0.2)
        environment["SPARK_REMOTE"] = f"sc://127.0.0.1:{port}"
        self.client = subprocess.Popen([environment["PYSPARK_PYTHON"], pathlib.Path(__file__).with_name("spark_client.py")], cwd=conf, env=environment,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    @staticmethod
    def answers(port):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False

    def run(self, project):
        """None, or why the run did not complete."""
        self.client.stdin.write(f"{project}\n")
        self.client.stdin.flush()
        answer = self.client.stdout.readline()
        if not answer:
            raise RuntimeError(f"Spark's client stopped: {self.log.name}")
        return None if answer == "ok\n" else answer.strip()

    def stop(self):
        if self.client:
            self.client.stdin.close()
            self.client.wait()
        if self.server.poll() is None:
            os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()
        self.log.close()
