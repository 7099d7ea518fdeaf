"""aiowebsocket beside other clients, in one run: `make bench`, or `python -m benchmarks --help`.

It chooses what to measure and hands it to the method; the results go to JSON and to the page.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import options as command_line
from benchmarks import peers, workloads
from benchmarks.method import machine, rounds, server
from benchmarks.method.results import Results
from benchmarks.page import tables, targets, writing
from benchmarks.workloads import catalogue, pairs

if TYPE_CHECKING:
    import argparse

    from benchmarks.peers import Contender
    from benchmarks.workloads import Bench, Measured

# A pair is two blocks of so many seconds; a round of the run is worth so many pairs.
PAIRED_BLOCK = 0.025
PAIRS_A_ROUND = 6


def main() -> None:
    """Measures what was asked for, writes what was asked for, prints the tables."""
    options = command_line.parse()
    contenders, left_out = peers.load(options.peers)
    chosen = workloads.select(catalogue.WORKLOADS, options.workloads)
    if not chosen:
        sys.exit(f"no workload is called {' or '.join(options.workloads)}")
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    results = Results(
        machine.description(),
        versions(contenders),
        {name: str(getattr(options, name)) for name in ("rounds", "block", "keep_awake")},
        left_out,
        {contender.name: contender.role for contender in contenders},
        {one.name: one.never_resumes for one in contenders if one.never_resumes},
    )
    with (
        tempfile.TemporaryDirectory() as directory,
        server.running(Path(directory), options.server) as running,
    ):
        bench = workloads.Bench(running, tuple(options.loops), options.short)
        for measured in chosen:
            measure(measured, contenders, bench, options, results)
            # A long run that is stopped leaves what it has measured.
            if options.json:
                results.write(options.json)
    if options.page:
        writing.write(results, options.page)
    print(tables.all_of(results))
    print(targets.table(results))


def measure(
    measured: Measured,
    contenders: list[Contender],
    bench: Bench,
    options: argparse.Namespace,
    results: Results,
) -> None:
    """All rounds of one workload, and its pairs."""
    facts = measured.facts
    print(f"{time.strftime('%H:%M:%S')} {facts.name} ", end="", flush=True, file=sys.stderr)
    turns = [
        turn for one in contenders if measured.takes(one) for turn in measured.turns(one, bench)
    ]
    awake = {"auto": facts.awake, "always": True, "never": False}[options.keep_awake]
    count = options.rounds if options.short else measured.rounds or options.rounds
    with machine.kept_awake() if awake else contextlib.nullcontext():
        series, failures = rounds.measure(facts.name, turns, count, options.block)
        if measured.paired:
            block = min(PAIRED_BLOCK, options.block)
            pairs_a_round = 1 if options.short else PAIRS_A_ROUND
            found = pairs.measure(turns, series, measured.paired, pairs_a_round * count, block)
            results.pairs.extend(found)
    print(file=sys.stderr)
    for failure in failures:
        # A rival that fails is named and left out; ours is to be mended.
        if results.roles[failure.contender] in {"ours", "door"}:
            raise failure
        print(failure, file=sys.stderr)
        results.left_out.append(str(failure))
    results.workloads.append(facts)
    results.series.extend(series)


def versions(contenders: list[Contender]) -> dict[str, str]:
    """Of every distribution that takes part."""
    names = dict.fromkeys(name for one in contenders for name in one.packages)
    return {name: version(name) for name in (*names, "uvloop")}


if __name__ == "__main__":
    main()
