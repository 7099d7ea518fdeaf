"""The Autobahn testsuite against both faces: `make conformance`.

Ends with 1 if a case fails, if a connection is closed wrongly, or if a result is not the committed
one; with 0 if all is well, and where no Python 2.7 runs the testsuite, which is said.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aiowebsocket import TLSConfig
from peers.authority import Authority

from . import results, testsuite
from .echoing import FACES
from .trial import Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMES = ("ws", "wss")
CASES = tuple(f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13))
# Of section 9 the largest messages and the smallest fragments, of compression the shortest runs: a
# case of 12 and 13 is a thousand messages.
SHORT_CASES = (
    *(f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 10)),
    *("9.1.6", "9.2.6", "9.3.1", "9.4.1"),
    *("12.1.1", "12.1.4", "12.2.1", "12.2.4"),
    *(f"13.{setting}.1" for setting in range(1, 8)),
)


def main() -> int:
    """Set up, run, print, compare."""
    options = parse_arguments()
    interpreter = testsuite.python27()
    if interpreter is None:
        print("Conformance skipped: no Python 2.7 for the Autobahn testsuite; PYTHON27 names one")
        return 0
    # Echoing into a connection that has just been failed is what half of the cases are about.
    logging.getLogger("aiowebsocket").setLevel(logging.ERROR)
    python = testsuite.installed(interpreter)
    with all_trials(python, options) as trials:
        asyncio.run(run(trials, options.jobs))
    return max(judge(trial, write=options.record) for trial in trials)


def parse_arguments() -> argparse.Namespace:
    """What can be asked for on the command line."""
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    add = parser.add_argument
    add("--faces", nargs="+", choices=FACES, default=list(FACES))
    add("--schemes", nargs="+", choices=SCHEMES, default=list(SCHEMES))
    add("--cases", nargs="+", default=list(CASES), help="patterns such as 6.4.* or 7.1.6")
    add("--short", action="store_true", help="a part of it, for every change: under two minutes")
    add("--jobs", type=int, default=1, help="how many agents run at the same time")
    add("--record", action="store_true", help="make these results the ones to compare with")
    options = parser.parse_args()
    if options.short:
        options.cases = list(SHORT_CASES)
    return options


@contextlib.contextmanager
def all_trials(python: Path, options: argparse.Namespace) -> Iterator[list[Trial]]:
    """The trials that were asked for, each with a server that ends when this does."""
    with contextlib.ExitStack() as stack:
        authority = Authority(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        trusting = TLSConfig(ca_file=authority.ca_file)
        trials = []
        for scheme in options.schemes:
            for face in options.faces:
                agent = f"{face.lower()}-{scheme}"
                certificate = authority.server_files if scheme == "wss" else None
                server, outdir = stack.enter_context(
                    testsuite.fuzzing_server(python, agent, options.cases, certificate)
                )
                tls = trusting if scheme == "wss" else None
                trials.append(Trial(agent, face, scheme, server, outdir, tls))
        yield trials


async def run(trials: list[Trial], jobs: int) -> None:
    """Run the trials, so many at a time."""
    turns = asyncio.Semaphore(jobs)

    async def take_turn(trial: Trial) -> None:
        async with turns:
            await trial.run()

    await asyncio.gather(*map(take_turn, trials))


def judge(trial: Trial, *, write: bool) -> int:
    """Print a trial's table and what is wrong; 1 if anything is."""
    print(f"\n{trial.agent}")
    for line in results.table(trial.findings, trial.seconds):
        print(line)
    if write:
        results.record(trial.agent, trial.findings)
    complaints = list(results.complaints(trial.findings, results.recorded(trial.agent)))
    for complaint in complaints:
        print(complaint)
    print("as committed" if not complaints else f"{len(complaints)} to look at")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
