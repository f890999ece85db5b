"""Runs all cells of a notebook and prints it with their outputs: execute.py NOTEBOOK. A cell that raises ends it."""
import pathlib
import sys

import nbformat
from nbclient import NotebookClient

path = pathlib.Path(sys.argv[1])
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(path.parent)}}).execute()
print(nbformat.writes(notebook))
