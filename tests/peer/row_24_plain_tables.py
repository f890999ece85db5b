"""Row 24 of the mission: warehouses read the tables. None of them can be had here, so what they all need is checked in the log and in the files:
no feature of the protocol that the table's own columns or properties do not ask for, and Parquet that the oldest readers know.

check(root) takes every version of the table there. Alone: PYTHON tests/peer/row_24_plain_tables.py FOLDER, for all tables below it."""
import json
import pathlib
import sys
import urllib.parse

import pyarrow
import pyarrow.parquet

PLAIN = {"minReaderVersion": 1, "minWriterVersion": 2}
# What a property or a column asks for. Reader version 1 stays but for the last two.
WRITER_VERSIONS = {"delta.constraints.": 3, "delta.enableChangeDataFeed": 4}
READER_FEATURES = {"delta.enableDeletionVectors": "deletionVectors", "delta.enableTypeWidening": "typeWidening"}
ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY", "DELTA_BINARY_PACKED"}
FILE_WORDS = {"path", "partitionValues", "size", "modificationTime", "dataChange", "stats", "tags"}


class Exotic(Exception):
    pass


def check_protocol(root, protocol, metadata):
    asked = {name for name, value in metadata["configuration"].items() if value.lower() != "false"}
    wanted = {feature for name, feature in READER_FEATURES.items() if name in asked}
    if "timestamp_ntz" in metadata["schemaString"]:
        wanted.add("timestampNtz")
    if set(protocol.get("readerFeatures", [])) != wanted:
        raise Exotic(f"{root}: readers need {protocol}, and the table asks for {wanted or 'nothing'}")
    if wanted:
        return
    writer = max([PLAIN["minWriterVersion"], *(version for name, version in WRITER_VERSIONS.items() if any(one.startswith(name) for one in asked))])
    if protocol["minReaderVersion"] != PLAIN["minReaderVersion"] or protocol["minWriterVersion"] > writer:
        raise Exotic(f"{root}: {protocol}, and version 1 for readers and {writer} for writers would do")


def check_type(where, kind):
    if pyarrow.types.is_timestamp(kind) and kind.unit != "us":
        raise Exotic(f"{where}: instants in {kind.unit}")
    if pyarrow.types.is_unsigned_integer(kind) or pyarrow.types.is_large_string(kind) or pyarrow.types.is_dictionary(kind):
        raise Exotic(f"{where}: {kind}")
    for i in range(kind.num_fields if pyarrow.types.is_nested(kind) else 0):
        check_type(where, kind.field(i).type)


def check_file(root, add, partitions):
    if set(add) - FILE_WORDS:
        raise Exotic(f"{root}: {add['path']} needs readers that know {sorted(set(add) - FILE_WORDS)}")
    if set(add["partitionValues"]) != set(partitions):
        raise Exotic(f"{root}: {add['path']} has partition values {add['partitionValues']}")
    path = root / urllib.parse.unquote(add["path"])
    file = pyarrow.parquet.ParquetFile(path)
    if file.metadata.num_rows != json.loads(add["stats"])["numRecords"]:
        raise Exotic(f"{path}: {file.metadata.num_rows} rows, {add['stats']}")
    for field in file.schema_arrow:
        check_type(path, field.type)
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            chunk = file.metadata.row_group(group).column(column)
            if chunk.compression not in ("ZSTD", "UNCOMPRESSED") or set(chunk.encodings) - ENCODINGS or chunk.physical_type == "INT96":
                raise Exotic(f"{path}: {chunk.path_in_schema} is {chunk.physical_type}, {chunk.compression}, {chunk.encodings}")


def check(root):
    """The number of versions."""
    protocol = metadata = None
    entries = sorted((root / "_delta_log").glob("*.json"))
    for entry in entries:
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        for action in actions:
            protocol = action.get("protocol", protocol)
            metadata = action.get("metaData", metadata)
        check_protocol(root, protocol, metadata)
        for action in actions:
            if "add" in action and (root / urllib.parse.unquote(action["add"]["path"])).exists():
                check_file(root, action["add"], metadata["partitionColumns"])
    return len(entries)


def check_all(folder):
    """Every table below a folder; the number of them."""
    logs = sorted(folder.glob("**/_delta_log"))
    for log in logs:
        if not check(log.parent):
            raise Exotic(f"{log.parent}: no version")
    return len(logs)


if __name__ == "__main__":
    try:
        print(f"plain tables: {check_all(pathlib.Path(sys.argv[1]))}")
    except Exotic as problem:
        sys.exit(str(problem))
