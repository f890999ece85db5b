"""The data of ../scd2.py: scd2_changes.py CHANGES KEYS ROWS ROWS_PER_FILE LATE
CHANGES: a folder of Parquet files (id, price, venue, seq). First each key once, then ROWS - KEYS changes of keys drawn from all, each
with a price of its own;
`seq` is the place in time, and of LATE percent comes up to three files later than its place."""
import pathlib
import sys

import duckdb

folder, keys, rows, per_file, late = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
folder.mkdir()
duckdb.sql(f"""CREATE TABLE changes AS
  SELECT CASE WHEN range < {keys} THEN range ELSE hash(range, 1) % {keys} END::BIGINT AS id,
         (1 + range * 7919 % 1000000007)::BIGINT AS price, 'venue ' || hash(range, 3) % 50 AS venue, range AS seq,
         range + CASE WHEN hash(range, 4) % 100 < {late} THEN 1 + hash(range, 5) % {3 * per_file} ELSE 0 END AS came
  FROM range({rows})""")
for file, first in enumerate(range(0, rows, per_file)):
    duckdb.sql(f"COPY (SELECT id, price, venue, seq FROM changes ORDER BY came, seq LIMIT {per_file} OFFSET {first}) "
               f"TO '{folder}/{file:05}.parquet' (FORMAT parquet)")
