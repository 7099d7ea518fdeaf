"""RESULTS.md and its plots, from the JSON of a run: `python -m benchmarks.page results.json`."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.method.results import Results
from benchmarks.page import writing


def main() -> None:
    """Writes them into a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("json", type=Path)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent.parent)
    options = parser.parse_args()
    writing.write(Results.read(options.json), options.into)


if __name__ == "__main__":
    main()
