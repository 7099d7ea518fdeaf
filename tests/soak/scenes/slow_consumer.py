"""The server floods a client with keepalive whose application takes nothing for a while.

Each client has a process of its own for that, `python -m soak.slow`, as memory is measured.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from peers.authority import Authority
from soak import clients, server, slow
from soak.scene import Row, Scene

KEEPALIVE, SHORT_KEEPALIVE = 0.5, 1.0
HOLD, SHORT_HOLD = 10.0, 2.5
COUNT, SHORT_COUNT, SIZE = 40_000, 20_000, 1024
MIB = 2**20
MOST = clients.MAX_BUFFERED + 2 * MIB


def run(short: bool) -> list[Row]:
    """One after the other; in the short form each face of ours once."""
    contests = [(name, scheme) for scheme in ("ws", "wss") for name in clients.CLIENTS]
    if short:
        contests = [("connect", "wss"), ("AioWebSocket", "ws")]
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        with server.running(authority.server_files) as flooding:
            return [
                row(
                    slow.Order(
                        name,
                        flooding.uri(scheme, "/flood"),
                        str(authority.ca_file),
                        SHORT_KEEPALIVE if short else KEEPALIVE,
                        SHORT_HOLD if short else HOLD,
                        SHORT_COUNT if short else COUNT,
                        SIZE,
                    ),
                    scheme,
                )
                for name, scheme in contests
            ]


def row(order: slow.Order, scheme: str) -> Row:
    """Ours promises; the others stand beside it."""
    what = f"{order.name}, {scheme}: nothing taken for {order.hold:g} s, then {order.count:,}"
    promises = order.name in clients.OURS
    try:
        outcome = slow.consume(order)
    except subprocess.SubprocessError as error:
        # What it said of itself stands above; the others are still to be tried.
        return Row(what, type(error).__name__, False if promises else None)
    holds = not outcome.ending and not outcome.lost and outcome.growth <= MOST
    return Row(
        what,
        f"{f'lost ({outcome.ending})' if outcome.ending else 'still open'}, "
        f"{outcome.lost:,} messages lost, {outcome.growth / MIB:.1f} MiB",
        holds if promises else None,
    )


SCENE = Scene(
    "slow_consumer",
    "client keepalive 0.5/0.5 s, server floods 40 MiB of numbered messages, app takes nothing for "
    "10 s, then reads on: 0 lost connections, 0 lost messages, memory within max_buffered (4 MiB) "
    "+ 2 MiB",
    run,
)
