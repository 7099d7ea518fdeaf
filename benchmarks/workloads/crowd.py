"""Crowd: a thousand connections in one process, each with a closed loop of echoes of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.method import event_loops
from benchmarks.method.results import Figures, Workload
from benchmarks.method.rounds import Stopwatch, Turn

from . import PICOWS, Measured, binary, loops_of
from .opening import open_many

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from benchmarks.peers import Client, Contender, Peer

    from . import Bench

CONNECTIONS = 1_000
CONNECTIONS_OF_A_TRIAL = 20
SIZE = 256


class Crowd(Measured):
    """Tasks or callbacks as many as connections; a thread each for whom blocks."""

    facts = Workload(
        name=f"crowd of {CONNECTIONS:,}",
        family="crowd",
        operation=f"an echo of {SIZE} B on one of {CONNECTIONS:,} connections that all echo",
        figure="seconds",
        unit="us",
        baseline=PICOWS,
        awake=True,
    )

    def takes(self, contender: Contender) -> bool:
        """Who opens connections in this process."""
        return "crowd" in contender.jobs

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """All connections on one loop."""
        if not isinstance(contender, peers.Peer):
            return []
        return [Echoing(contender, loop, bench) for loop in loops_of(contender, bench)]


class Echoing(Turn):
    """One peer's crowd; each connection echoes as often as the others."""

    def __init__(self, peer: Peer, loop: str, bench: Bench) -> None:
        super().__init__(peer.name, loop)
        self.peer, self.bench = peer, bench
        self.connections = CONNECTIONS_OF_A_TRIAL if bench.short else CONNECTIONS
        self.least = self.operations = 2 * self.connections

    def take(self) -> Figures:
        """One block."""
        return event_loops.run(self.loop, self.peer, self._block)

    async def _block(self) -> Figures:
        uri = self.bench.server.uri("/echo")
        clients = await open_many(self.peer, uri, None, self.connections)
        each = self.operations // self.connections
        jobs = [client.echo(binary(SIZE), each) for client in clients]
        with ThreadPoolExecutor(self.connections) as threads:
            watch = Stopwatch(self.bench.server)
            if self.peer.blocking:
                loop = asyncio.get_running_loop()
                await asyncio.gather(*(loop.run_in_executor(threads, _drive, job) for job in jobs))
            else:
                await asyncio.gather(*jobs)
            figures = watch.figures(each * self.connections)
        await asyncio.gather(*map(_close, clients))
        return figures


def _drive(job: Coroutine[None, None, list[float]]) -> None:
    """Runs a coroutine that never waits."""
    try:
        job.send(None)
    except StopIteration:
        return
    raise RuntimeError("a blocking client has waited")


async def _close(client: Client) -> None:
    await client.close()


WORKLOADS = (Crowd(),)
