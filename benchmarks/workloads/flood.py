"""Flood: one connection, one request, and then messages as fast as the server can send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.method.results import Workload
from benchmarks.peers import Outside

from . import PICOWS, Job, Measured, size_name

if TYPE_CHECKING:
    from benchmarks.method.results import Figures
    from benchmarks.method.rounds import Turn
    from benchmarks.peers import Client, Contender

    from . import Bench


class Flood(Measured):
    """Messages of one size, binary or text."""

    def __init__(self, size: int, *, text: bool = False, tls: bool = False) -> None:
        self.size, self.text = size, text
        self.paired = "" if text else "cpu"
        kind = "text" if text else "binary"
        self.facts = Workload(
            name=f"flood {size_name(size)}, {kind}{', TLS' if tls else ''}",
            family="flood",
            operation="a message received, each an object of its own",
            figure="seconds",
            unit="1,000/s",
            baseline=PICOWS,
            awake=False,
        )
        self.job = Job(
            self.facts.name,
            "flood",
            size,
            tls,
            lambda count: f"/flood?size={size}&count={count}&kind={kind}",
            self._work,
        )

    def takes(self, contender: Contender) -> bool:
        """Everyone; without Python bytes and text are the same."""
        return "flood" in contender.jobs and not (self.text and isinstance(contender, Outside))

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """One connection each."""
        return self.job.turns(contender, bench)

    async def _work(self, client: Client, count: int) -> Figures:
        last = await client.flood(count, self.text)
        if len(last) != self.size:
            raise ConnectionError(f"the last message has a length of {len(last)}")
        return {}


SIZES = (32, 256, 2**13, 2**20)
WORKLOADS = (
    *(Flood(size) for size in SIZES),
    *(Flood(size, text=True) for size in SIZES),
    Flood(256, tls=True),
)
