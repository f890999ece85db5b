"""SQL over a ticklake project's tables, as Arrow.

    import ticklake
    ticklake.sql("SELECT * FROM gold_candles_1m", "build/demo/market").to_pandas()

The work is done by the program `ticklake`: the one that the environment variable TICKLAKE names, else the one on the PATH.
"""
import json
import os
import shutil
import subprocess
import tempfile

import pyarrow as pa

__all__ = ["Error", "Project", "sql"]


class Error(Exception):
    """What the program says where it cannot do what it is asked."""


def _program():
    found = os.environ.get("TICKLAKE") or shutil.which("ticklake")
    if not found:
        raise Error("the program ticklake is not on the PATH; set the environment variable TICKLAKE to it")
    return found


def _read(arguments, take):
    """What `take` makes of the program's output."""
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen([_program(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=messages)
        except OSError as error:
            raise Error(f"{_program()} cannot be run: {error.strerror}") from None
        problem = None
        with process:
            try:
                taken = take(process.stdout)
            except (pa.ArrowInvalid, OSError, json.JSONDecodeError) as error:
                problem = error
            except BaseException:
                process.kill()  # an interrupted cell must not wait for the query
                raise
        messages.seek(0)
        text = messages.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise Error(text.removeprefix("ticklake: ") or f"ticklake ended with {process.returncode}")
    if problem:
        raise Error(f"the answer could not be read: {problem}")
    return taken


def _rows(stream):
    return pa.ipc.open_stream(stream).read_all()


class Project:
    """A project's folder, a target of its databricks.yml, and settings over its configuration."""

    def __init__(self, directory=".", target=None, settings=None):
        self.directory, self.target, self.settings = os.fspath(directory), target, dict(settings or {})

    def __repr__(self):
        return f"ticklake.Project({self.directory!r})"

    def _options(self):
        options = ["--project", self.directory]
        if self.target:
            options += ["--target", self.target]
        for name, value in self.settings.items():
            options += ["--set", f"{name}={value}"]
        return options

    def sql(self, query):
        """The answer to one query, a pyarrow.Table."""
        with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:  # of any length
            file.write(query)
            file.flush()
            try:
                return _read(["sql", *self._options(), "--file", file.name, "--output", "arrow"], _rows)
            except Error as error:
                raise Error(str(error).replace(file.name, "query")) from None

    def table(self, name, version=None, timestamp=None):
        """All rows of a table, of a name in the project or a path; as they were at a version or a time where one is given."""
        options = [] if version is None else ["--version", str(version)]
        if timestamp is not None:
            options += ["--timestamp", timestamp if isinstance(timestamp, str) else timestamp.isoformat()]
        return _read(["table", "read", name, *self._options(), *options, "--output", "arrow"], _rows)

    def tables(self):
        """name, path, type, rows and version of each table."""
        return _read(["table", "list", *self._options(), "--output", "json"], json.load)

    def run(self, *options):
        """Takes what is there from the sources to the tables and returns what each flow did; `options` go to `ticklake run`."""
        return _read(["run", *self._options(), "--once", *options, "--output", "json"], json.load)


def sql(query, project=".", **options):
    """The answer to one query over a project, a pyarrow.Table."""
    return Project(project, **options).sql(query)
