"""The method: contenders by turns, one block each a round, in an order that rotates.

What the machine does meanwhile hits all alike, so a ratio is taken within its round. The kinds of
event loop are turns of the same round. It knows no job.
"""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from benchmarks.method.results import Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.method.results import Figures
    from benchmarks.method.server import Server


class Turn(ABC):
    """One contender doing one job on one kind of event loop."""

    # How many operations are a block: found by warming up, within these bounds.
    least = 4
    most = 4_000_000
    # How many of the reader's operations one of them is.
    worth = 1.0

    def __init__(self, contender: str, loop: str) -> None:
        self.contender, self.loop = contender, loop
        self.operations = self.least

    @abstractmethod
    def take(self) -> Figures:
        """One block of so many operations."""

    def warm_up(self, seconds: float) -> None:
        """Finds how many operations take so long, by blocks that grow; no time, no search."""
        if seconds == 0:
            return
        for _ in range(6):
            elapsed = self.take()["seconds"] * self.operations * self.worth
            enough = elapsed > seconds / 4
            factor = min(32.0, seconds / max(elapsed, 1e-9))
            self.operations = round(min(self.most, max(self.least, self.operations * factor)))
            if enough:
                return


class TurnError(Exception):
    """A turn could not be taken to its end."""

    def __init__(self, turn: Turn, job: str, why: Exception) -> None:
        super().__init__(f"{turn.contender} on {turn.loop} failed in {job}: {why!r}")
        self.contender = turn.contender


def measure(
    workload: str, turns: list[Turn], rounds: int, block: float
) -> tuple[list[Series], list[TurnError]]:
    """All rounds of one workload; who fails takes no further part, and is taken out of `turns`."""
    failures: list[TurnError] = []
    series = {turn: Series(workload, turn.contender, turn.loop) for turn in turns}

    def attempt(turn: Turn, work: Callable[[Turn], None]) -> None:
        try:
            work(turn)
        except TurnError as error:
            failures.append(error)
            turns.remove(turn)

    for turn in turns.copy():
        attempt(turn, lambda turn: turn.warm_up(block))
    for number in range(rounds):
        first = number % max(1, len(turns))
        for turn in [*turns[first:], *turns[:first]]:
            attempt(turn, lambda turn: series[turn].add(turn.take()))
        print(".", end="", flush=True, file=sys.stderr)
    return [series[turn] for turn in turns], failures


class Stopwatch:
    """Runs from its making: the wall's clock, this process's CPU and the server's."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.server_cpu = server.cpu_seconds()
        self.cpu = time.process_time()
        self.began = time.perf_counter()

    def figures(self, operations: float) -> Figures:
        """What one of so many operations took, now."""
        seconds = time.perf_counter() - self.began
        cpu = time.process_time() - self.cpu
        server = self.server.cpu_seconds() - self.server_cpu
        return {
            "seconds": seconds / operations,
            "cpu": cpu / operations,
            "server": server / seconds,
        }
