"""A plot a workload worth seeing: a bar a contender at its best, its figure written beside it.

The colours are readable on light and on dark; there is no axis, for every bar says what it is.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from .figures import UNITS, best, number

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.method.results import Results, Series, Workload

SHOWN = (
    "echo 256 B",
    "echo 1 MiB",
    "echo 256 B, TLS",
    "flood 256 B, binary",
    "flood 256 B, binary, TLS",
    "sink 256 B",
    "crowd of 1,000",
    "connect, plain",
    "connect, TLS resumed",
    "idle 1,000",
    "idle 1,000, TLS",
    "import",
    "receive deflated: ticks of 200 B",
)
COLOURS = {"ours": "#e8590c", "door": "#f4a26b", "peer": "#7a93ac", "floor": "#b0b0b0"}
# Between black and white, so that it shows on either.
TEXT = "#7d7d7d"


def draw_all(results: Results, folder: Path) -> dict[str, str]:
    """The plots' files, by the workload's name."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for workload in results.workloads:
        if workload.name in SHOWN:
            words = "".join(char if char.isalnum() else " " for char in workload.name).split()
            file = folder / f"{'-'.join(words).lower()}.svg"
            draw(workload, results, file)
            drawn[workload.name] = f"{folder.name}/{file.name}"
    return drawn


def draw(workload: Workload, results: Results, file: Path) -> None:
    """One plot, the best at the top."""
    import matplotlib as mpl  # noqa: PLC0415 - measuring needs none of it

    mpl.use("svg")
    from matplotlib import pyplot  # noqa: PLC0415

    unit = UNITS[workload.unit]
    found = [
        series
        for name in results.roles
        if (series := best(results, workload.name, (name,), workload.figure)) is not None
    ]
    found.sort(key=lambda series: _cost(workload, series), reverse=True)
    values = [unit.shown(_cost(workload, series)) for series in found]
    # Words stay words, and the same results are the same file.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "", "font.size": 9}):
        figure, axes = pyplot.subplots(figsize=(7, 0.5 + 0.24 * len(found)), layout="constrained")
        bars = axes.barh(
            [f"{series.contender} ({series.loop})" for series in found],
            values,
            color=[COLOURS[results.roles[series.contender]] for series in found],
            height=0.72,
        )
        axes.bar_label(bars, [f" {number(value)}" for value in values], color=TEXT)
        better = "more" if unit.more_is_better else "less"
        axes.set_title(f"{workload.name}: {unit.title}, {better} is better", color=TEXT, loc="left")
        axes.tick_params(axis="y", length=0, colors=TEXT)
        axes.xaxis.set_visible(False)
        axes.margins(x=0.1, y=0.01)
        for spine in axes.spines.values():
            spine.set_visible(False)
        figure.savefig(file, transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def _cost(workload: Workload, series: Series) -> float:
    return statistics.median(series.figures[workload.figure])
