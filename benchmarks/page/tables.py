"""A table a workload: a row a contender, its kinds of event loop side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .figures import UNITS, Spread, ratios, spread

if TYPE_CHECKING:
    from benchmarks.method.results import Results, Series, Workload

NAMES_OF_LOOPS = {"none": "no event loop"}


def all_of(results: Results) -> str:
    """Every workload's."""
    return "\n".join(table(workload, results) for workload in results.workloads)


def table(workload: Workload, results: Results) -> str:
    """Medians with their spread, and each round's ratio to the baseline on the same loop."""
    here = [series for series in results.series if series.workload == workload.name]
    lines = []
    for loop in dict.fromkeys(series.loop for series in here):
        mine = [series for series in here if series.loop == loop]
        lines += _on_loop(workload, mine, results)
    lines += _pairs(workload, results)
    return (
        f"### {workload.name}\n\nOne operation: {workload.operation}.\n" + "\n".join(lines) + "\n"
    )


def _on_loop(workload: Workload, here: list[Series], results: Results) -> list[str]:
    unit = UNITS[workload.unit]
    columns = [(unit.title, workload.figure, unit.shown)]
    for title, name, shown in (
        ("p50, us", "p50", lambda seconds: seconds * 1e6),
        (unit.cpu_title, "cpu", unit.cpu_shown),
        ("server's CPU, %", "server", lambda share: share * 100),
    ):
        if any(name in series.figures for series in here):
            columns.append((title, name, shown))
    loop = NAMES_OF_LOOPS.get(here[0].loop, here[0].loop)
    baseline = next((one for one in here if one.contender == workload.baseline), None)
    titles = [loop, *(title for title, _, _ in columns)]
    titles += [f"cost / {workload.baseline}"] if baseline else []
    lines = ["", f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for series in here:
        mark = "" if results.roles[series.contender] != "floor" else " (floor)"
        cells = [f"{series.contender}{mark}"]
        cells += [
            str(spread(series, name, shown)) if name in series.figures else "-"
            for _, name, shown in columns
        ]
        if baseline:
            cells.append(str(Spread.of(ratios(series, baseline, workload.figure))))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _pairs(workload: Workload, results: Results) -> list[str]:
    here = [pairs for pairs in results.pairs if pairs.workload == workload.name]
    if not here:
        return []
    lines = ["", "| in pairs | beside | time | p50 | CPU |", "|---|---|---|---|---|"]
    for pairs in here:
        cells = [f"{pairs.contender} ({pairs.loop})", f"{pairs.rival} ({pairs.rival_loop})"]
        cells += [
            str(Spread.of(pairs.figures[name])) if name in pairs.figures else "-"
            for name in ("seconds", "p50", "cpu")
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
