"""What this library set itself to reach, and whether the results say that it did.

A verdict is computed: the worst of our kinds of event loop counts, against the rival's best kind of
loop and configuration. Ratios are medians of same-round ratios, or of pairs where there are some.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .figures import best, number, ratios

if TYPE_CHECKING:
    from benchmarks.method.results import Pairs, Results, Series

CONNECT, CONVERSE = "aiowebsocket connect", "aiowebsocket Converse"
CALLBACKS = ("picows callbacks", "picows callbacks, aiofastnet")
PICOWS = (*CALLBACKS, "picows.websockets")
WEBSOCKETS = ("websockets",)
PEERS = ("every peer",)
TITLES = {"seconds": "time", "cpu": "client CPU", "p50": "p50", "bytes": "memory"}


@dataclass(frozen=True)
class Target:
    """At most so many times what rivals need, or, without rivals, at most so much."""

    workload: str
    ours: str
    figure: str
    limit: float
    rivals: tuple[str, ...] = ()
    # What one of the limit is, where there are no rivals.
    unit: tuple[float, str] = (1.0, "")


@dataclass(frozen=True)
class Verdict:
    """A target beside what was measured: a value for each of our kinds of loop."""

    target: Target
    rival: str
    values: dict[str, float]
    paired: bool

    @property
    def met(self) -> bool:
        """On the worst of our kinds of loop."""
        return max(self.values.values()) <= self.target.limit


TARGETS = (
    Target("echo 256 B", CONNECT, "seconds", 1.0, CALLBACKS),
    Target("echo 256 B", CONNECT, "seconds", 0.7, WEBSOCKETS),
    Target("echo 256 B", "aiowebsocket busy_poll=20", "p50", 0.65, CALLBACKS),
    Target("flood 256 B, binary", CONNECT, "cpu", 0.55, PICOWS),
    Target("flood 32 B, binary", CONNECT, "cpu", 0.55, PICOWS),
    Target("flood 256 B, binary", CONNECT, "cpu", 1 / 25, WEBSOCKETS),
    Target("flood 32 B, binary", CONNECT, "cpu", 1 / 25, WEBSOCKETS),
    Target("flood 256 B, binary", "aiowebsocket recv_many", "cpu", 0.7, (CONNECT,)),
    Target("sink 256 B", CONNECT, "cpu", 1.0, PICOWS),
    Target("sink 256 B", "aiowebsocket coalesce", "cpu", 0.4, PICOWS),
    Target("echo 256 B, TLS", CONNECT, "cpu", 1.0, CALLBACKS),
    Target("echo 256 B, TLS", CONNECT, "cpu", 0.6, WEBSOCKETS),
    Target("flood 256 B, binary, TLS", CONNECT, "cpu", 0.6, CALLBACKS),
    Target("flood 256 B, binary, TLS", CONNECT, "cpu", 1 / 15, WEBSOCKETS),
    Target("echo 1 MiB", CONNECT, "cpu", 1.0, PEERS),
    Target("flood 1 MiB, binary", CONNECT, "cpu", 1.0, PEERS),
    Target("crowd of 1,000", CONNECT, "cpu", 1.0, CALLBACKS),
    Target("connect, plain", CONNECT, "seconds", 150, unit=(1e-6, "us")),
    Target("connect, TLS resumed", CONNECT, "cpu", 0.7, PEERS),
    Target("idle 1,000", CONNECT, "bytes", 4, unit=(2**10, "KiB")),
    Target("idle 5,000", CONNECT, "bytes", 4, unit=(2**10, "KiB")),
    Target("idle 1,000, TLS", CONNECT, "bytes", 24, unit=(2**10, "KiB")),
    Target("idle 5,000, TLS", CONNECT, "bytes", 24, unit=(2**10, "KiB")),
    Target("import", CONNECT, "seconds", 5, unit=(1e-3, "ms")),
    Target("receive deflated: ticks of 200 B", CONNECT, "cpu", 0.5, PEERS),
    Target("echo 256 B", CONVERSE, "seconds", 1.05, (CONNECT,)),
    Target("flood 256 B, binary", CONVERSE, "cpu", 1.05, (CONNECT,)),
)


def table(results: Results) -> str:
    """All targets, met or not."""
    lines = [
        "| workload | ours | what | target, at most | measured | |",
        "|---|---|---|---|---|---|",
    ]
    for target in TARGETS:
        verdict = judge(target, results)
        goal = f"{number(target.limit)} {_of(target)}"
        if verdict is None:
            cells = [goal, "-", "not measured"]
        else:
            by_loop = ", ".join(
                f"{number(value)} ({loop})" for loop, value in verdict.values.items()
            )
            rival = f" of {verdict.rival}" if verdict.rival else f" {target.unit[1]}"
            paired = ", in pairs" if verdict.paired else ""
            cells = [goal, by_loop + rival + paired, "met" if verdict.met else "**not met**"]
        start = [target.workload, target.ours, TITLES[target.figure]]
        lines.append(f"| {' | '.join([*start, *cells])} |")
    return "\n".join(lines)


def judge(target: Target, results: Results) -> Verdict | None:
    """What was measured of it, or nothing."""
    ours = [
        series
        for series in results.series
        if (series.workload, series.contender) == (target.workload, target.ours)
    ]
    if not ours:
        return None
    if not target.rivals:
        unit = target.unit[0]
        values = {
            series.loop: statistics.median(series.figures[target.figure]) / unit for series in ours
        }
        return Verdict(target, "", values, paired=False)
    if target.rivals == (CONNECT,):
        return _beside_connect(target, ours, results)
    rival = best(results, target.workload, _names(target, results), target.figure)
    if rival is None:
        return None
    paired = _paired(target, results)
    if paired:
        rivals = {f"{pairs.rival} ({pairs.rival_loop})" for pairs in paired}
        return Verdict(target, " and ".join(sorted(rivals)), _medians(target, paired), paired=True)
    values = {
        series.loop: statistics.median(ratios(series, rival, target.figure)) for series in ours
    }
    return Verdict(target, f"{rival.contender} ({rival.loop})", values, paired=False)


def _beside_connect(target: Target, ours: list[Series], results: Results) -> Verdict:
    """Of our own, each is held beside the one on the same kind of loop."""
    connect = {
        series.loop: series
        for series in results.series
        if (series.workload, series.contender) == (target.workload, CONNECT)
    }
    paired = _medians(target, _paired(target, results))
    values = paired or {
        series.loop: statistics.median(ratios(series, connect[series.loop], target.figure))
        for series in ours
        if series.loop in connect
    }
    return Verdict(target, f"{CONNECT} on the same loop", values, paired=bool(paired))


def _of(target: Target) -> str:
    return f"x {target.rivals[0]}" if target.rivals else target.unit[1]


def _names(target: Target, results: Results) -> tuple[str, ...]:
    if target.rivals != PEERS:
        return target.rivals
    return tuple(name for name, role in results.roles.items() if role == "peer")


def _paired(target: Target, results: Results) -> list[Pairs]:
    return [
        pairs
        for pairs in results.pairs
        if (pairs.workload, pairs.contender) == (target.workload, target.ours)
        and pairs.rival in target.rivals
    ]


def _medians(target: Target, paired: list[Pairs]) -> dict[str, float]:
    return {pairs.loop: statistics.median(pairs.figures[target.figure]) for pairs in paired}


def losses(results: Results) -> list[tuple[str, Series, Series, str, float]]:
    """Where a peer at its best is cheaper than ours at its best: workload, both, figure, ratio."""
    found = []
    for workload in results.workloads:
        for peer in (name for name, role in results.roles.items() if role == "peer"):
            for figure in dict.fromkeys((workload.figure, "cpu")):
                ours = best(results, workload.name, (CONNECT,), figure)
                theirs = best(results, workload.name, (peer,), figure)
                if ours is None or theirs is None:
                    continue
                ratio = statistics.median(ratios(ours, theirs, figure))
                if ratio > 1:
                    found.append((workload.name, ours, theirs, figure, ratio))
    return found


def table_of_losses(results: Results) -> str:
    """Every one, or that there is none."""
    found = losses(results)
    if not found:
        return "In this run nowhere: no peer was cheaper by the median of the same-round ratios."
    lines = ["| workload | peer | what | ours / theirs |", "|---|---|---|---|"]
    for workload, _, theirs, figure, ratio in found:
        peer = f"{theirs.contender} ({theirs.loop})"
        what = TITLES.get(figure, figure)
        lines.append(f"| {workload} | {peer} | {what} | {ratio:.2f} |")
    return "\n".join(lines)
