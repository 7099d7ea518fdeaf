"""Side by side: two connections in one process, blocks of one and the other by turns.

Blocks this short see the same machine, so the ratio of a pair is worth more than one of a round.
The rival is on the kind of event loop, and in the configuration, that was its best in the rounds.
Our other ways are also held beside our own `connect` on the same kind of loop.
"""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from benchmarks.method import event_loops
from benchmarks.method.results import Pairs
from benchmarks.method.rounds import Stopwatch

from . import CONNECT, PICOWS, Talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.method.results import Figures, Series
    from benchmarks.method.rounds import Turn

# Whom ours is paired with: of the configurations of a peer the best.
RIVALS = ((PICOWS, f"{PICOWS}, aiofastnet"), ("websockets",))
OURS = ("ours", "door")


class Held:
    """A connection that stays open between its blocks, on a loop of its own."""

    def __init__(self, talk: Talk, operations: int) -> None:
        self.talk, self.operations = talk, operations
        self.loop = event_loops.new(talk.loop, talk.peer)
        self.client = self.loop.run_until_complete(talk.open(operations))

    def block(self) -> Figures:
        """One block."""
        return self.loop.run_until_complete(self._block())

    def close(self) -> None:
        """Ends the connection and its loop."""
        self.loop.run_until_complete(self.client.close())
        event_loops.close(self.loop, self.talk.peer)

    async def _block(self) -> Figures:
        watch = Stopwatch(self.talk.bench.server)
        found = await self.talk.job.work(self.client, self.operations)
        return {**watch.figures(self.operations * self.talk.worth), **found}


def measure(
    turns: Sequence[Turn], series: Sequence[Series], figure: str, count: int, block: float
) -> list[Pairs]:
    """Ours, on each kind of loop, beside each rival at its best by that figure."""
    talks = {
        (turn.contender, turn.loop): (turn, one)
        for turn, one in zip(turns, series, strict=True)
        if isinstance(turn, Talk) and not turn.peer.blocking
    }
    ours = [found for found in talks.values() if found[0].peer.role in OURS]
    best = []
    for names in RIVALS:
        found = [talk for (name, _), talk in talks.items() if name in names]
        best += [min(found, key=lambda talk: _median(talk[1], figure))] if found else []
    pairs = [(one, other) for one in ours for other in best]
    for one in ours:
        own = talks.get((CONNECT, one[0].loop))
        pairs += [(one, own)] if own and own is not one else []
    return [_pair(one, other, count, block) for one, other in pairs]


def _pair(one: tuple[Talk, Series], other: tuple[Talk, Series], count: int, block: float) -> Pairs:
    held = [Held(talk, _operations(talk, series, block)) for talk, series in (one, other)]
    for side in held:
        side.block()
    ratios: dict[str, list[float]] = {}
    for number in range(count):
        order = held if number % 2 else held[::-1]
        found = {id(side): side.block() for side in order}
        mine, theirs = (found[id(side)] for side in held)
        for name in mine.keys() & {"seconds", "cpu", "p50"}:
            ratio = mine[name] / theirs[name]
            ratios.setdefault(name, []).append(float(f"{ratio:.4g}"))
    for side in held:
        side.close()
    print(":", end="", flush=True, file=sys.stderr)
    ours, rival = one[0], other[0]
    return Pairs(ours.job.title, ours.contender, ours.loop, rival.contender, rival.loop, ratios)


def _operations(talk: Talk, series: Series, block: float) -> int:
    seconds = _median(series, "seconds") * talk.worth
    return max(2, round(block / seconds))


def _median(series: Series, figure: str) -> float:
    return statistics.median(series.figures[figure])
