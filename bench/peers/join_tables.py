"""The data of ../join.py: join_tables.py SIDE STREAM SIDE_ROWS STREAM_ROWS
SIDE: a Delta table (id, name, price). STREAM: a folder of Parquet files (id, size), ids drawn from those of the table and as many
that are not there."""
import pathlib
import sys

import numpy
import pyarrow
import pyarrow.parquet
from deltalake import write_deltalake

ROWS_PER_FILE = 500_000

side, stream, side_rows, stream_rows = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
random = numpy.random.default_rng(5)
ids = random.permutation(2 * side_rows)[:side_rows].astype("int64")
write_deltalake(side, pyarrow.table({"id": ids, "name": [f"instrument {i}" for i in ids],
                                     "price": random.integers(1, 10_000, side_rows) / 100}))
stream.mkdir()
for file, first in enumerate(range(0, stream_rows, ROWS_PER_FILE)):
    count = min(ROWS_PER_FILE, stream_rows - first)
    table = pyarrow.table({"id": random.integers(0, 2 * side_rows, count, dtype="int64"),
                           "size": random.integers(1, 100, count, dtype="int64")})
    pyarrow.parquet.write_table(table, stream / f"{file:05}.parquet")
