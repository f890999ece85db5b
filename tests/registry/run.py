#!/usr/bin/env python3
"""Avro and JSON Schema records on a real Kafka and a real schema registry: run.py [--binary B] [--filter TEXT].

The other side is Confluent's own client: what it writes, ticklake reads, and the other way round. Between ticklake and
the registry stands a gate of ours, which counts what is asked, wants a login, and can be shut. Run it with the Python
of the registry clients that tools/setup.sh test brings.
"""
import argparse
import base64
import decimal
import datetime
import http.server
import importlib.util
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
spec = importlib.util.spec_from_file_location("kafka_projects", ROOT / "tests/kafka/run.py")
kafka = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kafka)
check, until, Failed, Running = kafka.check, kafka.until, kafka.Failed, kafka.Running

# Else the client asks for associations, of which only Confluent's registries know.
BY_TOPIC = {"subject.name.strategy": topic_subject_name_strategy}
QUIET = {"log_level": 0}  # what is wrong is told by answers; the client logs each broker that it loses
LOGIN, PASSWORD, WRONG = "registry-user", "registry-secret-4711", "not-the-right-one-4711"
TICK = {"type": "record", "name": "Tick", "namespace": "market", "fields": [
    {"name": "symbol", "type": "string"}, {"name": "price", "type": "double"}, {"name": "seq", "type": "long"}]}
TICK_2 = {**TICK, "fields": [*TICK["fields"], {"name": "venue", "type": ["null", "string"], "default": None}]}
TICK_BAD = {**TICK, "fields": [*TICK["fields"], {"name": "venue", "type": "string"}]}


