"""The page as a whole: what is said of machine and method, and the order of its parts.

What explains a limit is written by hand in benchmarks/limits.md and put in as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import plots, tables, targets

if TYPE_CHECKING:
    from benchmarks.method.results import Results

LIMITS = Path(__file__).parent.parent / "limits.md"
METHOD = """\
Everything is on one machine, over loopback. The server (`benchmarks/server`, Rust) has the first
core, the client the last; the server's share of its core stands in each table: at 100 % the server
would be what is measured. Contenders take turns, one block each a round, in an order that rotates
from round to round; both kinds of event loop are turns of the same round. What the machine does
meanwhile hits all alike, so a ratio is taken within its round, and is always one of cost: below 1
is cheaper. Figures are medians over the rounds, with the least and the greatest behind them.
Connections are opened and closed outside the clock, except where opening is what is measured.
Each peer has found in a warm-up how many operations fill its block. CPU is that of the client's
process, all threads together, for one operation.

Echoes, floods of bytes and sinks of ours are measured once more in pairs: two connections in one
process, blocks of 25 ms by turns, ours beside the rival's configuration and event loop that had
been its best in the rounds, and our other ways beside our own `connect`.

Where every message waits for the last (echo, crowd, connect), spinners at idle priority keep the
virtual CPUs awake: one that sleeps takes longer to wake than an echo lasts. Where messages flow
(flood, sink, compressed) there are none.

Each peer is in its fastest documented configuration: without compression (but where that is
measured), keepalive and, where it can be taken away, a limit of size; with its C extensions, or it
is left out. Ours has its keepalive on: 20 seconds, its default. `benchmarks/peers` has a short file
for each. A floor is no client to use: it shows what is left when nothing but the event loop, or no
Python at all, is in the way. In the plots aiowebsocket is orange (a lighter one: its doors), a
floor is grey; each has its better event loop."""


def write(results: Results, folder: Path) -> None:
    """RESULTS.md, and plots/ beside it."""
    drawn = plots.draw_all(results, folder / "plots")
    (folder / "RESULTS.md").write_text(page(results, drawn))


def page(results: Results, drawn: dict[str, str]) -> str:
    """The text."""
    parts = [
        "# Beside other clients",
        "Written by `make bench`; the samples are in the JSON that it wrote. This page is not"
        " edited by hand: `python -m benchmarks.page results.json` writes it again.",
        "## Targets",
        "Against the better kind of event loop and configuration of each rival.",
        targets.table(results),
        "## Where we do not win",
        "Every workload and peer whose best is cheaper than the best of `aiowebsocket connect`.",
        targets.table_of_losses(results),
        LIMITS.read_text().strip(),
        "## Machine and versions",
        facts(results.machine | results.versions | results.options),
        "## Method",
        METHOD,
        *remarks(results),
        "## Workloads",
    ]
    for workload in results.workloads:
        parts.append(tables.table(workload, results))
        if workload.name in drawn:
            parts.append(f"![{workload.name}]({drawn[workload.name]})")
    return "\n\n".join(parts) + "\n"


def facts(named: dict[str, str]) -> str:
    """Names and values."""
    lines = [f"| {name} | {value} |" for name, value in named.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def remarks(results: Results) -> list[str]:
    """Who was left out, and who pays for a full handshake where others resume a session."""
    said = []
    if results.left_out:
        said.append("Left out of this run:\n\n" + "\n".join(f"- {one}" for one in results.left_out))
    if results.notes:
        whom = "\n".join(f"- {name}: {why}" for name, why in results.notes.items())
        said.append(f"These make a full TLS handshake each time, resumed or not:\n\n{whom}")
    return said
