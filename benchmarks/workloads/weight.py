"""Weight: how long a client takes to be imported, and how large it is when installed."""

from __future__ import annotations

import subprocess
import sys
import zlib
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from benchmarks import peers
from benchmarks.method import event_loops
from benchmarks.method.results import Figures, Workload
from benchmarks.method.rounds import Turn

from . import Measured

if TYPE_CHECKING:
    from benchmarks.peers import Contender

    from . import Bench

IMPORTS = 21
# -I: neither the working directory nor the user's packages can stand in for the installed ones.
PROGRAM = """
import asyncio, time
began, cpu = time.perf_counter(), time.process_time()
{}
print(time.perf_counter() - began, time.process_time() - cpu)
"""


class Import(Measured):
    """Beyond asyncio, which every program of this kind has imported."""

    rounds = IMPORTS
    facts = Workload(
        name="import",
        family="import",
        operation="what a program has to import beside asyncio, in a process of its own",
        figure="seconds",
        unit="ms",
        baseline="websockets",
        awake=False,
    )

    def takes(self, contender: Contender) -> bool:
        """Who is imported."""
        return "import" in contender.jobs

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:  # noqa: ARG002
        """A process each."""
        assert isinstance(contender, peers.Peer)
        return [Importing(contender)]


class Importing(Turn):
    """One import in one process."""

    def __init__(self, peer: peers.Peer) -> None:
        super().__init__(peer.name, event_loops.NONE)
        self.command = [sys.executable, "-I", "-c", PROGRAM.format(peer.imports)]

    def warm_up(self, seconds: float) -> None:  # noqa: ARG002
        """Once, so that its files are in the system's cache."""
        self.take()

    def take(self) -> Figures:
        """One process."""
        finished = subprocess.run(self.command, capture_output=True, text=True, check=True)
        seconds, cpu = map(float, finished.stdout.split())
        return {"seconds": seconds, "cpu": cpu}


class Size(Measured):
    """With all that must be installed beside it."""

    rounds = 1

    def __init__(self, name: str, operation: str, figure: str) -> None:
        self.facts = Workload(
            name=name,
            family="size",
            operation=operation,
            figure=figure,
            unit="MB",
            baseline="websockets",
            awake=False,
        )

    def takes(self, contender: Contender) -> bool:
        """Who is installed."""
        return "import" in contender.jobs

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:  # noqa: ARG002
        """One look at the files."""
        return [Installed(contender)]


class Installed(Turn):
    """The files of a client's distributions and of what they require."""

    def __init__(self, contender: Contender) -> None:
        super().__init__(contender.name, event_loops.NONE)
        self.packages = contender.packages

    def warm_up(self, seconds: float) -> None:
        """Nothing to find out."""

    def take(self) -> Figures:
        """One look."""
        needed: dict[str, None] = {}
        for package in self.packages:
            _require(package, needed)
        sizes = [_sizes(package) for package in needed]
        return {
            "installed": float(sum(installed for installed, _ in sizes)),
            "packed": float(sum(packed for _, packed in sizes)),
            "packages": float(len(sizes)),
        }


def _require(package: str, needed: dict[str, None]) -> None:
    if package in needed:
        return
    needed[package] = None
    for line in distribution(package).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            _require(requirement.name, needed)


@cache
def _sizes(package: str) -> tuple[int, int]:
    installed = packed = 0
    for file in distribution(package).files or ():
        path = Path(file.locate())
        # What Python compiled after the installation is not the package's.
        if file.suffix != ".pyc" and path.is_file():
            content = path.read_bytes()
            installed += len(content)
            packed += len(zlib.compress(content))
    return installed, packed


WORKLOADS = (
    Import(),
    Size("installed size", "its files and those of all that it requires", "installed"),
    Size("wheel size", "the same, each file deflated as in a wheel", "packed"),
)