class Gate:
    """Passes requests on to the registry."""

    def __init__(self, target, login=None, certificate=None):
        self.target, self.login, self.asked, self.shut = target, login, [], False
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                gate.asked.append(f"{self.command} {self.path}")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if gate.shut:
                    return self.send(503, b"{}")
                if gate.login:
                    wanted = "Basic " + base64.b64encode(gate.login.encode()).decode()
                    if self.headers.get("Authorization") not in (wanted, f"Bearer {gate.login}"):
                        return self.send(401, b'{"error_code":401,"message":"Unauthorized"}')
                request = urllib.request.Request(gate.target + self.path, data=body or None, method=self.command)
                if body:
                    request.add_header("Content-Type", self.headers["Content-Type"])
                try:
                    with urllib.request.urlopen(request) as response:
                        return self.send(response.status, response.read())
                except urllib.error.HTTPError as problem:
                    return self.send(problem.code, problem.read())

            def send(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.address = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def count(self, part):
        return sum(part in one for one in self.asked)


def there(line):
    """A row without its NULLs."""
    return json.loads(line, object_hook=lambda row: {name: value for name, value in row.items() if value is not None})


class World:
    def __init__(self, folder):
        self.broker = kafka.Broker(folder / "kafka")
        self.folder = folder / "registry"
        done = subprocess.run([ROOT / "tools/registry.sh", "start", self.folder], capture_output=True, text=True)
        check(done.returncode == 0, done.stdout + done.stderr)
        self.url = done.stdout.strip()
        self.client = SchemaRegistryClient({"url": self.url, "timeout": 30})
        self.producer = Producer({"bootstrap.servers": self.broker.plain, **QUIET})

    def stop(self):
        subprocess.run([ROOT / "tools/registry.sh", "stop", self.folder], check=False)
        self.broker.stop()

    def send(self, topic, *values, partition=0):
        for value in values:
            self.producer.produce(topic, value=value, partition=partition)
        check(self.producer.flush(30) == 0, "not everything was sent")

    def avro(self, topic, schema, *rows):
        """The rows as Confluent's serializer frames them; it registers the schema."""
        serializer = AvroSerializer(self.client, json.dumps(schema), conf=BY_TOPIC)
        return [serializer(row, SerializationContext(topic, MessageField.VALUE)) for row in rows]

    def read(self, topic):
        consumer = Consumer({"bootstrap.servers": self.broker.plain, "group.id": "reader", "enable.auto.commit": False,
                             **QUIET})
        parts = list(consumer.list_topics(topic).topics[topic].partitions)
        wanted = sum(consumer.get_watermark_offsets(TopicPartition(topic, p))[1] for p in parts)
        consumer.assign([TopicPartition(topic, p, 0) for p in parts])
        out = []
        while len(out) < wanted:
            message = consumer.poll(30)
            check(message is not None and message.error() is None, f"{topic}: {len(out)} of {wanted} records")
            out.append(message.value())
        consumer.close()
        return out


FROM_AVRO = "from_avro(value, subject => '{topic}-value')"


class Project(kafka.Project):
    """Its table `bronze` decodes one topic."""

    def __init__(self, options, world, topic, configuration=None, call=FROM_AVRO, select="v.*", properties="",
                 registry=None):
        self.call_text, self.select, self.properties = call.format(topic=topic), select, properties
        url = {} if registry == "" else {"registry.url": registry or world.url}
        super().__init__(options, world.broker, {"kafka.bootstrap": world.broker.plain, **url, **(configuration or {})},
                         topic)

    def write_sql(self, _=""):
        self.write("transformations/bronze.sql",
                   f"CREATE STREAMING TABLE bronze TBLPROPERTIES('ticklake.pace' = '100 ms'{self.properties}) AS\n"
                   f"SELECT {self.select} FROM (SELECT {self.call_text} AS v, partition, offset FROM STREAM read_kafka(\n"
                   f"  bootstrapServers => '${{kafka.bootstrap}}', subscribe => '{self.topic}',\n"
                   "  startingOffsets => 'earliest'));\n")

    def table(self, name="bronze"):
        done = self.call("table", "read", name, "--output", "jsonl")
        rows = [there(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []
        return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))

    def expect(self, *rows, name="bronze"):
        wanted = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
        check(self.table(name) == wanted, f"expected {wanted}\nfound {self.table(name)}")

    def killed_until_done(self, *command):
        """Ended as if killed after every step, and started again; how often."""
        for kills in range(100):
            done = self.call(*command)
            check(done.returncode in (0, 137), done.stderr)
            if done.returncode == 0:
                return kills
        raise Failed("not done after 100 runs")

    def expect_no_secret(self):
        for secret in (PASSWORD, WRONG, base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()):
            check(secret not in self.seen, f"{secret} was printed")
            for path in (self.folder / "storage").rglob("*"):
                if path.is_file():
                    check(secret.encode() not in path.read_bytes(), f"{secret} is in {path}")


def tick(seq, symbol="IBM", **more):
    return {"symbol": symbol, "price": 100.0 + seq, "seq": seq, **more}


# ---- row 5: Avro and JSON Schema, decoded and encoded

def test_mission_row_5_schema_registry_avro_in(options, world):
    project = Project(options, world, "row5-avro-in")
    project.create(3)
    for partition in range(3):
        rows = [tick(seq) for seq in range(partition, 30, 3)]
        world.send(project.topic, *world.avro(project.topic, TICK, *rows), partition=partition)
    project.works("validate")
    project.run_once()
    project.expect(*(tick(seq) for seq in range(30)))


def test_mission_row_5_schema_registry_json_in(options, world):
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Tick", "type": "object", "properties": {
        "symbol": {"type": "string"}, "price": {"type": "number"}, "seq": {"type": "integer"},
        "venue": {"oneOf": [{"type": "null"}, {"type": "string"}]}}}
    topic = "row5-json-in"
    project = Project(options, world, topic, call="from_json(value, NULL, map('subject', '{topic}-value'))",
                      properties=", 'ticklake.quarantine' = 'undecodable'")
    project.create()
    serializer = JSONSerializer(json.dumps(schema), world.client, conf=BY_TOPIC)
    values = [serializer(row, SerializationContext(topic, MessageField.VALUE))
              for row in (tick(1), tick(2, venue="XNAS"))]
    world.send(topic, *values, values[0][:-1], values[0][5:])
    project.run_once()
    project.expect(tick(1), tick(2, venue="XNAS"))
    reasons = [row["reason"] for row in project.table("bronze__quarantine")]
    check(len(reasons) == 2 and "malformed JSON" in reasons[0] and "not framed" in reasons[1], str(reasons))


