"""Medians with their spread, ratios of one round, and the units that people read.

A ratio is always of cost, ours or the row's over the other's: below 1 is cheaper than the other.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.method.results import Results, Series


@dataclass(frozen=True)
class Spread:
    """A median with the least and the greatest beside it."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        if self.least == self.greatest:
            return number(self.median)
        return f"{number(self.median)} ({number(self.least)} to {number(self.greatest)})"


@dataclass(frozen=True)
class Unit:
    """How a cost is written: the title of its column, and the figure that people expect."""

    title: str
    shown: Callable[[float], float]
    cpu_title: str = "CPU, us"
    cpu_shown: Callable[[float], float] = lambda seconds: seconds * 1e6
    more_is_better: bool = False


UNITS = {
    "us": Unit("us", lambda seconds: seconds * 1e6),
    "1,000/s": Unit("1,000/s", lambda seconds: 1e-3 / seconds, more_is_better=True),
    "1/s": Unit("1/s", lambda seconds: 1 / seconds, more_is_better=True),
    "MB/s": Unit(
        "MB/s",
        lambda seconds: 1 / seconds,
        "CPU, ms/MB",
        lambda seconds: seconds * 1e3,
        more_is_better=True,
    ),
    "ms": Unit("ms", lambda seconds: seconds * 1e3),
    "KiB": Unit("KiB", lambda size: size / 2**10),
    "MB": Unit("MB", lambda size: size / 1e6),
}


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(series: Series, figure: str, shown: Callable[[float], float]) -> Spread:
    """Of all rounds."""
    return Spread.of([shown(value) for value in series.figures[figure]])


def ratios(mine: Series, other: Series, figure: str) -> list[float]:
    """Round by round."""
    pairs = zip(mine.figures[figure], other.figures[figure], strict=True)
    return [one / two for one, two in pairs]


def best(results: Results, workload: str, names: Sequence[str], figure: str) -> Series | None:
    """The cheapest series of those contenders, over their kinds of loop and configurations."""
    found = [
        series
        for series in results.series
        if series.workload == workload and series.contender in names and figure in series.figures
    ]
    return min(found, key=lambda one: statistics.median(one.figures[figure]), default=None)
