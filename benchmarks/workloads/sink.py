"""Sink: one connection sends as fast as it can; the server counts, and answers at the end."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from benchmarks.method.results import Workload

from . import PICOWS, Job, Measured, binary, size_name

if TYPE_CHECKING:
    from benchmarks.method.results import Figures
    from benchmarks.method.rounds import Turn
    from benchmarks.peers import Client, Contender

    from . import Bench


class Sink(Measured):
    """Messages of one size, each sent by an `await` of its own."""

    paired = "cpu"

    def __init__(self, size: int, *, tls: bool = False) -> None:
        self.payload = binary(size)
        self.facts = Workload(
            name=f"sink {size_name(size)}{', TLS' if tls else ''}",
            family="sink",
            operation="a message sent, without waiting for an answer",
            figure="seconds",
            unit="1,000/s",
            baseline=PICOWS,
            awake=False,
        )
        self.job = Job(
            self.facts.name, "sink", size, tls, lambda count: f"/sink?count={count}", self._work
        )

    def takes(self, contender: Contender) -> bool:
        """Everyone."""
        return "sink" in contender.jobs

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """One connection each."""
        return self.job.turns(contender, bench)

    async def _work(self, client: Client, count: int) -> Figures:
        received = await client.sink(itertools.repeat(self.payload, count))
        if received != count * len(self.payload):
            raise ConnectionError(f"the server got {received} bytes of {count} messages")
        return {}


WORKLOADS = (Sink(256), Sink(256, tls=True))