def test_every_type_of_avro(options, world):
    inner = {"type": "record", "name": "Inner", "fields": [{"name": "a", "type": ["null", "int"]}]}
    fields = [
        ("b", "boolean", True), ("i", "int", -7), ("l", "long", 1 << 40), ("f", "float", 1.5), ("d", "double", -2.25),
        ("y", "bytes", b"\x00\xff"), ("s", "string", "gr\u00fc\u00df"),
        ("e", {"type": "enum", "name": "E", "symbols": ["BUY", "SELL"]}, "SELL"),
        ("x", {"type": "fixed", "name": "X", "size": 3}, b"abc"), ("a", {"type": "array", "items": "int"}, [1, 2, 3]),
        ("m", {"type": "map", "values": ["null", "long"]}, {"k": 1, "n": None}), ("r", inner, {"a": 5}),
        ("n", ["null", "Inner"], {"a": None}),
        ("u", ["null", "string", "long"], 12), ("il", ["int", "long"], 9),
        ("dec", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}, decimal.Decimal("-12.34")),
        ("decf", {"type": "fixed", "name": "D", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 3},
         decimal.Decimal("1234567890.125")),
        ("date", {"type": "int", "logicalType": "date"}, datetime.date(2026, 1, 5)),
        ("tm", {"type": "long", "logicalType": "timestamp-millis"},
         datetime.datetime(2026, 1, 5, 14, 30, 0, 123000, datetime.timezone.utc)),
        ("tu", {"type": "long", "logicalType": "timestamp-micros"},
         datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, datetime.timezone.utc)),
        ("lm", {"type": "long", "logicalType": "local-timestamp-micros"}, datetime.datetime(2026, 1, 5, 9, 30, 0, 1)),
        ("uuid", {"type": "string", "logicalType": "uuid"}, "6f1c8d4e-1b7a-4c57-9d6e-0e4d2f0a1b2c"),
    ]
    schema = {"type": "record", "name": "All", "fields": [{"name": name, "type": type} for name, type, _ in fields]}
    topic = "every-type"
    project = Project(options, world, topic)
    project.create()
    world.send(topic, *world.avro(topic, schema, {name: value for name, _, value in fields}))
    project.run_once()
    project.expect({
        "b": True, "i": -7, "l": 1 << 40, "f": 1.5, "d": -2.25, "y": "AP8=", "s": "gr\u00fc\u00df", "e": "SELL",
        "x": "YWJj", "a": [1, 2, 3], "m": {"k": 1}, "r": {"a": 5}, "n": {}, "u": {"member1": 12}, "il": 9, "dec": -12.34,
        "decf": 1234567890.125, "date": "2026-01-05", "tm": "2026-01-05T14:30:00.123000Z",
        "tu": "1969-12-31T23:59:59.999999Z", "lm": "2026-01-05T09:30:00.000001",
        "uuid": "6f1c8d4e-1b7a-4c57-9d6e-0e4d2f0a1b2c"})


