"""3,000 small commits with all maintenance on: bounded files and log, every row there, all retained versions readable.

    python soak_test.py BUILD/release/bench/bench_soak
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import deltalake
import pyarrow

COMMITS, ROWS, RETAINED = 3000, 10, 900


def main():
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory) / "table"
        done = subprocess.run([sys.argv[1], root, str(COMMITS), str(RETAINED)], check=True, capture_output=True, text=True)
        figures = json.loads(done.stdout)
        log = root / "_delta_log"
        assert figures["live_files_max"] < 150, figures
        # What is retained, what came until the log was next looked at, and a commit for each compaction.
        assert len(list(log.glob("*.json"))) < RETAINED + 600 + 250 + 150, figures
        assert len(list(root.glob("*.parquet"))) < 2 * RETAINED + 1000, figures
        first = min(int(path.name[:20]) for path in log.glob("*.checkpoint.parquet"))
        newest = figures["versions"]
        assert first <= newest - RETAINED, "a version within the retention is gone"
        counts = []
        for version in range(first, newest + 1):
            table = deltalake.DeltaTable(str(root), version=version)
            counts.append(sum(pyarrow.table(table.get_add_actions(flatten=True))["num_records"].to_pylist()))
            if version > newest - RETAINED and (version % 50 == 0 or version > newest - 20):
                ids = table.to_pyarrow_table(columns=["id"])["id"].to_pylist()
                assert sorted(ids) == list(range(counts[-1])), f"version {version}: rows are missing or doubled"
        assert counts == sorted(counts) and counts[-1] == COMMITS * ROWS, counts[-1]
        print(f"soak: versions {first} to {newest} read by deltalake; {figures}", flush=True)


main()
os._exit(0)  # without the reader's own clean-up, whose threads sometimes abort the process
