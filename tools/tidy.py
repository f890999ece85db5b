#!/usr/bin/env python3
"""Checks what a compiler does not: who may include whom, and the limits of the house. Usage: tidy.py [ROOT]"""
import pathlib
import re
import sys

# The architecture as data: what each folder of src/ may include besides itself.
MAY_INCLUDE = {
    "base": set(),
    "model": {"base"},
    "io": {"base"},
    "sql": {"base", "model"},
    "formats": {"base", "model", "io"},
    "broker": {"base", "model", "io"},
    "delta": {"base", "model", "io"},
    "query": {"base", "model", "io", "sql", "formats", "delta"},
    "sources": {"base", "model", "io", "formats", "broker"},
    "engine": {"base", "model", "io", "sql", "formats", "broker", "delta", "query"},
    "serving": {"base", "model", "io", "broker", "delta", "query"},
}
MAY_INCLUDE["app"] = set(MAY_INCLUDE)
OPEN_FOLDERS = {"base", "model", "io"}  # any of their headers; of another folder only <folder>/<folder>.h

# A header of another project belongs to one adapter. Matches the path of an #include <...>.
ADAPTERS = {
    r"librdkafka/": ("broker",),
    r"duckdb\.h": ("query",),
    r"simdjson": ("formats", "query"),
    r"yaml-cpp/": ("engine", "sources"),
    r"curl/": ("io",),
    r"CLI/": ("app",),
    r"boost/": ("serving",),
    r"nlohmann/": tuple(MAY_INCLUDE),
}
COLUMNS_MAX = 100
HEADER_LINES_MAX = 250
SOURCE_LINES_MAX = 600  # "under 500", with room to move before a file must be split
FORBIDDEN_NAMES = {"util", "utils", "common", "helpers", "manager"}

QUOTED = re.compile(r'\s*#\s*include\s+"([^"/]+)/([^"]+)"')
ANGLED = re.compile(r"\s*#\s*include\s+<([^>]+)>")


def include_problem(folder, line):
    if match := QUOTED.match(line):
        other, header = match.groups()
        if other == folder:
            return None
        if other not in MAY_INCLUDE:
            return f'"{other}/{header}": no such folder of src/'
        if other not in MAY_INCLUDE[folder]:
            return f"{folder} may not include {other}"
        if other not in OPEN_FOLDERS and header != f"{other}.h":
            return f"{other}/{header} is private to {other}; include {other}/{other}.h"
    elif match := ANGLED.match(line):
        for form, folders in ADAPTERS.items():
            if re.match(form, match[1]) and folder not in folders:
                return f"<{match[1]}> belongs to {' and '.join(folders)}"
    return None


def file_problems(path, folder):
    lines = path.read_text().splitlines()
    public_header = path.suffix == ".h" and path.stem == folder
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns; {COLUMNS_MAX} at most"
        if problem := include_problem(folder, line):
            yield number, problem
        if public_header and re.match(r"\s*#\s*include\s+<(nlohmann|simdjson|yaml-cpp|CLI|duckdb|librdkafka|boost)", line):
            yield number, "a public header shows no third-party header but Arrow's"
    limit = HEADER_LINES_MAX if path.suffix == ".h" else SOURCE_LINES_MAX
    if len(lines) > limit and not path.name.endswith("_test.cc"):
        yield len(lines), f"{len(lines)} lines; {limit} at most"
    if path.stem in FORBIDDEN_NAMES:
        yield 1, f"a file named {path.stem} says nothing about what is in it"


def architecture_problems(root):
    page = root / "docs/architecture.md"
    text = page.read_text()
    there = {path.name for path in (root / "src").iterdir() if path.is_dir()}
    named = set(re.findall(r"`src/(\w+)`", text))
    for name in sorted(there - named):
        yield page, 1, f"src/{name} is not on the page"
    for name in sorted(named - there):
        yield page, 1, f"the page names src/{name}, which is not there"
    for name in sorted(there ^ set(MAY_INCLUDE)):
        yield root / "src", 1, f"{name}: the folders and the table in tools/tidy.py differ"


def problems(root):
    for path in sorted((root / "src").glob("*/**/*")):
        if path.suffix in (".h", ".cc"):
            folder = path.relative_to(root / "src").parts[0]
            for number, text in file_problems(path, folder):
                yield path, number, text
    yield from architecture_problems(root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = list(problems(root))
    for path, number, text in found:
        print(f"{path}:{number}: {text}")
    print(f"tidy: {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
