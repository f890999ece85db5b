"""Every table of a run, at every version, as ticklake reads it and as deltalake reads it."""
import decimal
import json
import os
import pathlib
import subprocess

READER = pathlib.Path(__file__).resolve().parent.parent / "peer" / "read_table.py"


def find_python():
    cache = os.environ.get("TICKLAKE_CACHE")
    if not cache:
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ticklake"
    python = pathlib.Path(cache) / "python-readers-1/venv/bin/python"
    return python if python.exists() else None


class Number(str):
    """A JSON number with its digits as they were written."""


def loads(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def compact(value):
    """JSON text in which numbers keep their digits."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(key) + ":" + compact(item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def canonical(value):
    """Equal for equal values, however each side writes its numbers."""
    if isinstance(value, Number):
        return "#" + str(decimal.Decimal(value).normalize())
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}={canonical(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value)


def rows(lines):
    return sorted(canonical(loads(line)) for line in lines)


def compare(box, python):
    from sandbox import Failed
    roots = box.tables()
    wanted = []
    for root in roots:
        newest = json.loads(box.expect("table", "describe", str(root), "--output", "json"))["version"]
        wanted += [(str(root), version) for version in range(newest + 1)]
    if not wanted:
        return
    asked = "".join(f"{version}\t{root}\n" for root, version in wanted)
    reader = subprocess.run([str(python), str(READER)], input=asked, capture_output=True, text=True, timeout=300)
    answers = reader.stdout.splitlines()
    if reader.returncode != 0 or len(answers) != len(wanted):
        raise Failed(f"the peer could not read what was written: {reader.stderr[-2000:]}")
    for (root, version), answer in zip(wanted, answers):
        theirs = rows(compact(row) for row in loads(answer))
        ours = rows(box.expect("table", "read", root, "--version", str(version), "--output", "jsonl").splitlines())
        if ours != theirs:
            differing = [f"ours   {row}" for row in ours if row not in theirs][:3]
            differing += [f"theirs {row}" for row in theirs if row not in ours][:3]
            raise Failed(f"{pathlib.Path(root).name} version {version}: {len(ours)} rows as ticklake reads it, "
                         f"{len(theirs)} as deltalake reads it\n" + "\n".join(differing))
