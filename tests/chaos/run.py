#!/usr/bin/env python3
"""kill -9 at any instant: PYTHON tests/chaos/run.py BINARY [--rounds N] [--seed N] [--on kafka,embedded] [--keep]

A project goes on from source to gold while, round after round, the program, its broker or both are killed: while they
start, while records are under way, while a file is being written, right after a commit. Row 20 of the reference
systems: the first load is killed too, and what follows it live joins on without a gap or a double. PYTHON is that of the readers
(tools/setup.sh test). A seed draws the same victims and moments again; the instants depend on the machine.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import ledger
from world import TABLES, Broker, Failed, Program, Project, check, until

CHECK_TOPIC_EVERY = 25


class Chaos:
    def __init__(self, options, folder, broker):
        self.random = random.Random(options.seed)
        self.broker, self.options, self.folder = broker, options, folder
        self.project = Project(folder, broker.address if broker else "embedded", options.seed)
        self.program = Program(options.binary, self.project)
        self.kills = {}

    def records(self):
        if self.broker:
            return ledger.kafka_records(self.broker, "ticks")
        return ledger.embedded_records(self.project.storage / "topics", "ticks")

    def wait_a_moment(self):
        """Until the instant that this round was drawn: of the clock, or of what the program does."""
        kind = self.random.choice(["start", "later", "later", "commit", "commit", "writing"])
        seconds, table = self.random.random(), self.random.choice(TABLES)
        if kind == "start":
            return time.sleep(seconds * 0.6)
        if kind == "later":
            return time.sleep(0.2 + seconds * 2)
        before, end = self.project.version(table), time.monotonic() + 5
        happened = {"commit": lambda: self.project.version(table) > before,
                    "writing": lambda: any(self.project.storage.glob("tables/*/*/*/.ticklake-tmp-*"))}[kind]
        while time.monotonic() < end and not happened():
            pass
        return None

    def play(self):
        victims = ["program"] if not self.broker else ["program"] * 4 + ["broker"] * 3 + ["both"] * 2 + ["stalled"] * 2
        victim = self.random.choice(victims)
        self.kills[victim] = self.kills.get(victim, 0) + 1
        self.program.ensure()
        self.wait_a_moment()
        getattr(self, "kill_" + victim)()

    def kill_program(self):
        self.program.kill()

    def kill_broker(self):
        self.broker.kill()
        self.broker.restart()

    def kill_both(self):
        first, second = self.random.sample([self.program.kill, self.broker.kill], 2)
        first()
        second()
        if self.random.random() < 0.5:
            self.program.ensure()  # it will find nobody
        self.broker.restart()

    def kill_stalled(self):
        """Records are on their way to a broker that does not take them: it may do so later, or never."""
        self.broker.signal(signal.SIGSTOP)
        time.sleep(self.random.random() * 0.3)
        self.program.kill()
        self.program.ensure()
        time.sleep(self.random.random() * 0.3)
        if self.random.random() < 0.5:
            self.broker.signal(signal.SIGCONT)
        else:
            self.broker.kill()
            self.broker.restart()

    def go(self):
        began = time.monotonic()
        for number in range(1, self.options.rounds + 1):
            try:
                self.play()
                if self.project.version("bronze") >= 0:
                    ledger.check_bronze_so_far(self.project)
                if number % CHECK_TOPIC_EVERY == 0:
                    self.progresses()
                    self.program.kill()
                    self.program.once()
                    ledger.check_topic(self.records())
            except Failed as problem:
                raise Failed(f"round {number}: {problem}") from None
        self.progresses()
        figures = self.end()
        return {**figures, "rounds": self.options.rounds, "kills": self.kills, "starts": self.program.starts,
                "refusals": self.program.refusals, "seconds": round(time.monotonic() - began)}

    def progresses(self):
        """Whatever was done to it, it gets on by itself."""
        before = {name: self.project.version(name) for name in ("bronze", "silver", "gold")}

        def all_moved():
            self.program.ensure()
            return all(self.project.version(name) > version for name, version in before.items())
        until(all_moved, "new versions of bronze, silver and gold")

    def end(self):
        self.program.kill()
        self.program.once()
        records = self.records()
        ledger.check_topic(records)
        check(self.program.acknowledged <= len(records), f"the source was told of {self.program.acknowledged} records, "
              f"the topic has {len(records)}")
        figures = ledger.check_tables(self.project, records)
        figures["acknowledged and told"] = self.program.acknowledged
        return figures


def run_on(kind, options):
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ticklake-chaos-{kind}-"))
    broker = chaos = None
    try:
        broker = Broker(folder / "kafka") if kind == "kafka" else None
        chaos = Chaos(options, folder / "project", broker)
        print(f"row 20 on {kind}, seed {options.seed}: {chaos.go()}", flush=True)
        return True
    except Failed as problem:
        print(f"FAILED row 20 on {kind}, seed {options.seed}: {problem}\nits files: {folder}", flush=True)
        options.keep = True
        return False
    finally:
        if chaos and chaos.program.runs():
            chaos.program.process.kill()
            chaos.program.process.wait()
        if broker:
            broker.stop()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", default="kafka,embedded")
    parser.add_argument("--keep", action="store_true", help="leave the files where they are")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    results = [run_on(kind, options) for kind in options.on.split(",")]
    print(f"chaos: {sum(results)} passed, {len(results) - sum(results)} failed", flush=True)
    return 0 if all(results) else 1


code = main()
sys.stdout.flush()
os._exit(code)  # without the reader's own clean-up, whose threads sometimes abort the process
