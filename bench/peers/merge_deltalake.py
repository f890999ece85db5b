"""The statement of ../merge.py by delta-rs: merge_deltalake.py TABLE SOURCE"""
import json
import os
import sys
import time

from deltalake import DeltaTable

begun = time.monotonic()
source = DeltaTable(sys.argv[2]).to_pyarrow_table()
DeltaTable(sys.argv[1]).merge(source, "t.id = s.id", source_alias="s", target_alias="t") \
    .when_matched_update_all().when_not_matched_insert_all().execute()
print(json.dumps({"seconds": round(time.monotonic() - begun, 2)}), flush=True)
os._exit(0)  # the package's threads sometimes abort a process that ends