def test_a_schema_grows_while_a_run_reads(options, world):
    topic = "evolves"
    project = Project(options, world, topic)
    project.create()
    world.send(topic, *world.avro(topic, TICK, tick(1)))
    with Running(project) as running:
        until(lambda: project.table() == [tick(1)], "the first row")
        world.client.set_compatibility(subject_name=f"{topic}-value", level="BACKWARD")
        world.send(topic, *world.avro(topic, TICK_2, tick(2, venue="XNAS"), tick(3, venue=None)))
        world.send(topic, *world.avro(topic, TICK, tick(4)))
        until(lambda: len(project.table()) == 4, "the rows of the new schema: " + running.text()[-500:])
    project.expect(*(tick(seq) for seq in range(1, 5)))
    # The next run reads with the newest schema: its new field is a new column.
    world.send(topic, *world.avro(topic, TICK_2, tick(5, venue="XNYS")), *world.avro(topic, TICK, tick(6)))
    project.run_once()
    project.expect(*(tick(seq) for seq in range(1, 5)), tick(5, venue="XNYS"), tick(6))
    try:
        world.avro(topic, TICK_BAD, tick(7, venue="x"))
        raise Failed("the registry took an incompatible schema")
    except Exception as problem:
        check("409" in str(problem), f"expected 409: {problem}")


def test_restart_mode_stops_at_a_newer_schema(options, world):
    topic = "restarts"
    call = "from_avro(value, NULL, map('subject', '{topic}-value', 'avroSchemaEvolutionMode', 'restart'))"
    project = Project(options, world, topic, call=call)
    project.create()
    world.send(topic, *world.avro(topic, TICK, tick(1)))
    with Running(project) as running:
        until(lambda: project.table() == [tick(1)], "the first row")
        world.send(topic, *world.avro(topic, TICK_2, tick(2, venue="XNAS")))
        until(lambda: "start the run again" in running.text(), "the run to stop")
    project.run_once()
    project.expect(tick(1), tick(2, venue="XNAS"))


def test_what_cannot_be_decoded_goes_to_the_quarantine(options, world):
    topic = "bad-rows"
    good = world.avro(topic, TICK, tick(1))[0]
    bad = [good[:-1], good + b"x", b"\x00\x7f\xff\xff\xff" + good[5:], b"{}", b"", good[:5] + b"\xff" * 12]
    project = Project(options, world, topic, properties=", 'ticklake.quarantine' = 'undecodable'")
    project.create()
    world.send(topic, good, *bad, good, None)
    project.run_once()
    project.expect(tick(1), tick(1), {})
    rows = sorted(project.table("bronze__quarantine"), key=lambda row: row["offset"])
    words = ["it ends within a number|bytes should follow", "more bytes than", "has no schema", "not framed",
             "not framed", "malformed Avro"]
    check(len(rows) == len(bad), str(rows))
    for row, each, offset in zip(rows, words, range(1, 7)):
        check(row["offset"] == offset and any(word in row["reason"] for word in each.split("|")), f"{each}: {row}")
    # Without a quarantine Spark's modes say what happens: NULL, or the end.
    topic_call = "from_avro(value, NULL, map('subject', '{topic}-value', 'mode', 'PERMISSIVE'))"
    permissive = Project(options, world, topic, call=topic_call)
    permissive.run_once()
    permissive.expect(tick(1), tick(1), *[{}] * 7)
    strict = Project(options, world, topic)
    done = strict.fails("partition 0, offset 1", "run", "--once")
    check("a payload cannot be read" in done.stderr and "PERMISSIVE" in done.stderr, done.stderr)


def test_each_schema_is_asked_for_once(options, world):
    topic = "cache"
    with Gate(world.url) as gate:
        project = Project(options, world, topic, {"ticklake.maxRowsPerStep": "20"}, registry=gate.address)
        project.create(3)
        old = world.avro(topic, TICK, *(tick(seq) for seq in range(50)))
        new = world.avro(topic, TICK_2, *(tick(seq) for seq in range(50)))
        for partition in range(3):
            world.send(topic, *(value for pair in zip(old, new) for value in pair), partition=partition)
        project.run_once()
        check(len(project.table()) == 300, f"{len(project.table())} rows, not 300")
        check(gate.count("/subjects/cache-value/versions/latest") == 1, str(gate.asked))
        check(gate.count("/schemas/ids/") == 1 and len(gate.asked) == 2, str(gate.asked))


