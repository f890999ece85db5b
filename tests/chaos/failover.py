#!/usr/bin/env python3
"""Three brokers, of which the one that leads is killed: PYTHON tests/chaos/failover.py BINARY [--turns N] [--keep]

The topic has three replicas, of which two must have a record before it is acknowledged. While a project goes on from
source to gold the leader of a partition is killed (kill -9), then the one that keeps the offsets for lag tools, and so
on; each comes back before the next. PYTHON is that of the readers (tools/setup.sh test).
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import ledger
from world import ROOT, Failed, Program, Project, check, is_alive, until

GROUP = "ticklake-chaos-c.d.bronze"


class Cluster:
    def __init__(self, folder):
        self.whole, self.dead = folder, set()
        self.address = self.call("cluster", folder).strip()

    @property
    def folder(self):
        """Of a node that lives, for the tools."""
        return next(self.whole / str(node) for node in (1, 2, 3) if node not in self.dead)

    def call(self, *arguments):
        done = subprocess.run([ROOT / "tools/kafka.sh", *map(str, arguments)], capture_output=True, text=True)
        check(done.returncode == 0, f"kafka.sh {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def describe(self, topic):
        """{partition: (leader, replicas, in sync)}"""
        out = self.call("tool", self.folder, "org.apache.kafka.tools.TopicCommand", "--describe", "--topic", topic)
        lines = re.findall(r"Partition: (\d+)\s+Leader: (\w+)\s+Replicas: (\S+)\s+Isr: (\S*)", out)
        return {int(one[0]): (int(one[1]), one[2].split(","), one[3].split(",")) for one in lines}

    def published(self):
        """The sum of the offsets that lag tools see."""
        out = self.call("tool", self.folder, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe",
                        "--group", GROUP)
        return sum(int(row.split()[3]) for row in out.splitlines() if row.startswith(GROUP) and row.split()[3] != "-")

    def kill(self, node):
        pid = int((self.whole / str(node) / "pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not is_alive(pid), "the end of a killed broker")
        self.dead.add(node)

    def restart(self):
        self.call("cluster", self.whole)
        self.dead.clear()
        for topic in ("ticks", "__consumer_offsets"):
            until(lambda: all(len(one[2]) == 3 for one in self.describe(topic).values()), f"all replicas of {topic}")


def gets_on(project, program, cluster, what):
    before = {name: project.version(name) + 2 for name in ("bronze", "silver", "gold")}

    def moved():
        program.ensure()
        return all(project.version(name) >= version for name, version in before.items())
    until(moved, f"new versions {what}")
    published = cluster.published()
    until(lambda: cluster.published() > published, f"newer offsets for lag tools {what}")


def go(options, folder, cluster):
    project = Project(folder / "project", cluster.address, 1)
    program = Program(options.binary, project)
    try:
        gets_on(project, program, cluster, "at the start")
        for partition, (_, replicas, _) in cluster.describe("ticks").items():
            check(len(replicas) == 3, f"partition {partition} has replicas {replicas}")
        for turn in range(options.turns):
            topic = ("ticks", "__consumer_offsets")[turn % 2]
            leader = cluster.describe(topic)[0][0]
            cluster.kill(leader)
            gets_on(project, program, cluster, f"after node {leader}, which led {topic}, was killed")
            cluster.restart()
        check(program.starts == 1, f"it was started {program.starts} times")
        program.kill()
        program.once()
        records = ledger.kafka_records(cluster, "ticks")
        ledger.check_topic(records)
        return ledger.check_tables(project, records)
    finally:
        if program.runs():
            program.process.kill()
            program.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ticklake-failover-"))
    failed = 0
    try:
        cluster = Cluster(folder / "kafka")
        print(f"{options.turns} leaders killed: {go(options, folder, cluster)}", flush=True)
    except (Failed, subprocess.TimeoutExpired) as problem:
        failed, options.keep = 1, True
        print(f"FAILED: {problem}\nits files: {folder}", flush=True)
    finally:
        subprocess.run([ROOT / "tools/kafka.sh", "stop", folder / "kafka"], check=False)
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"failover: {1 - failed} passed, {failed} failed", flush=True)
    return failed


code = main()
sys.stdout.flush()
os._exit(code)  # without the reader's own clean-up, whose threads sometimes abort the process
