"""The server pings while the client's process is busy: asleep in a callback, or deep in a C call.

Every client has a process of its own for that, `python -m soak.stalled`; that of ours has both
faces, for the longer form has no more time than it needs.
"""

from __future__ import annotations

import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from peers.authority import Authority
from soak import clients, server, stalled
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from peers.process import ServerProcess

PING_INTERVAL = 1
PING_TIMEOUT, SHORT_PING_TIMEOUT = 2, 3
STALL, SHORT_STALL = 10.0, 5.0
CONNECTIONS, FEWER_CONNECTIONS = 20, 5
WORDS = {"sleep": "time.sleep", "hold": "a C call that holds the GIL"}


def run(short: bool) -> list[Row]:
    """Those that sleep do so all together; those that hold their GIL one after the other."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        authority = Authority(Path(folder))
        with server.running(
            authority.server_files,
            ping_interval=PING_INTERVAL,
            ping_timeout=SHORT_PING_TIMEOUT if short else PING_TIMEOUT,
        ) as pinging:
            orders = all_orders(short, authority.ca_file, pinging)
            asleep = pool.map(loss_of, orders["sleep"])
            held = [loss_of(order) for order in orders["hold"]]
            losses = [*asleep, *held]
    return [
        row(order, name, scheme, loss.seconds, endings)
        for order, loss in zip(orders["sleep"] + orders["hold"], losses, strict=True)
        for name, schemes in loss.endings.items()
        for scheme, endings in schemes.items()
    ]


def all_orders(
    short: bool, ca_file: Path, pinging: ServerProcess
) -> dict[str, list[stalled.Order]]:
    """Ours in one process, each of the others in one; the short form has ours alone."""
    teams = [list(clients.OURS), *([] if short else ([name] for name in clients.OTHERS))]
    uris = {scheme: pinging.uri(scheme) for scheme in ("ws", "wss")}
    seconds = SHORT_STALL if short else STALL
    count = FEWER_CONNECTIONS if short else CONNECTIONS
    return {
        kind: [stalled.Order(team, kind, seconds, count, uris, str(ca_file)) for team in teams]
        for kind in WORDS
    }


def loss_of(order: stalled.Order) -> stalled.Loss:
    """Everything, where the process fails: the others are still to be tried."""
    try:
        return stalled.stall(order)
    except (subprocess.SubprocessError, RuntimeError) as error:
        endings = [type(error).__name__] * order.connections
        return stalled.Loss(
            order.seconds, {name: dict.fromkeys(order.uris, endings) for name in order.names}
        )


def row(order: stalled.Order, name: str, scheme: str, seconds: float, endings: list[str]) -> Row:
    """Ours promises; the others stand beside it."""
    what = f"{name}, {scheme}: {seconds:.1f} s of {WORDS[order.kind]}"
    named = f" ({', '.join(sorted(set(endings)))})" if endings else ""
    seen = f"{len(endings)} of {order.connections} connections lost{named}"
    return Row(what, seen, not endings if name in clients.OURS else None)


SCENE = Scene(
    "stalls",
    "server pings each 1 s (timeout 2 s), client: `time.sleep(10)`; one 10 s C call that holds the "
    "GIL throughout; both on ws and wss: 0 of 20 connections lost, each",
    run,
)
