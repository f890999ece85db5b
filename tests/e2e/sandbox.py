"""One project in a scratch folder, and the ticklake program run on it."""
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import uuid

CRASHED = 137
RESTARTS_MAX = 2000
SECONDS_MAX = 300


class Failed(Exception):
    pass


def unescaped(line):
    """The bytes of a line in which \\xNN stands for a byte."""
    return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), line.encode())


class Sandbox:
    def __init__(self, binary, folder, mode, kafka):
        self.binary = binary
        self.folder = pathlib.Path(folder)
        self.mode = mode
        self.kafka = kafka
        self.prefix = f"e2e-{uuid.uuid4().hex[:10]}-" if mode == "kafka" else ""
        self.settings = {"kafka.bootstrap": kafka if mode == "kafka" else "embedded"}
        self.topics = set()
        self.storage = "storage"

    # ---- files

    def write_spec(self):
        configuration = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in self.settings.items())
        self.write("spark-pipeline.yml",
                   f"name: test\nstorage: {self.storage}\ncatalog: test\ndatabase: main\n"
                   "libraries:\n  - glob:\n      include: transformations/**\n"
                   f"configuration:\n{configuration}".encode())

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def write_pipeline(self, text):
        self.write_spec()
        (self.folder / "transformations").mkdir(exist_ok=True)
        renamed = re.sub(r"(subscribe\s*=>\s*')([^']*)'", lambda m: f"{m[1]}{self.prefix}{m[2]}'", text)
        self.write("transformations/pipeline.sql", renamed.encode())

    def write_source(self, name, text):
        renamed = re.sub(r"(?m)^(topic:\s*)(\S+)", lambda m: f"{m[1]}{self.prefix}{m[2]}", text)
        for match in re.finditer(r"(?m)^topic:\s*(\S+)", renamed):
            self.topics.update(match[1] + suffix for suffix in ("", "__bad", "__files"))
        self.write(f"sources/{name}", renamed.encode())

    def table_root(self, name):
        return self.folder / self.storage / "tables" / "test" / "main" / name

    def tables(self):
        """Of the project and beside it; not its event log."""
        found = (log.parent for log in self.folder.glob("**/_delta_log"))
        return sorted(root for root in found if root.name != "event_log")

    def rows_of(self, root):
        """The rows of a table as it stands, sorted."""
        return sorted(self.expect("table", "read", str(root), "--output", "jsonl").splitlines())

    # ---- the program

    def command(self, *arguments):
        return [str(self.binary), *map(str, arguments)]

    def start(self, command, extra_env=None, **options):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}
        env.update(extra_env or {})
        return subprocess.Popen(command, env=env, cwd=self.folder, stdin=options.pop("stdin", subprocess.DEVNULL),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def finish(self, process, given=None):
        try:
            out, err = process.communicate(given, timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise Failed(f"still running after {SECONDS_MAX} s: {' '.join(process.args)}\n{err.decode()[-2000:]}")
        if process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            raise Failed(f"ended by {name}: {' '.join(process.args)}\n{err.decode('utf-8', 'replace')[-3000:]}")
        return process.returncode, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")

    def call(self, *arguments, given=None, extra_env=None, **options):
        stdin = subprocess.PIPE if given is not None else subprocess.DEVNULL
        return self.finish(self.start(self.command(*arguments), extra_env, stdin=stdin, **options), given)

    def expect(self, *arguments, given=None):
        code, out, err = self.call(*arguments, given=given)
        if code != 0:
            raise Failed(f"ticklake {' '.join(arguments)}: exit {code}\n{err}")
        return out

    def project(self):
        return ("--project", str(self.folder))

    # ---- topics

    def create_topic(self, name, partitions):
        name = self.prefix + name
        if name not in self.topics:
            self.topics.add(name)
            self.expect("topic", "create", name, "--partitions", str(partitions), *self.project())

    def produce(self, topic, lines, partition, key):
        self.create_topic(topic, 1)
        options = [*(["--partition", partition] if partition else []), *(["--key", key] if key else [])]
        given = b"".join(line + b"\n" for line in lines)
        self.expect("topic", "produce", self.prefix + topic, *self.project(), *options, given=given)

    def delete_topics(self):
        if self.mode == "kafka":
            for topic in sorted(self.topics):
                self.call("topic", "delete", topic, "--yes", *self.project())

    # ---- runs

    def run_to_end(self, *options):
        """Runs once; in killed mode the program ends after each step that worked and is started again."""
        def again(options):
            # A full refresh is begun: said again, it would begin anew.
            return () if "--full-refresh" in options else options
        return self.to_end("run", "--once", *self.project(), options=options, again=again)

    def to_end(self, *arguments, options=(), again=lambda options: options):
        crash = {"TICKLAKE_CRASH_AFTER_STEPS": "1"} if self.mode == "killed" else {}
        for _ in range(RESTARTS_MAX):
            code, out, err = self.call(*arguments, *options, extra_env=crash)
            if code != CRASHED or not crash:
                return code, out, err
            options = again(options)
        raise Failed(f"not done after {RESTARTS_MAX} restarts")

    def run_beside_another(self):
        first = self.start(self.command("run", *self.project()))
        try:
            while b"Ctrl-C" not in (line := first.stderr.readline()):
                if not line:
                    raise Failed("the first run ended before it began")
            return self.call("run", "--once", *self.project())
        finally:
            first.send_signal(signal.SIGINT)
            self.finish(first)

    def run_on_a_full_disk(self):
        """On a tiny file system where one may be mounted, else under a limit of the size of a file."""
        storage, kept = self.folder / self.storage, self.folder / "kept"
        storage.mkdir(exist_ok=True)
        shutil.copytree(storage, kept)
        run = shlex.join(self.command("run", "--once", *self.project()))
        small = f"mount -t tmpfs -o size=512k tmpfs {shlex.quote(str(storage))}"
        if subprocess.run(["unshare", "-m", "sh", "-c", small], capture_output=True).returncode != 0:
            code, out, err = self.finish(self.start(["sh", "-c", f"trap '' XFSZ; ulimit -f 0; exec {run}"]))
            return code, out, err.replace("File too large", "No space left on device")
        fill = f"cp -a {shlex.quote(str(kept))}/. {shlex.quote(str(storage))}/"
        fill += f"; head -c 4M /dev/zero > {shlex.quote(str(storage))}/ballast 2>/dev/null"
        return self.finish(self.start(["unshare", "-m", "sh", "-c", f"{small}; {fill}; exec {run}"]))

    def run_in_a_read_only_directory(self):
        """Without the right to pass over permissions, which root has."""
        drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
        storage = self.folder / self.storage
        storage.mkdir(exist_ok=True)
        folders = [storage, *(path for path in storage.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            return self.finish(self.start(drop + self.command("run", "--once", *self.project())))
        finally:
            for folder in folders:
                folder.chmod(0o755)
