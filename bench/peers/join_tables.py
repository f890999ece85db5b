"""The data of ../join.py: join_tables.py SIDE STREAM SIDE_ROWS STREAM_ROWS
SIDE: a Delta table (id, name, price) of every other id. STREAM: a folder of Parquet files (id, size), whose ids are drawn from all."""
import pathlib
import sys

import duckdb
from deltalake import write_deltalake

ROWS_PER_FILE = 500_000

side, stream, side_rows, stream_rows = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
write_deltalake(side, duckdb.sql(
    "SELECT 2 * range AS id, 'instrument ' || range AS name, (1 + hash(range) % 10000)::DOUBLE / 100 AS price "
    f"FROM range({side_rows}) ORDER BY hash(range, 1)").to_arrow_table())
stream.mkdir()
for file, first in enumerate(range(0, stream_rows, ROWS_PER_FILE)):
    rows = f"range({first}, {min(first + ROWS_PER_FILE, stream_rows)})"
    duckdb.sql(f"COPY (SELECT (hash(range, 2) % {2 * side_rows})::BIGINT AS id, (1 + hash(range, 3) % 100)::BIGINT AS size "
               f"FROM {rows}) TO '{stream}/{file:05}.parquet' (FORMAT parquet)")
