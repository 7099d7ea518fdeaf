"""permessage-deflate (RFC 7692): a feed that the server compressed, or texts that it only counts.

One operation is a megabyte, 10^6 bytes, before compression; both directions are timed to the last
message's end. On an idle machine clock and CPU agree; on a busy one believe the CPU: aiohttp
compresses in threads, and each gets a share of a core that others want too.
"""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING

from benchmarks import corpus
from benchmarks.method.results import Figures, Workload

from . import Job, Measured

if TYPE_CHECKING:
    from benchmarks.method.rounds import Turn
    from benchmarks.peers import Client, Contender, Peer, Trust

    from . import Bench


class Compressed(Measured):
    """One corpus in one direction; an operation of the method's is the whole corpus once."""

    direction: str

    def __init__(self, name: str, family: str = "compressed-detail") -> None:
        self.corpus = name
        self.file = name.replace(" ", "-")
        self.facts = Workload(
            name=f"{self.direction}: {name}",
            family=family,
            operation="10^6 bytes of text, as they are before compression",
            figure="seconds",
            unit="MB/s",
            baseline="websockets",
            awake=False,
        )

    @cached_property
    def messages(self) -> list[str]:
        """The texts."""
        return corpus.CORPORA[self.corpus]()

    @cached_property
    def megabytes(self) -> float:
        """Of one corpus."""
        return sum(map(len, self.messages)) / 1e6

    def takes(self, contender: Contender) -> bool:
        """Who compresses."""
        return self.direction in contender.jobs

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """One connection each."""
        (bench.server.replays / self.file).write_bytes(corpus.frames(self.messages))
        turns = Job(
            self.facts.name,
            self.direction,
            0,
            tls=False,
            resource=self._resource,
            work=self._work,
            open=_open,
            worth=self.megabytes,
        ).turns(contender, bench)
        for turn in turns:
            turn.least = turn.operations = 1
        return turns

    def _resource(self, times: int) -> str:
        raise NotImplementedError

    async def _work(self, client: Client, times: int) -> Figures:
        raise NotImplementedError


class Received(Compressed):
    """From the server."""

    direction = "receive deflated"

    def _resource(self, times: int) -> str:
        return f"/replay/{self.file}?times={times}"

    async def _work(self, client: Client, times: int) -> Figures:
        last = await client.flood(len(self.messages) * times, text=True)
        if last != self.messages[-1]:
            raise ConnectionError("something else was received than was sent")
        return {}


class Sent(Compressed):
    """To the server."""

    direction = "send deflated"

    def _resource(self, times: int) -> str:
        return f"/sink?count={len(self.messages) * times}"

    async def _work(self, client: Client, times: int) -> Figures:
        texts = itertools.chain.from_iterable(itertools.repeat(self.messages, times))
        wire = await client.sink(texts) / times / 1e6
        if wire > 0.9 * self.megabytes:
            raise ConnectionError(f"it did not compress: {wire:.1f} MB of {self.megabytes:.1f}")
        return {"ratio": self.megabytes / wire}


async def _open(peer: Peer, uri: str, trust: Trust | None) -> Client:  # noqa: ARG001
    assert peer.open_deflating is not None
    return await peer.open_deflating(uri)


TICKS, *OTHERS = corpus.CORPORA
WORKLOADS = (
    Received(TICKS, "compressed"),
    *(Received(name) for name in OTHERS),
    *(Sent(name) for name in corpus.CORPORA),
)
