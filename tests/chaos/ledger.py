"""What a topic holds and what the tables hold of it, by readers that are not ours: Kafka's own consumer (or the form of
the embedded log that docs/embedded_log.md gives), deltalake and pyarrow."""
import collections
import datetime
import json
import re
import struct

import deltalake
import pyarrow
from world import Failed, check

WINDOW_US, DELAY_US = 2_000_000, 60_000_000
Record = collections.namedtuple("Record", "number value")


def kafka_records(broker, topic):
    tool = ("tool", broker.folder)
    ends = [line.split(":") for line in broker.call(*tool, "org.apache.kafka.tools.GetOffsetShell", "--topic", topic).split()]
    count = sum(int(end) for _, _, end in ends)  # offsets have no gaps: no transactions, no compaction
    show = [word for name in ("partition", "offset", "headers", "value")
            for word in ("--formatter-property", f"print.{name}=true")]
    out = broker.call(*tool, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--from-beginning",
                      "--max-messages", count, "--timeout-ms", 60_000, *show) if count else ""
    records = {}
    for line in out.splitlines():
        if not line.startswith("Partition:"):
            continue  # that no more came in time
        partition, offset, headers, value = line.split("\t", 3)
        key = (int(partition.split(":")[1]), int(offset.split(":")[1]))
        check(key not in records, f"the broker gives {key} twice")
        records[key] = Record(int(re.search(r"\bseq:(\d+)", headers)[1]), value)
    for _, partition, end in ends:
        missing = {(int(partition), offset) for offset in range(int(end))} - set(records)
        check(not missing, f"Kafka's consumer was not given {len(missing)} records: {sorted(missing)[:3]}")
    return records


def embedded_records(folder, topic):
    records = {}
    for partition in sorted((folder / topic).glob("[0-9]*")):
        expected = 0
        for segment in sorted(partition.glob("*.log")):
            data = segment.read_bytes()
            at = 0
            while at + 8 <= len(data):
                (length,) = struct.unpack_from("<I", data, at + 4)
                if at + 8 + length > len(data):
                    break  # the torn tail of the last append
                offset, record = decoded(data[at + 8:at + 8 + length])
                check(offset == expected, f"{segment} has offset {offset} where {expected} belongs")
                records[(int(partition.name), offset)] = record
                expected += 1
                at += 8 + length
    return records


def decoded(body):
    offset, _, key, value, headers = struct.unpack_from("<qqiiI", body)
    at = 28 + max(key, 0)
    text = body[at:at + value].decode()
    at += max(value, 0)
    number = None
    for _ in range(headers):
        name_bytes, value_bytes = struct.unpack_from("<Ii", body, at)
        at += 8
        if body[at:at + name_bytes] == b"seq":
            number = int(body[at + name_bytes:at + name_bytes + value_bytes])
        at += name_bytes + max(value_bytes, 0)
    return offset, Record(number, text)


def rows(project, name, columns):
    table = deltalake.DeltaTable(str(project.table(name))).to_pyarrow_table(columns=columns)
    return list(zip(*(column.to_pylist() for column in (table[name] for name in columns))))


def micros(text):
    instant = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (instant - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def twice(keys):
    return [key for key, count in collections.Counter(keys).items() if count > 1]


def check_bronze_so_far(project):
    """Cheap enough for each round: what is there is there once, and without a gap."""
    places = rows(project, "bronze", ["partition", "offset"])
    doubled = twice(places)
    check(not doubled, f"bronze has rows twice: {sorted(doubled)[:10]}")
    for partition in {place[0] for place in places}:
        offsets = [place[1] for place in places if place[0] == partition]
        check(max(offsets) == len(offsets) - 1, f"bronze lacks rows of partition {partition}: "
              f"{sorted(set(range(max(offsets))) - set(offsets))[:10]}")
    return len(places)


def check_topic(records):
    """Every number once; those of a partition that the source sent in order are in order."""
    numbers = [record.number for record in records.values()]
    doubled = twice(numbers)
    check(not doubled, f"the topic has {len(doubled)} records twice: {sorted(doubled)[:10]}")
    missing = set(range(max(numbers) + 1)) - set(numbers)
    check(not missing, f"the topic lacks {len(missing)} records: {sorted(missing)[:10]}")
    last = {}
    for (partition, offset), record in sorted(records.items()):
        check(record.number > last.get(partition, -1), f"partition {partition}, offset {offset}: out of order")
        last[partition] = record.number


def is_sound(tick):
    return tick is not None and tick.get("symbol") and tick["price"] > 0


def parsed(value):
    try:
        return json.loads(value)
    except ValueError:
        return None


def check_tables(project, records):
    """All tables equal what is worked out from the topic alone. Returns figures."""
    bronze = rows(project, "bronze", ["partition", "offset", "value"])
    check_equal("bronze", bronze, [(*place, record.value) for place, record in records.items()])
    ticks = {place: parsed(record.value) for place, record in records.items()}
    good = {place: tick for place, tick in ticks.items() if is_sound(tick)}
    silver = rows(project, "silver", ["partition", "offset", "symbol", "price", "size", "seq"])
    check_equal("silver", silver, [(*place, tick["symbol"], tick["price"], tick["size"], tick["seq"])
                                   for place, tick in good.items()])
    aside = rows(project, "silver__quarantine", ["partition", "offset"])
    check_equal("the quarantine", aside, [place for place in ticks if place not in good])
    windows = check_gold(project, good.values())
    totals = collections.defaultdict(lambda: [0, 0])
    for tick in good.values():
        totals[tick["symbol"]][0] += 1
        totals[tick["symbol"]][1] += tick["size"]
    check_equal("totals", rows(project, "totals", ["symbol", "trades", "volume"]),
                [(symbol, *values) for symbol, values in totals.items()])
    return {"records": len(records), "rows": len(silver), "aside": len(aside), "windows": windows}


def check_gold(project, ticks):
    windows = collections.defaultdict(list)
    newest = max(micros(tick["ts"]) for tick in ticks)
    for tick in ticks:
        ts = micros(tick["ts"])
        start = ts - ts % WINDOW_US
        if start + WINDOW_US <= newest - DELAY_US:  # closed
            windows[(tick["symbol"], start)].append((ts, tick["seq"], tick["size"], tick["price"]))
    expected = [(symbol, start, len(of), sum(one[2] for one in of), max(one[3] for one in of), min(of)[1])
                for (symbol, start), of in windows.items()]
    table = deltalake.DeltaTable(str(project.table("gold"))).to_pyarrow_table()
    starts = table["start"].cast(pyarrow.timestamp("us", "UTC")).cast(pyarrow.int64()).to_pylist()
    rest = [table[name].to_pylist() for name in ("symbol", "trades", "volume", "high", "first")]
    check_equal("gold", [(symbol, start, *values) for symbol, start, *values in zip(rest[0], starts, *rest[1:])],
                expected)
    return len(expected)


def check_equal(what, found, expected):
    found, expected = collections.Counter(found), collections.Counter(expected)
    if found == expected:
        return
    more, less = found - expected, expected - found
    raise Failed(f"{what}: {sum(more.values())} rows too many, such as {sorted(more)[:3]}; "
                 f"{sum(less.values())} missing, such as {sorted(less)[:3]}")