def test_a_wrong_password_is_told_and_never_shown(options, world):
    topic = "login"
    with Gate(world.url, f"{LOGIN}:{PASSWORD}") as gate:
        login = {"registry.login": "${env:REGISTRY_LOGIN}"}
        project = Project(options, world, topic, login, registry=gate.address)
        project.create()
        world.send(topic, *world.avro(topic, TICK, tick(1)))
        project.environment = {"REGISTRY_LOGIN": f"{LOGIN}:{WRONG}"}
        project.fails("it refuses the login", "validate")
        project.fails("it refuses the login", "run", "--once")
        project.fails("it refuses the login", "doctor")
        project.environment = {"REGISTRY_LOGIN": f"{LOGIN}:{PASSWORD}"}
        project.works("validate", "--output", "json")
        project.run_once()
        project.expect(tick(1))
        check("registry" in project.works("doctor"), "doctor")
        project.works("table", "history", "bronze")
        project.expect_no_secret()
        # The same as Databricks has it, and a login that is missing.
        call = ("from_avro(value, NULL, map('subject', '{topic}-value', 'schemaRegistryAddress', '" + gate.address +
                "', 'confluent.schema.registry.basic.auth.credentials.source', 'USER_INFO',"
                " 'confluent.schema.registry.basic.auth.user.info', '${{env:REGISTRY_LOGIN}}'))")
        other = Project(options, world, topic, call=call, registry="")
        other.environment = {"REGISTRY_LOGIN": f"{LOGIN}:{PASSWORD}"}
        other.run_once()
        other.expect(tick(1))
        other.environment = {"REGISTRY_LOGIN": f"{LOGIN}:{WRONG}"}
        other.fails("it refuses the login", "run", "--once")
        other.expect_no_secret()
        Project(options, world, topic, registry=gate.address).fails("it wants a login", "validate")
        # The project's login is not for other addresses.
        with Gate(world.url, f"{LOGIN}:{PASSWORD}") as elsewhere:
            call = "from_avro(value, subject => '{topic}-value', schemaRegistryAddress => '" + elsewhere.address + "')"
            leak = Project(options, world, topic, login, call=call, registry=gate.address)
            leak.environment = {"REGISTRY_LOGIN": f"{LOGIN}:{PASSWORD}"}
            leak.fails("it wants a login", "validate")
    with Gate(world.url, "a-bearer-token-4711") as gate:
        project = Project(options, world, topic, {"registry.token": "a-bearer-token-4711"}, registry=gate.address)
        project.run_once()
        project.expect(tick(1))


def test_tls_with_a_certificate_authority_of_ones_own(options, world):
    topic = "tls"
    with Gate(world.url, certificate=world.broker.tls("server.pem")) as gate:
        project = Project(options, world, topic, {"registry.ca_file": world.broker.tls("ca.pem")}, registry=gate.address)
        project.create()
        world.send(topic, *world.avro(topic, TICK, tick(1)))
        project.run_once()
        project.expect(tick(1))
        Project(options, world, topic, registry=gate.address).fails("certificate is not trusted", "validate")


def test_a_registry_that_is_down(options, world):
    topic = "outage"
    with Gate(world.url) as gate:
        project = Project(options, world, topic, registry=gate.address, properties=", 'ticklake.quarantine' = 'undecodable'")
        project.create()
        world.send(topic, *world.avro(topic, TICK, tick(1)))
        gate.shut = True
        project.fails("HTTP status 503", "validate")
        project.fails("HTTP status 503", "run", "--once")
        gate.shut = False
        with Running(project) as running:
            until(lambda: project.table() == [tick(1)], "the first row")
            gate.shut = True
            world.send(topic, *world.avro(topic, TICK_2, tick(2, venue="XNAS")))
            until(lambda: "trying again" in running.text(), "a retry")
            gate.shut = False
            until(lambda: len(project.table()) == 2, "the row after the outage")
        project.expect(tick(1), tick(2))
        check(project.table("bronze__quarantine") == [], "no row is to blame for an outage")
    Project(options, world, topic, registry="http://127.0.0.1:1").fails("check registry.url, and that it runs", "validate")
    Project(options, world, topic, registry=world.url.removesuffix("/apis/ccompat/v7")).fails(
        "no registry at this path", "validate")
    Project(options, world, topic, call="from_avro(value, subject => 'nobody-value')").fails(
        "subject nobody-value: not found", "validate")
    Project(options, world, topic, registry="").fails("no schema registry is named", "validate")


