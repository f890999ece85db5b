"""Windows of gold in two folders of tables: compare.py OURS THEIRS. Ours has the last ones too: at the end of a run with
--once all windows are closed."""
import json
import os
import sys

from deltalake import DeltaTable


def windows(tables):
    rows = DeltaTable(f"{tables}/gold").to_pyarrow_table().to_pylist()
    return {(row["symbol"], row["minute"].timestamp()): [row[name] for name in ("open", "high", "low", "close", "volume", "n")]
            for row in rows}


ours, theirs = map(windows, sys.argv[1:])
print(json.dumps({"gold": len(theirs), "other_than_ours": sum(ours.get(key) != row for key, row in theirs.items())}))
sys.stdout.flush()
os._exit(0)  # deltalake's threads now and then abort a program that ends
