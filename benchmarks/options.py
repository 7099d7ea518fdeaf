"""What can be asked for on the command line, and what the short forms stand for."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import peers
from benchmarks.method import event_loops, server
from benchmarks.workloads import catalogue

HERE = Path(__file__).parent
DETAILS = ("aiowebsocket_levels", "websockets_without_c")
MAIN_PEERS = (
    "aiowebsocket_connect",
    "aiowebsocket_doors",
    "picows_callbacks",
    "websockets_connect",
    "aiohttp_session",
    "bare_protocol",
    "native_client",
)
QUICK = {
    "workloads": ["echo 256 B", "flood 256 B, binary", "sink 256 B"],
    "peers": list(MAIN_PEERS),
    "loops": ["asyncio"],
    "rounds": 5,
    "block": 0.25,
}
SHORT = {"rounds": 1, "block": 0.0}
FULL = {
    "workloads": list(catalogue.FAMILIES),
    "peers": [name for name in peers.NAMES if name not in DETAILS],
    "loops": list(event_loops.LOOPS),
    "rounds": 7,
    "block": 0.3,
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, with the defaults of the form that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--workloads",
        nargs="+",
        metavar="NAME",
        help=f"families ({', '.join(catalogue.FAMILIES)},"
        f" {', '.join(catalogue.DETAILED)}), or how a workload's name begins",
    )
    add("--peers", nargs="+", choices=peers.NAMES, metavar="FILE", help="files of benchmarks/peers")
    add("--loops", nargs="+", choices=list(event_loops.LOOPS))
    add("--rounds", type=int)
    add("--block", type=float, help="seconds that one peer's turn is to take")
    add(
        "--keep-awake",
        choices=("auto", "always", "never"),
        default="auto",
        help="spin at idle priority: a virtual CPU that sleeps takes long to wake",
    )
    add("--server", type=Path, default=server.PROGRAM)
    add("--json", type=Path, help="a file for every sample")
    add("--page", type=Path, help="a folder for RESULTS.md and its plots")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", action="store_true", help="the main workloads in two minutes")
    form.add_argument("--short", action="store_true", help="everything, only to see that it runs")
    options = parser.parse_args(arguments)
    chosen = {**FULL, **(QUICK if options.quick else SHORT if options.short else {})}
    for name, value in chosen.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options
