"""Writes the rows of rows.py as two Delta tables, <dir>/different and <dir>/rows, with deltalake: make_tables.py DIR"""
import pathlib
import re
import sys

import pyarrow as pa
from deltalake import write_deltalake

import rows

ARROW = {"INT": pa.int32(), "BOOLEAN": pa.bool_(), "TINYINT": pa.int8(), "SMALLINT": pa.int16(), "BIGINT": pa.int64(),
         "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "STRING": pa.string(), "DATE": pa.date32(),
         "TIMESTAMP": pa.timestamp("us", "UTC"), "DECIMAL(18,4)": pa.decimal128(18, 4),
         "ARRAY<INT>": pa.list_(pa.int32()), "ARRAY<STRING>": pa.list_(pa.string()),
         "MAP<STRING,INT>": pa.map_(pa.string(), pa.int32())}
schema = pa.schema([(name, ARROW[kind]) for name, kind in rows.COLUMNS])
for name, data in (("different", rows.different_rows()), ("rows", rows.all_rows())):
    columns = [pa.array([list(v.items()) if isinstance(v := row[i], dict) else v for row in data], schema.field(i).type) for i in range(len(schema))]
    write_deltalake(str(pathlib.Path(sys.argv[1]) / name), pa.Table.from_arrays(columns, schema=schema))