def test_killed_after_every_step_nothing_is_lost_or_twice(options, world):
    topic = "killed"
    project = Project(options, world, topic, {"ticklake.maxRowsPerStep": "10"},
                      properties=", 'ticklake.quarantine' = 'undecodable'")
    project.create(2)
    good = world.avro(topic, TICK, *(tick(seq) for seq in range(80)))
    good[40:] = world.avro(topic, TICK_2, *(tick(seq, venue="XNAS") for seq in range(40, 80)))
    world.send(topic, *good[::2], b"bad one")
    world.send(topic, *good[1::2], b"bad two", partition=1)
    project.environment = {"TICKLAKE_CRASH_AFTER_STEPS": "1"}
    check(project.killed_until_done("run", "--once") > 4, "hardly killed at all")
    project.expect(*(tick(seq) for seq in range(40)), *(tick(seq, venue="XNAS") for seq in range(40, 80)))
    check(len(project.table("bronze__quarantine")) == 2, "quarantine")


# ---- out: sources and topic commands

SYNTHETIC = ("type: synthetic\ntopic: {topic}\npartitions: 2\nsymbols: [IBM, AAPL]\nstart: 2026-01-05T14:30:00Z\n"
             "count: {count}\nrate: 100\n{more}")


def deserialized(world, topic, deserializer):
    context = SerializationContext(topic, MessageField.VALUE)
    return [deserializer(value, context) for value in world.read(topic)]


def as_json(row):
    """A tick as Confluent's reader of Avro has it, as the source would say it in JSON."""
    return {**row, "ts": row["ts"].strftime("%Y-%m-%dT%H:%M:%S.") + f"{row['ts'].microsecond // 1000:03}Z"}


def by_seq(rows):
    return sorted(rows, key=lambda row: row["seq"])


def test_mission_row_5_schema_registry_out(options, world):
    """The same ticks in each format, as independent readers see them, and as ticklake reads them back."""
    topics = {form: f"row5-out-{form.replace('_', '-')}" for form in ("json", "avro", "json_schema")}
    seen = {}
    for form, topic in topics.items():
        call = {"avro": FROM_AVRO, "json_schema": "from_json(value, NULL, map('subject', '{topic}-value'))",
                "json": "from_json(CAST(value AS STRING), 'seq BIGINT')"}[form]
        project = Project(options, world, topic, call=call, select="v.seq")
        project.write("sources/ticks.yml", SYNTHETIC.format(topic=topic, count=40, more=f"format: {form}\n"))
        project.works("ingest", "ticks")
        project.run_once()
        project.expect(*({"seq": seq} for seq in range(40)))
        if form == "json":
            seen[form] = [json.loads(value) for value in world.read(topic)]
        elif form == "avro":
            seen[form] = [as_json(row) for row in deserialized(world, topic, AvroDeserializer(world.client, conf=BY_TOPIC))]
        else:
            text = world.client.get_latest_version(f"{topic}-value").schema.schema_str
            seen[form] = deserialized(world, topic, JSONDeserializer(text, conf=BY_TOPIC))
    check(len(seen["json"]) == 40, "40 ticks")
    for form in ("avro", "json_schema"):
        check(by_seq(seen[form]) == by_seq(seen["json"]), f"{form}: {seen[form][:2]}\n{seen['json'][:2]}")


