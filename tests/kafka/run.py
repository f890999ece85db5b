#!/usr/bin/env python3
"""Projects against a real Kafka broker of their own: tests/kafka/run.py [--binary B] [--filter TEXT].

Logins, secrets, and what brokers do to those who read them: go away and come back, lose records, make a topic anew,
get more partitions. The broker is started and ended by tools/kafka.sh.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS_MAX = 90
SCRAM_PASSWORD, KEY_SECRET, CLIENT_SECRET = "ticker-secret", "secret-of-the-key", "client-secret"
WRONG = "not-the-right-one-4711"


class Failed(Exception):
    pass


def check(truth, text):
    if not truth:
        raise Failed(text)


def until(condition, what):
    """Asks until it is so; everything asked about is another process's doing."""
    end = time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise Failed(f"not within {SECONDS_MAX} s: {what}")


class Broker:
    def __init__(self, folder):
        self.folder = folder
        self.call("secure", folder)
        self.port = self.read("port")
        self.plain = f"127.0.0.1:{self.port}"
        self.sasl = f"localhost:{self.read('sasl_port')}"
        self.mtls = f"localhost:{self.read('mtls_port')}"
        self.connection_string = self.read("connection_string")

    def read(self, name):
        return (self.folder / name).read_text().strip()

    def tls(self, name):
        return str(self.folder / "tls" / name)

    def call(self, *arguments):
        done = subprocess.run([ROOT / "tools/kafka.sh", *map(str, arguments)], capture_output=True, text=True)
        check(done.returncode == 0, f"kafka.sh {arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def stop(self):
        self.call("stop", self.folder)

    def start(self):
        self.call("secure", self.folder, self.port)

    def tool(self, name, *arguments):
        return self.call("tool", self.folder, f"org.apache.kafka.tools.{name}", *arguments)


class Project:
    """A project whose table `bronze` reads one topic, and the program run on it."""

    def __init__(self, options, broker, configuration, topic, read_options=""):
        self.binary, self.topic = options.binary, topic
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="project-", dir=broker.folder))
        self.seen = ""  # all that the program printed
        self.environment = {}
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in configuration.items())
        self.write("spark-pipeline.yml",
                   "name: kafkatest\nstorage: storage\ncatalog: test\ndatabase: main\nlibraries:\n"
                   f"  - glob:\n      include: transformations/**\nconfiguration:\n{lines}")
        self.write_sql(read_options)
        self.broker = broker

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_sql(self, read_options):
        self.write("transformations/bronze.sql",
                   "CREATE STREAMING TABLE bronze TBLPROPERTIES('ticklake.pace' = '100 ms') AS\n"
                   "SELECT CAST(value AS STRING) AS v, partition, offset FROM STREAM read_kafka(\n"
                   f"  bootstrapServers => '${{kafka.bootstrap}}', subscribe => '{self.topic}',\n"
                   f"  {read_options}startingOffsets => 'earliest');\n")

    def start(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **self.environment}
        return subprocess.Popen([self.binary, *map(str, arguments)], env=environment, cwd=self.folder, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def call(self, *arguments, given=None):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **self.environment}
        done = subprocess.run([self.binary, *map(str, arguments)], env=environment, cwd=self.folder, text=True,
                              input=given or "", capture_output=True, timeout=SECONDS_MAX)
        self.seen += done.stdout + done.stderr
        return done

    def works(self, *arguments, given=None):
        done = self.call(*arguments, given=given)
        check(done.returncode == 0, f"ticklake {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def fails(self, words, *arguments):
        done = self.call(*arguments)
        check(done.returncode == 1, f"ticklake {' '.join(map(str, arguments))}: exit {done.returncode}, not 1")
        check(words in done.stderr + done.stdout, f"expected: {words}\nin: {done.stderr}{done.stdout}")
        return done

    def create(self, partitions=1):
        self.works("topic", "create", self.topic, "--partitions", partitions, "--bootstrap", self.broker.plain)

    def delete(self):
        self.works("topic", "delete", self.topic, "--yes", "--bootstrap", self.broker.plain)

    def produce(self, *values, partition=0):
        self.works("topic", "produce", self.topic, "--bootstrap", self.broker.plain, "--partition", partition,
                   given="".join(f"{value}\n" for value in values))

    def rows(self):
        done = self.call("table", "read", "bronze", "--output", "jsonl")
        return sorted(json.loads(line)["v"] for line in done.stdout.splitlines()) if done.returncode == 0 else []

    def expect_rows(self, *values):
        check(self.rows() == sorted(values), f"expected rows {sorted(values)}, found {self.rows()}")

    def run_once(self):
        self.works("run", "--once")


class Running:
    """A `ticklake run` that goes on; its messages are read as they come."""

    def __init__(self, project):
        self.project = project
        self.log = (project.folder / "run.log")
        with self.log.open("w") as out:
            self.process = subprocess.Popen([project.binary, "run"], cwd=project.folder, stdout=out, stderr=out,
                                            env={"PATH": os.environ["PATH"], **project.environment})

    def __enter__(self):
        return self

    def text(self):
        return self.log.read_text()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.project.seen += self.text()


LOGINS = {
    "local": lambda b: {"kafka.bootstrap": b.plain, "kafka.profile": "local"},
    "confluent": lambda b: {"kafka.bootstrap": b.sasl, "kafka.profile": "confluent", "kafka.ca_file": b.tls("ca.pem"),
                            "kafka.username": "KEY4TICKLAKE", "kafka.password": "${env:CONFLUENT_SECRET}"},
    "scram_256": lambda b: {"kafka.bootstrap": b.sasl, "kafka.profile": "scram", "kafka.ca_file": b.tls("ca.pem"),
                            "kafka.username": "ticker", "kafka.password": "${file:scram.txt}"},
    "scram_512": lambda b: {"kafka.bootstrap": b.sasl, "kafka.profile": "scram", "kafka.ca_file": b.tls("ca.pem"),
                            "kafka.mechanism": "SCRAM-SHA-512", "kafka.username": "ticker",
                            "kafka.password": "${file:scram.txt}"},
    "event_hubs": lambda b: {"kafka.bootstrap": b.sasl, "kafka.profile": "event_hubs", "kafka.ca_file": b.tls("ca.pem"),
                             "kafka.connection_string": "${env:HUB}"},
    "certificate": lambda b: {"kafka.bootstrap": b.mtls, "kafka.security.protocol": "SSL",
                              "kafka.ca_file": b.tls("ca.pem"), "kafka.certificate_file": b.tls("client.pem"),
                              "kafka.key_file": b.tls("client.key"), "kafka.key_password": "${env:KEY_PASSWORD}"},
}
JAAS = ("`kafka.security.protocol` => 'SASL_SSL', `kafka.sasl.mechanism` => 'PLAIN',\n"
        "  `kafka.sasl.jaas.config` => 'kafkashaded.org.apache.kafka.common.security.plain.PlainLoginModule required"
        " username=\"$ConnectionString\" password=\"${env:HUB}\";',\n  ")


def project_with(options, broker, login, topic, right=True, read_options=""):
    project = Project(options, broker, LOGINS[login](broker), topic, read_options)
    project.environment = {"CONFLUENT_SECRET": KEY_SECRET if right else WRONG,
                           "HUB": broker.connection_string if right else broker.connection_string[:-6] + WRONG,
                           "KEY_PASSWORD": CLIENT_SECRET if right else WRONG}
    project.write("scram.txt", (SCRAM_PASSWORD if right else WRONG) + "\n")
    return project


# ---- row 4: every login of the reference systems, source to table

def test_row_04_each_login_sends_and_reads(options, broker):
    for login in LOGINS:
        project = project_with(options, broker, login, "row4-" + login.replace("_", "-"))
        project.write("sources/ticks.yml",
                      f"type: synthetic\ntopic: {project.topic}\npartitions: 2\nsymbols: [IBM]\n"
                      "start: 2026-01-05T14:30:00Z\ncount: 40\n")
        project.run_once()
        check(len(project.rows()) == 40, f"{login}: {len(project.rows())} rows, not 40")
        check(project.topic in project.works("topic", "list"), f"{login}: topic list")
        check("ok" in project.works("doctor"), f"{login}: doctor")


def test_row_04_the_options_of_spark_log_in(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": broker.sasl}, "row4-spark",
                      JAAS + "`kafka.ssl.truststore.type` => 'PEM',\n  "
                      f"`kafka.ssl.truststore.location` => '{broker.tls('ca.pem')}',\n  ")
    project.environment = {"HUB": broker.connection_string}
    project.create()
    project.produce("a", "b")
    # The project itself has no login, so only what is read is asked of the broker.
    project.fails("hung up", "run", "--once")
    project.works("run", "--once", "--set", "kafka.profile=event_hubs", "--set", "kafka.connection_string=${env:HUB}",
                  "--set", f"kafka.ca_file={broker.tls('ca.pem')}")
    project.expect_rows("a", "b")


def test_row_04_topic_commands_log_in_without_a_project(options, broker):
    project = Project(options, broker, {}, "row4-commands")
    project.environment = {"PASSWORD": SCRAM_PASSWORD}
    login = ["--bootstrap", broker.sasl, "--set", "kafka.profile=scram", "--set", "kafka.username=ticker", "--set",
             "kafka.password=${env:PASSWORD}", "--set", f"kafka.ca_file={broker.tls('ca.pem')}"]
    project.works("topic", "create", project.topic, *login)
    project.works("topic", "produce", project.topic, *login, given="one\ntwo\n")
    out = project.works("topic", "tail", project.topic, *login)
    check("one" in out and "two" in out, out)
    project.works("topic", "delete", project.topic, "--yes", *login)


# ---- row 13: no secret is ever shown

def secrets_of(broker):
    key = re.search("SharedAccessKey=(.*)$", broker.connection_string)[1]
    return [SCRAM_PASSWORD, KEY_SECRET, CLIENT_SECRET, WRONG, broker.connection_string, key]


def expect_no_secret(project, broker, what):
    for secret in secrets_of(broker):
        check(secret not in project.seen, f"{what}: {secret} was printed")
        for path in (project.folder / "storage").rglob("*"):
            if path.is_file():
                check(secret.encode() not in path.read_bytes(), f"{what}: {secret} is in {path}")


def test_row_13_no_secret_is_shown(options, broker):
    for login in LOGINS:
        for right in (True, False):
            project = project_with(options, broker, login, f"row13-{login}".replace("_", "-"), right)
            if right:
                project.create()
                project.produce("a", "b")
            refused = not right and login != "local"
            project.works("validate", "--output", "json")
            for command in (["run", "--once", "--output", "json"], ["topic", "list"],
                            ["topic", "tail", project.topic], ["doctor"], ["doctor", "--output", "json"]):
                done = project.call(*command)
                check(done.returncode == int(refused), f"{login} {right} {command}: {done.returncode} {done.stderr}")
            if not right:
                project.call("run", "--once", "--set", f"kafka.password:{WRONG}")
                project.call("run", "--once", "--set", f"kafka.no.such.password={WRONG}")
            for command in (["table", "history", "bronze"], ["table", "describe", "bronze"], ["--help"],
                            ["run", "--help"], ["topic", "list", "--help"], ["doctor", "--help"]):
                project.call(*command)
            expect_no_secret(project, broker, f"{login}, {'right' if right else 'wrong'} password")


def test_row_13_sql_that_holds_a_secret_is_refused_without_it(options, broker):
    for right in (True, False):
        project = project_with(options, broker, "event_hubs", "row13-sql", right, JAAS)
        project.call("validate")
        project.call("run", "--once")
        project.write("transformations/bad.sql",
                      "CREATE STREAMING TABLE bad AS SELECT * FROM STREAM read_kafka(bootstrapServers => 'x:1',"
                      " subscribe => 't', kafka.password '${env:HUB}');\n")
        project.fails("bad.sql:1:", "validate")
        project.write("transformations/bad.sql",
                      "CREATE MATERIALIZED VIEW bad AS SELECT `password ${env:HUB}` FROM bronze;\n")
        project.fails("bad.sql:1:", "validate")
        expect_no_secret(project, broker, "SQL")


# ---- what a broker does to those who read it

def test_a_broker_that_goes_away_is_waited_for(options, broker):
    project = project_with(options, broker, "scram_256", "outage")
    project.create()
    project.produce("a")
    with Running(project) as running:
        until(lambda: project.rows() == ["a"], "the first row")
        broker.stop()
        until(lambda: "trying again" in running.text(), "a retry")
        broker.start()
        project.produce("b", "c")
        until(lambda: len(project.rows()) >= 3, "the rows after the outage")
        check(running.process.poll() is None, "the run ended: " + running.text()[-2000:])
    project.expect_rows("a", "b", "c")


def test_the_next_address_serves_where_the_first_is_down(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": f"127.0.0.1:1,{broker.plain}"}, "failover")
    project.create()
    project.produce("a")
    project.run_once()
    project.expect_rows("a")


def test_a_topic_made_anew_is_refused(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": broker.plain}, "anew")
    project.create()
    project.produce("a", "b")
    project.run_once()
    project.delete()
    project.create()
    project.produce("c", "d", "e")
    project.fails("topic anew was made anew", "run", "--once")
    project.expect_rows("a", "b")
    project.works("run", "--once", "--full-refresh", "bronze")
    project.expect_rows("c", "d", "e")


def test_records_deleted_before_they_were_read_are_an_error_or_accepted(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": broker.plain}, "deleted")
    project.create()
    project.produce("a")
    project.run_once()
    project.produce("b", "c", "d")
    offsets = {"partitions": [{"topic": "deleted", "partition": 0, "offset": 3}], "version": 1}
    project.write("delete.json", json.dumps(offsets))
    broker.tool("DeleteRecordsCommand", "--offset-json-file", project.folder / "delete.json")
    project.fails("partition 0 begins at offset 3", "run", "--once")
    project.write_sql("failOnDataLoss => false, ")
    project.run_once()
    project.expect_rows("a", "d")


def test_new_partitions_are_picked_up_while_running(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": broker.plain}, "grows")
    project.create()
    project.produce("a")
    with Running(project):
        until(lambda: project.rows() == ["a"], "the first row")
        broker.tool("TopicCommand", "--alter", "--topic", "grows", "--partitions", "3")
        until(lambda: "2" in project.works("topic", "describe", "grows", "--bootstrap", broker.plain), "partition 2")
        project.produce("b", partition=2)
        until(lambda: project.rows() == ["a", "b"], "the row of the new partition")


def test_lag_tools_see_the_offsets_and_no_member(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": broker.plain}, "lag")
    project.create(2)
    project.produce("a", "b", "c", partition=1)
    project.run_once()
    group = "ticklake-kafkatest-test.main.bronze"
    lines = broker.tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", group)
    row = next((line.split() for line in lines.splitlines() if re.search(r"\blag\s+1\b", line)), [])
    check(row[3:6] == ["3", "3", "0"] and row[6] == "-", lines)


def slow_test_a_password_changed_on_the_broker_ends_a_run(options, broker):
    """It is tried for a minute, not every second, and then given up with what to set."""
    project = Project(options, broker, LOGINS["scram_256"](broker) | {"kafka.username": "guest"}, "lockout")
    project.write("scram.txt", "guest-secret\n")
    project.create()
    project.produce("a")
    with Running(project) as running:
        until(lambda: project.rows() == ["a"], "the first row")
        broker.call("tool", broker.folder, "kafka.admin.ConfigCommand", "--alter", "--entity-type", "users",
                    "--entity-name", "guest", "--add-config", "SCRAM-SHA-256=[password=another-secret]")
        broker.stop()
        broker.start()
        until(lambda: "refused the login" in running.text(), "the refusal")
        until(lambda: running.process.poll() is not None, "the end of the run")
        check(running.process.returncode == 1 and 'the login of user "guest"' in running.text().splitlines()[-1],
              running.text()[-2000:])
    project.write("scram.txt", "another-secret\n")
    project.produce("b")
    project.run_once()
    project.expect_rows("a", "b")


# ---- doctor

def test_doctor_names_each_problem(options, broker):
    project = Project(options, broker, {"kafka.bootstrap": broker.plain, "api.token": "${env:TOKEN}"}, "doctor")
    project.environment = {"TOKEN": ""}
    project.fails("problem  secrets: api.token is empty", "doctor")
    project.environment = {"TOKEN": "a-token-4711"}
    found = json.loads(project.fails("", "doctor", "--output", "json").stdout)
    problems = [one["message"] for one in found if one["status"] == "problem"]
    check(len(problems) == 1 and 'there is no topic "doctor"' in problems[0], str(found))
    check([one["check"] for one in found] == ["project", "secrets", "storage", "broker", "broker", "clock", "runner",
                                              "limits"], str(found))
    project.create()
    project.works("doctor")
    with Running(project) as running:
        until(lambda: f"process {running.process.pid} runs this project" in project.works("doctor"), "the lease")
    limited = subprocess.run(["sh", "-c", f"ulimit -n 256; exec {project.binary} doctor"], cwd=project.folder,
                             env={"PATH": os.environ["PATH"], **project.environment}, capture_output=True, text=True)
    check(limited.returncode == 1 and "problem  limits: only 256 files" in limited.stdout, limited.stdout)
    shutil.rmtree(project.folder / "storage")
    project.write("storage", "in the way")
    project.fails("problem  storage:", "doctor")
    broken = Project(options, broker, {"kafka.bootstrap": "127.0.0.1:1", "kafka.profile": "locl"}, "doctor")
    broken.fails("did you mean local?", "doctor")
    broken.write_sql("nonsense => 1, ")
    broken.fails("problem  project: transformations/bronze.sql:", "doctor")


def parsed_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=ROOT / "build/release/ticklake", type=pathlib.Path)
    parser.add_argument("--filter", default="")
    parser.add_argument("--slow", action="store_true", help="and those that take minutes")
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    return options


def run_tests(name, tests, world_in, options):
    """Each test with the options and the servers that `world_in` starts in a folder; the last line counts them."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"ticklake-{name}-"))
    failed = 0
    world = None
    try:
        world = world_in(folder)
        for test in tests:
            try:
                test(options, world)
            except (Failed, subprocess.TimeoutExpired) as problem:
                failed += 1
                print(f"FAILED {test.__name__}\n{problem}\n", flush=True)
    finally:
        if world:
            world.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name}: {len(tests) - failed} passed, {failed} failed")
    return 1 if failed or not tests else 0


def main():
    options = parsed_options()
    kinds = ("test_", "slow_test_") if options.slow else ("test_",)
    tests = [test for name, test in globals().items() if name.startswith(kinds) and options.filter in name]
    return run_tests("kafka-projects", tests, Broker, options)


if __name__ == "__main__":
    sys.exit(main())
