"""What all benchmarks share: one JSON line, a command's time and memory."""
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

from peers import peers

REPO = pathlib.Path(__file__).resolve().parent.parent


def machine():
    model = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def commit():
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=REPO, capture_output=True, text=True).stdout.strip()


def say(bench, **figures):
    print(json.dumps({"bench": bench, **figures, "commit": commit(), "machine": machine()}), flush=True)


def measured(command, answer, log, environment=None):
    """Runs to the end: wall and CPU seconds, peak RSS in MiB."""
    start = time.monotonic()
    with open(answer, "w") as out, open(log, "w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{pathlib.Path(log).read_text()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def python():
    found = sorted(peers.cache().glob("python-readers-*/venv/bin/python"))
    return found[-1] if found else sys.exit("the Python readers are not installed: tools/setup.sh test")
