"""What is measured, one file a family; each offers workloads that know how to make their turns.

A workload has facts for the reader (`Workload`) and turns for the method. It knows no peer's API
but the jobs that all peers have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.method import event_loops
from benchmarks.method.rounds import Stopwatch, Turn, TurnError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.method.results import Figures, Workload
    from benchmarks.method.server import Server
    from benchmarks.peers import Client, Contender, Outside, Peer

CONNECT = "aiowebsocket connect"
PICOWS = "picows callbacks"


@dataclass(frozen=True)
class Bench:
    """What a turn needs beside its peer."""

    server: Server
    # Of the run: all kinds of event loop that were asked for, and how small a trial is.
    loops: tuple[str, ...]
    short: bool = False

    def trust(self, *, tls: bool, fresh: bool = False) -> peers.Trust | None:
        """Whom to trust for such a connection."""
        return peers.Trust(self.server.ca_file, fresh) if tls else None


class Measured(ABC):
    """One workload."""

    facts: Workload
    # Rounds of its own, where the run's would be too few or too many.
    rounds: int | None = None
    # Whether ours is also measured side by side with its rivals: the figure that says which
    # configuration of a rival is its best.
    paired = ""

    @abstractmethod
    def takes(self, contender: Contender) -> bool:
        """Whether that contender has this job."""

    @abstractmethod
    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """A turn on each kind of event loop that the contender runs on."""


def loops_of(contender: Contender, bench: Bench) -> tuple[str, ...]:
    """The kinds of event loop that tell something about that contender."""
    blocking = not isinstance(contender, peers.Peer) or contender.blocking
    return (event_loops.NONE,) if blocking else bench.loops


@dataclass(frozen=True)
class Job:
    """What one connection does, said once for all peers."""

    title: str
    name: str
    size: int
    tls: bool
    # The resource, and what is done there, for so many operations.
    resource: Callable[[int], str]
    work: Callable[[Client, int], Awaitable[Figures]]
    # How many of the reader's operations one of these is.
    worth: float = 1.0
    open: Callable[[Peer, str, peers.Trust | None], Awaitable[Client]] = lambda peer, uri, trust: (
        peer.open(uri, trust)
    )

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """A turn on each kind of event loop."""
        if isinstance(contender, peers.Peer):
            return [Talk(contender, loop, bench, self) for loop in loops_of(contender, bench)]
        return [Away(contender, bench, self)]


class Talk(Turn):
    """One connection of one peer; it is opened and closed outside the clock."""

    def __init__(self, peer: Peer, loop: str, bench: Bench, job: Job) -> None:
        super().__init__(peer.name, loop)
        self.peer, self.bench, self.job = peer, bench, job
        self.worth = job.worth

    def take(self) -> Figures:
        """One block."""
        try:
            return event_loops.run(self.loop, self.peer, self._block)
        except Exception as error:
            raise TurnError(self, self.job.title, error) from error

    async def open(self, operations: int) -> Client:
        """A connection that is ready for the job, so many operations at a time."""
        uri = self.bench.server.uri(self.job.resource(operations), tls=self.job.tls)
        return await self.job.open(self.peer, uri, self.bench.trust(tls=self.job.tls))

    async def _block(self) -> Figures:
        client = await self.open(self.operations)
        watch = Stopwatch(self.bench.server)
        found = await self.job.work(client, self.operations)
        figures = {**watch.figures(self.operations * self.job.worth), **found}
        await client.close()
        return figures


class Away(Turn):
    """One connection of a program of its own, which has its own clock."""

    def __init__(self, outside: Outside, bench: Bench, job: Job) -> None:
        super().__init__(outside.name, event_loops.NONE)
        self.outside, self.bench, self.job = outside, bench, job

    def take(self) -> Figures:
        """One block."""
        server, job = self.bench.server, self.job
        uri = server.uri("", tls=job.tls)
        before = server.cpu_seconds()
        seconds, cpu = self.outside.run(uri, server.ca_file, job.name, job.size, self.operations)
        busy = server.cpu_seconds() - before
        return {
            "seconds": seconds / self.operations,
            "cpu": cpu / self.operations,
            # It does its job twice, the first time to warm up.
            "server": busy / 2 / seconds,
        }


def size_name(size: int) -> str:
    """32 B, 4 KiB, 1 MiB."""
    for unit, power in (("MiB", 20), ("KiB", 10)):
        if size >= 2**power:
            return f"{size >> power} {unit}"
    return f"{size} B"


def binary(size: int) -> bytes:
    """Bytes that are no UTF-8: every peer sends and gets them as BINARY."""
    return bytes(255 - number % 256 for number in range(size))


def select(offered: Sequence[Measured], names: Sequence[str]) -> list[Measured]:
    """Those that are called so, else those of the family, else those whose name begins so."""
    chosen = set()
    for name in names:
        ways = (
            [one for one in offered if one.facts.name == name],
            [one for one in offered if one.facts.family == name],
            [one for one in offered if one.facts.name.startswith(name)],
        )
        chosen.update(next((found for found in ways if found), []))
    return [one for one in offered if one in chosen]