def test_csv_files_as_avro(options, world):
    topic = "csv-avro"
    project = Project(options, world, topic)
    project.write("in/a.csv", "day,close,volume,name,at\n2026-01-05,12.50,100,IBM,2026-01-05T21:00:00Z\n2026-01-06,,,,\n")
    project.write("sources/bars.yml",
                  f"type: csv\ntopic: {topic}\ndirectory: in\nformat: avro\nsettle: 1 ms\n"
                  "schema: day DATE NOT NULL, close DECIMAL(10,2), volume BIGINT, name STRING, at TIMESTAMP\n")
    project.works("ingest", "bars", "--once")
    rows = sorted(deserialized(world, topic, AvroDeserializer(world.client, conf=BY_TOPIC)), key=lambda row: row["day"])
    check(rows == [{"day": datetime.date(2026, 1, 5), "close": decimal.Decimal("12.50"), "volume": 100, "name": "IBM",
                    "at": datetime.datetime(2026, 1, 5, 21, 0, tzinfo=datetime.timezone.utc)},
                   {"day": datetime.date(2026, 1, 6), "close": None, "volume": None, "name": None, "at": None}], str(rows))
    project.run_once()
    project.expect({"day": "2026-01-05", "close": 12.5, "volume": 100, "name": "IBM", "at": "2026-01-05T21:00:00Z"},
                   {"day": "2026-01-06"})


def test_the_first_run_reads_what_its_own_source_writes(options, world):
    """No one has registered the subject before."""
    for form, call in (("avro", FROM_AVRO), ("json_schema", "from_json(value, NULL, map('subject', '{topic}-value'))")):
        topic = "first-" + form.replace("_", "-")
        project = Project(options, world, topic, call=call, select="v.seq")
        project.write("sources/ticks.yml", SYNTHETIC.format(topic=topic, count=40, more=f"format: {form}\n"))
        project.fails("not found", "validate")
        project.fails("not found", "run", "--once", "--no-ingest")
        project.run_once()
        project.expect(*({"seq": seq} for seq in range(40)))


def test_windows_over_avro_keep_no_rows_aside(options, world):
    topic = "windowed"
    project = Project(options, world, topic)
    project.create()
    world.send(topic, *world.avro(topic, TICK, tick(1)))
    bronze = ("CREATE STREAMING TABLE raw AS SELECT value, timestamp FROM STREAM read_kafka(bootstrapServers => "
              f"'${{kafka.bootstrap}}', subscribe => '{topic}', startingOffsets => 'earliest');\n")
    counts = (f"AS SELECT window.start AS start, sum(from_avro(value, subject => '{topic}-value').seq) AS n FROM STREAM raw "
              "WATERMARK timestamp DELAY OF INTERVAL 1 SECOND GROUP BY window(timestamp, '1 minute');\n")
    aside = "TBLPROPERTIES('ticklake.quarantine' = 'undecodable')"
    project.write("transformations/bronze.sql", f"{bronze}CREATE STREAMING TABLE counts {aside} {counts}")
    project.fails("decode in a streaming table of its own", "validate")
    project.write("transformations/bronze.sql", f"{bronze}CREATE STREAMING TABLE counts {counts}")
    project.run_once()
    project.expect(name="counts__quarantine")


def test_a_source_killed_after_every_step_sends_each_tick_once(options, world):
    topic = "out-killed"
    project = Project(options, world, topic, select="v.seq")
    project.write("sources/ticks.yml", SYNTHETIC.format(topic=topic, count=45_000, more="format: avro\n"))
    project.environment = {"TICKLAKE_CRASH_AFTER_STEPS": "1"}
    check(project.killed_until_done("ingest", "ticks", "--once") > 1, "hardly killed at all")
    project.environment = {}
    project.run_once()
    check([row["seq"] for row in by_seq(project.table())] == list(range(45_000)), "each tick once")


