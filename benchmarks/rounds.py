"""The method: peers by turns, one block each a round, in an order that rotates.

What the machine does meanwhile hits all alike, so a ratio is taken within its round. The server has
a core of its own; connections are opened outside the clock. It knows no job.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from benchmarks import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

SERVER = Path(__file__).parent / "server" / "target" / "release" / "echo-and-flood-server"
SampleT = TypeVar("SampleT")
SampleT_co = TypeVar("SampleT_co", covariant=True)
ResultT = TypeVar("ResultT")


class Turn(Protocol[SampleT_co]):
    """One peer doing one job on one kind of event loop."""

    def find_operations(self, seconds: float) -> None:
        """Warms up, and finds how much fills a block of so many seconds."""

    def take(self, number: int) -> SampleT_co:
        """One block of the round of that number."""


def measure(turns: Sequence[Turn[SampleT]], rounds: int, block: float) -> list[SampleT]:
    """All rounds of one job on one kind of loop."""
    samples = []
    for turn in turns:
        turn.find_operations(block)
    for number in range(rounds):
        first = number % len(turns)
        samples += [turn.take(number) for turn in [*turns[first:], *turns[:first]]]
        print(".", end="", flush=True, file=sys.stderr)
    return samples


def run(loop_kind: str, block: Callable[[], Coroutine[None, None, ResultT]]) -> ResultT:
    """Runs a block on an event loop of its own, with the garbage of others taken away."""
    loop = LOOPS[loop_kind]()
    gc.collect()
    try:
        return loop.run_until_complete(block())
    finally:
        loop.close()


def installed(names: Sequence[str], load: Callable[[str], ResultT | None]) -> list[ResultT]:
    """The peers that can be imported; who is missing is said aloud."""
    found = []
    for name in names:
        peer = load(name)
        if peer is None:
            print(f"left out: {name}, its package is not installed")
        else:
            found.append(peer)
    return found


@contextlib.contextmanager
def running_server(program: Path, *, replays: Path | None = None) -> Iterator[str]:
    """The address of a server on the first core, this process on the last; ended at the end."""
    if not program.exists():
        sys.exit(f"{program} is not built: run `make bench`")
    cores = machine.cores()
    arguments: list[str | Path] = [program, "127.0.0.1:0"]
    if replays:
        arguments.append(replays)
    server = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        if len(cores) > 1:
            machine.pin(server.pid, cores[0])
            machine.pin(0, cores[-1])
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def event_loops() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The kinds of event loop that are installed."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415

        loops["uvloop"] = uvloop.new_event_loop
    return loops


LOOPS = event_loops()
