"""Reads *.test scripts: a comment that says what is proved, then directives with their blocks.

A block is the lines after its directive up to the next directive; blank lines at its end do not count, and a line that
would read as a directive is written with a backslash before it. docs/testing.md lists the directives.
"""
import dataclasses
import re

DIRECTIVES = (
    r"pipeline( \S+\.sql)?",
    r"set \S+=.*",
    r"topic \S+( partitions=\d+)?",
    r"produce \S+( partition=\d+| key=\S+| escaped)*",
    r"source \S+\.yml",
    r"file \S+( escaped| unterminated| older)*",
    r"files \S+ \d+",
    r"remove \S+",
    r"corrupt \S+ version \d+",
    r"run until idle( without sources)?",
    r"run full refresh \S+",
    r"run fails( while running| on a full disk| in a read-only directory)?",
    r"validate( fails)?",
    r"query( fails)?",
    r"append \S+( twice| fails)?",
    r"delta \S+( again| version \d+)?",
    r"change( fails)?",
    r"command (passes|fails|is wrong) \S.*",
    r"table (checkpoint|optimize|vacuum|restore|fsck) \S+( \S+)*",
    r"replay \S+( .+)?",
    r"modes( \w+)+",
    r"known failure .+",
)
DIRECTIVE = re.compile("|".join(f"(?:{form})" for form in DIRECTIVES))
MODES = ("straight", "killed", "parallel", "kafka", "peer")


@dataclasses.dataclass
class Step:
    words: list      # of the directive
    block: list      # its lines
    line: int        # where the directive stands, the first is 1
    block_line: int  # where its block starts


class BadScript(Exception):
    pass


@dataclasses.dataclass
class Script:
    path: object
    lines: list
    steps: list
    modes: tuple
    known_failure: str


def is_directive(line):
    return DIRECTIVE.fullmatch(line.rstrip()) is not None


def parse(path):
    lines = path.read_text().splitlines()
    steps, modes, known_failure = [], MODES, ""
    at = 0
    while at < len(lines):
        line = lines[at].rstrip()
        at += 1
        if not line or line.startswith("#"):
            continue
        if not is_directive(line):
            raise BadScript(f"{path.name}:{at}: not a directive: {line}")
        start = at
        while at < len(lines) and not is_directive(lines[at]):
            at += 1
        end = at
        while end > start and (not lines[end - 1].strip() or lines[end - 1].startswith("# ")):
            end -= 1  # a comment before a directive belongs to that directive
        words = line.split()
        if words[0] == "modes":
            modes = tuple(words[1:])
            unknown = set(modes) - set(MODES) - {"spark"}
            if unknown:
                raise BadScript(f"{path.name}:{start}: no such mode: {unknown}")
        elif line.startswith("known failure "):
            known_failure = line[len("known failure "):]
        else:
            block = [text[1:] if text.startswith("\\") else text for text in lines[start:end]]
            steps.append(Step(words, block, start, start))
    if not lines or not lines[0].startswith("# "):
        raise BadScript(f"{path.name}:1: a script starts with a comment that says what it proves")
    return Script(path, lines, steps, modes, known_failure)
