"""The tables of ../merge.py: merge_tables.py TABLE SOURCE recent|scattered ROWS SOURCE_ROWS"""
import os
import sys

import duckdb
from deltalake import WriterProperties, write_deltalake

FILE_ROWS = 250_000
TRADES = """
SELECT id, 'S' || lpad((hash(id, {seed}) % 500)::VARCHAR, 3, '0') AS symbol,
       make_timestamptz(1767623400000000 + id * 1000) AS ts, (hash(id, {seed}, 1) % 100000 / 100)::DOUBLE AS price,
       (hash(id, {seed}, 2) % 10000)::BIGINT AS size, ['XNYS', 'XLON', 'XTKS'][1 + (hash(id, {seed}, 3) % 3)::INT] AS venue
FROM ({ids})"""


def trades(seed, ids):
    return duckdb.sql(TRADES.format(seed=seed, ids=ids)).to_arrow_table()


def main():
    table, source, layout, rows, source_rows = sys.argv[1:]
    rows, half = int(rows), int(source_rows) // 2
    for start in range(0, rows, FILE_ROWS):
        ids = f"SELECT range AS id FROM range({start}, {min(start + FILE_ROWS, rows)})"
        write_deltalake(table, trades(1, ids), mode="append",
                        writer_properties=WriterProperties(compression="ZSTD"))
    first = rows - rows // 20 if layout == "recent" else 0
    write_deltalake(source, trades(2, f"SELECT range AS id FROM range({first}, {rows}, {(rows - first) // half}) "
                                      f"UNION ALL SELECT range FROM range({rows}, {rows + half})"))
    os._exit(0)  # the package's threads sometimes abort a process that ends


main()
