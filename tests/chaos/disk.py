#!/usr/bin/env python3
"""Disks that fail under the real program: PYTHON tests/chaos/disk.py BINARY [--filter PATTERN] [--seed N] [--keep]

faulty_disk.c stands between the program and what lies below its storage. Each test lets a project run from source to
gold, brings one kind of fault upon it, takes it away, and expects what had been told in a sentence with file and reason
to be over, nothing lost and nothing twice. PYTHON is that of the readers (tools/setup.sh test).
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import ledger
from world import Failed, Program, Project, check, until

HERE = pathlib.Path(__file__).resolve().parent
REASONS = {"eio": "Input/output error", "enospc": "No space left on device"}
HITS = 8  # of a fault, until it is taken away again


class FaultyProgram(Program):
    """Ends only with a sentence that names the file and the reason."""

    def __init__(self, binary, project, library):
        control = project.folder / "fault"
        super().__init__(binary, project, {"LD_PRELOAD": str(library),
                                           "FAULTY_DISK": f"below={project.storage} control={control}"})
        self.control = control
        self.OUTAGE = re.compile(rf"\./storage/\S*( cannot be written)?: ({'|'.join(REASONS.values())})")

    def fault(self, text):
        """From the next call on; what it hit is counted anew by each process."""
        fresh = self.control.with_suffix(".new")
        fresh.write_text(text + "\n")
        os.replace(fresh, self.control)

    def hits(self):
        try:
            return int(self.control.with_suffix(".count").read_text() or 0)
        except FileNotFoundError:
            return 0

    def forget_hits(self):
        self.control.with_suffix(".count").unlink(missing_ok=True)


class Disk:
    def __init__(self, options, folder, library):
        self.options = options
        self.project = Project(folder, "embedded", options.seed)
        self.program = FaultyProgram(options.binary, self.project, library)

    def reaches(self, **versions):
        def there():
            self.program.ensure()
            return all(self.project.version(name) >= version for name, version in versions.items())
        until(there, f"versions {versions}")

    def goes_on(self):
        names = ("bronze", "silver", "gold")
        self.reaches(**{name: self.project.version(name) + 2 for name in names})

    def end(self):
        self.program.kill()
        self.program.once()
        records = ledger.embedded_records(self.project.storage / "topics", "ticks")
        ledger.check_topic(records)
        return ledger.check_tables(self.project, records)

    def suffers(self, kind, calls, share):
        """The fault for so many hits, in as many processes as end by it."""
        self.reaches(bronze=2, gold=1)
        self.program.forget_hits()
        hits, seen = 0, 0
        self.program.fault(f"{kind} {calls} {self.options.seed} {share}")

        def enough():
            nonlocal hits, seen
            self.program.ensure()
            now = self.program.hits()
            hits += now - seen if now >= seen else now
            seen = now
            return hits >= HITS
        until(enough, f"{HITS} hits of {kind} {calls}; there were {hits}")
        self.program.fault("none")
        if kind in REASONS:
            sentence = re.compile(rf"cannot [a-z ]+ \./storage/\S*: {REASONS[kind]}")
            until(lambda: sentence.search(self.program.log.read_text(errors="replace")), "a sentence with file and reason")
        self.goes_on()
        return {**self.end(), "hits": hits, "ended by itself": self.program.refusals}


def test_reads_that_fail(disk):
    return disk.suffers("eio", "read", 60)


def test_writes_that_fail(disk):
    return disk.suffers("eio", "write", 60)


def test_syncs_that_fail(disk):
    return disk.suffers("eio", "sync", 60)


def test_names_that_cannot_be_given(disk):
    return disk.suffers("eio", "rename,link", 120)


def test_files_that_cannot_be_opened(disk):
    return disk.suffers("eio", "open,stat", 20)


def test_row_11_everything_on_the_disk_fails_at_times(disk):
    return disk.suffers("eio", "read,write,sync,rename,link,open,stat,cut", 15)


def test_a_disk_that_is_full_at_times(disk):
    return disk.suffers("enospc", "write,link,rename,sync", 100)


def test_a_disk_that_is_full(disk):
    return disk.suffers("enospc", "write", 1000)


def test_reads_and_writes_of_a_part(disk):
    return disk.suffers("short", "read,write", 500)


def test_a_slow_disk(disk):
    return disk.suffers("slow", "sync,link", 1000)


def test_a_start_on_a_dead_disk_says_why(disk):
    disk.program.fault("eio write,sync,open 1 1000")
    disk.program.start()
    until(lambda: not disk.program.runs(), "its end")
    disk.program.see_end()
    disk.program.process = None
    disk.program.fault("none")
    disk.reaches(gold=2)
    return disk.end()


def test_a_query_on_a_dead_disk_gives_no_rows(disk):
    disk.reaches(bronze=2, silver=2, gold=2)
    disk.program.kill()
    program = disk.program
    for command in (["table", "read", "silver"], ["sql", "SELECT count(*) FROM silver"], ["table", "history", "silver"]):
        for fault in ("eio read 1 1000", "eio open 1 1000"):
            program.fault(fault)
            done = subprocess.run([program.binary, *command], cwd=disk.project.folder, env=program.environment,
                                  capture_output=True, text=True)
            check(done.returncode == 1 and not done.stdout, f"{command}: exit {done.returncode}, {done.stdout[:200]}")
            check(program.OUTAGE.search(done.stderr), f"{command} on {fault}: {done.stderr}")
    program.fault("none")
    return disk.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    tests = [test for name, test in globals().items() if name.startswith("test_") and re.search(options.filter, name)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ticklake-disk-"))
    library = folder / "faulty_disk.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, HERE / "faulty_disk.c", "-ldl", "-lpthread"],
                   check=True)
    failed = 0
    for test in tests:
        disk = Disk(options, folder / test.__name__, library)
        try:
            print(f"{test.__name__}: {test(disk)}", flush=True)
        except (Failed, subprocess.TimeoutExpired) as problem:
            failed += 1
            options.keep = True
            print(f"FAILED {test.__name__}, seed {options.seed}: {problem}\nits files: {disk.project.folder}", flush=True)
        finally:
            if disk.program.runs():
                disk.program.process.kill()
                disk.program.process.wait()
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"disk: {len(tests) - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not tests else 0


code = main()
sys.stdout.flush()
os._exit(code)  # without the reader's own clean-up, whose threads sometimes abort the process