def test_a_source_and_its_subject(options, world):
    topic = "out-subject"
    project = Project(options, world, topic)
    source = SYNTHETIC.format(topic=topic, count=4, more="format: avro\nsubject: other-subject\n")
    project.write("sources/ticks.yml", source + "auto_register: false\n")
    project.fails("looking for a schema of subject other-subject: not found", "ingest", "ticks")
    project.write("sources/ticks.yml", source)
    project.works("ingest", "ticks")
    check(len(deserialized(world, topic, AvroDeserializer(world.client, conf=BY_TOPIC))) == 4, "4 ticks")
    project.write("sources/ticks.yml", source + "auto_register: false\n")
    project.works("ingest", "ticks")
    # A subject that holds something else.
    world.client.register_schema("taken-value", Schema(json.dumps(TICK_BAD), "AVRO"))
    world.client.set_compatibility(subject_name="taken-value", level="FULL")
    taken = Project(options, world, "taken")
    taken.write("sources/ticks.yml", SYNTHETIC.format(topic="taken", count=4, more="format: avro\n"))
    taken.fails("incompatible with an earlier version", "ingest", "ticks")
    none = Project(options, world, "none", registry="")
    none.write("sources/ticks.yml", SYNTHETIC.format(topic="none", count=4, more="format: avro\n"))
    none.fails("set registry.url", "ingest", "ticks")
    none.write("sources/ticks.yml", SYNTHETIC.format(topic="none", count=4, more="subject: x\n"))
    none.fails('"format: avro"', "ingest", "ticks")


def test_topic_commands_know_framed_values(options, world):
    topic = "commands"
    project = Project(options, world, topic)
    project.create()
    world.send(topic, *world.avro(topic, TICK_2, tick(1, venue="XNAS")))
    project.works("topic", "produce", topic, "--format", "avro", given='{"symbol":"A","price":1.5,"seq":2}\n')
    world.send(topic, b"no frame")
    rows = [there(line) for line in project.works("topic", "tail", topic, "--format", "avro").splitlines()]
    wanted = [tick(1, venue="XNAS"), {"symbol": "A", "price": 1.5, "seq": 2}, "no frame"]
    check([row["value"] for row in rows] == wanted, str(rows))
    check("not framed" in rows[2]["problem"], str(rows[2]))
    done = project.call("topic", "produce", topic, "--format", "avro", given='{"symbol":"A"}\n')
    check(done.returncode == 1 and "line 1: price: it is NULL" in done.stderr, done.stderr)
    out = project.works("topic", "tail", topic, "--format", "avro", "--bootstrap", world.broker.plain, "--set",
                        f"registry.url={world.url}", "--records", "1")
    check("no frame" in out, out)


def test_avro_without_a_registry(options, world):
    topic = "bare"
    schema = json.dumps({"type": "record", "name": "R",
                         "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]})
    project = Project(options, world, topic, registry="",
                      call="from_avro(value, '" + schema.replace("{", "{{").replace("}", "}}") + "')")
    project.create()
    world.send(topic, b"\x0e\x04hi", b"\x01\x00")
    project.run_once()
    project.expect({"a": 7, "b": "hi"}, {"a": -1, "b": ""})
    done = project.works("sql", f"SELECT from_avro(to_avro(named_struct('a', 5, 'b', 'x'), '{schema}'), '{schema}').b AS b,"
                         " hex(to_avro(5)) AS five, from_avro(to_avro(7L, '[\"null\",\"long\"]'), '[\"null\",\"long\"]') AS n,"
                         " from_avro(X'', '\"int\"', map('mode', 'PERMISSIVE')) AS nothing, to_avro(CAST(NULL AS INT)) AS none",
                         "--output", "jsonl")
    check(there(done) == {"b": "x", "five": "0A", "n": 7}, done)
    project.fails("a payload cannot be read", "sql", "SELECT from_avro(X'', '\"int\"')")
    project.fails("Avro schema: there is no type nope", "sql", "SELECT from_avro(X'', '\"nope\"')")


def parsed_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/release/ticklake", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    return options


def main():
    options = parsed_options()
    tests = [test for name, test in globals().items() if name.startswith("test_") and options.filter in name]
    return kafka.run_tests("registry", tests, World, options)


if __name__ == "__main__":
    sys.exit(main())
