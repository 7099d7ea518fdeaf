"""Connect: one connection after the other; only the opening is timed, the closing is not.

Cold TLS is a full handshake. Resumed TLS is the best documented way of a client to come back to a
server: who resumes no session pays for a full handshake there too, and the page says who.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.method import event_loops
from benchmarks.method.results import Figures, Workload
from benchmarks.method.rounds import Turn

from . import PICOWS, Measured, loops_of

if TYPE_CHECKING:
    from benchmarks.peers import Client, Contender, Peer, Trust

    from . import Bench

AT_ONCE = 50


class Connect(Measured):
    """Plain, or one kind of TLS."""

    def __init__(
        self, name: str, operation: str, *, tls: bool = False, fresh: bool = False
    ) -> None:
        self.tls, self.fresh = tls, fresh
        self.facts = Workload(
            name=name,
            family="connect",
            operation=operation,
            figure="seconds",
            unit="us",
            baseline=PICOWS,
            awake=True,
        )

    def takes(self, contender: Contender) -> bool:
        """Who opens connections in this process."""
        return "connect" in contender.jobs

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """One connection after the other."""
        if not isinstance(contender, peers.Peer):
            return [Elsewhere(contender, bench, self)] if not self.fresh else []
        return [Opening(contender, loop, bench, self) for loop in loops_of(contender, bench)]


class Opening(Turn):
    """One peer's connections."""

    most = 2_000

    def __init__(self, peer: Peer, loop: str, bench: Bench, connect: Connect) -> None:
        super().__init__(peer.name, loop)
        self.peer, self.bench, self.connect = peer, bench, connect
        # Who resumes nothing needs nothing fresh for a full handshake, and is not made to pay.
        fresh = connect.fresh and not peer.never_resumes
        self.trusts = [bench.trust(tls=connect.tls, fresh=fresh)]

    def take(self) -> Figures:
        """One block."""
        return event_loops.run(self.loop, self.peer, self._block)

    async def _block(self) -> Figures:
        server, trust = self.bench.server, self.trusts[0]
        uri = server.uri("/echo", tls=self.connect.tls)
        await (await self.peer.open(uri, trust)).close()
        began, server_cpu = time.perf_counter(), server.cpu_seconds()
        seconds = cpu = 0.0
        for _ in range(self.operations):
            before, cpu_before = time.perf_counter(), time.process_time()
            client = await self.peer.open(uri, trust)
            seconds += time.perf_counter() - before
            cpu += time.process_time() - cpu_before
            await client.close()
        share = (server.cpu_seconds() - server_cpu) / (time.perf_counter() - began)
        return {
            "seconds": seconds / self.operations,
            "cpu": cpu / self.operations,
            "server": share,
        }


class Elsewhere(Turn):
    """A program of its own, which opens and closes within its clock."""

    most = 2_000

    def __init__(self, outside: peers.Outside, bench: Bench, connect: Connect) -> None:
        super().__init__(outside.name, event_loops.NONE)
        self.outside, self.bench, self.connect = outside, bench, connect

    def take(self) -> Figures:
        """One block."""
        server = self.bench.server
        uri = server.uri("", tls=self.connect.tls)
        seconds, cpu = self.outside.run(uri, server.ca_file, "connect", 0, self.operations)
        return {"seconds": seconds / self.operations, "cpu": cpu / self.operations}


async def open_many(peer: Peer, uri: str, trust: Trust | None, count: int) -> list[Client]:
    """So many connections, some of them at once."""
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def one() -> Client:
        async with turnstile:
            return await peer.open(uri, trust)

    return list(await asyncio.gather(*(one() for _ in range(count))))


WORKLOADS = (
    Connect("connect, plain", "a connection opened"),
    Connect("connect, TLS cold", "a connection opened by a full handshake", tls=True, fresh=True),
    Connect("connect, TLS resumed", "a connection opened to a server known already", tls=True),
)
