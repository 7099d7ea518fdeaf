"""Echo: one connection, a closed loop. A message is sent, and received back, before the next."""

from __future__ import annotations

import itertools
import statistics
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.method.results import Workload

from . import PICOWS, Job, Measured, binary, size_name

if TYPE_CHECKING:
    from benchmarks.method.results import Figures
    from benchmarks.method.rounds import Turn
    from benchmarks.peers import Client, Contender

    from . import Bench


class Echo(Measured):
    """Messages of one size."""

    def __init__(self, size: int, *, tls: bool = False) -> None:
        self.paired = "cpu" if tls else "seconds"
        self.payload = binary(size)
        self.facts = Workload(
            name=f"echo {size_name(size)}{', TLS' if tls else ''}",
            family="echo",
            operation="a message sent and received back, before the next is sent",
            figure="seconds",
            unit="us",
            baseline=PICOWS,
            awake=True,
        )
        self.job = Job(self.facts.name, "echo", size, tls, lambda _: "/echo", self._work)

    def takes(self, contender: Contender) -> bool:
        """The spin is measured at one size alone."""
        return bool(contender.jobs & {"echo", self.facts.name})

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """One connection each."""
        return self.job.turns(contender, bench)

    async def _work(self, client: Client, count: int) -> Figures:
        times = [perf_counter(), *await client.echo(self.payload, count)]
        each = sorted(after - before for before, after in itertools.pairwise(times))
        if len(each) != count:
            raise ConnectionError(f"{len(each)} echoes came back of {count}")
        return {"p50": statistics.median(each), "p99": each[int(0.99 * count)]}


WORKLOADS = (
    *(Echo(size) for size in (32, 256, 2**12, 2**16, 2**20)),
    *(Echo(size, tls=True) for size in (256, 2**20)),
)
