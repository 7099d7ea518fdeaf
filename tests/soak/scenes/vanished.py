"""The peer is gone, and nothing says so: no FIN, no RST, only silence. Keepalive finds it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from soak.network import BLACKOUT, NotPermittedError
from soak.network.apart import apart
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS = 50
SCHEMES = ("ws", "wss")
# An interval until the ping, as much for its pong, and what a busy machine may add.
GRACE, SHORT_GRACE = 0.5, 5.0
PATIENCE = 90.0
EXPECTED = "ConnectionClosedError, sent 1011, TimeoutError"


def vanish(short: bool) -> list[Row]:
    """Open connections on each kind of loop, cut the wire, and time their ends."""
    interval, connections, grace = (1.0, 10, SHORT_GRACE) if short else (5.0, CONNECTIONS, GRACE)
    try:
        cut_at, reports = cut_the_wire(interval, connections)
    except NotPermittedError as reason:
        return [Row("peer vanished", f"not tried: {reason}")]
    return [
        row(kind, report, cut_at, 2 * interval + grace, connections * len(SCHEMES))
        for kind, report in reports.items()
    ]


def cut_the_wire(interval: float, connections: int) -> tuple[float, dict[str, Any]]:
    """When the wire was cut, and what the client on each kind of loop then saw."""
    with apart(
        "soak.programs.waiting",
        lambda far: (str(connections), str(interval), *map(far.uri, SCHEMES)),
    ) as (waiting, wire):
        for child in waiting.values():
            child.next_line(PATIENCE)
        # All have been idle for a while, so the next ping is anywhere within an interval.
        time.sleep(interval * 1.3)
        cut_at = time.monotonic()
        wire.weather = BLACKOUT
        return cut_at, {kind: child.next_line(PATIENCE) for kind, child in waiting.items()}


def row(kind: str, report: Mapping[str, Any], cut_at: float, limit: float, count: int) -> Row:
    """What one client saw, in words."""
    ends = report["ends"]
    seconds = sorted(at - cut_at for at, _ in ends)
    how = sorted({ending for _, ending in ends})
    in_time = sum(second <= limit for second in seconds)
    seen = (
        f"{in_time} of {count} found within {limit} s (first {seconds[0]:.2f},"
        f" last {seconds[-1]:.2f} s): {'; '.join(how)}; {report['left']} descriptors left"
        if seconds
        else f"0 of {count} found"
    )
    holds = in_time == count and how == [EXPECTED] and report["left"] <= 0
    return Row(f"peer vanished, {kind}, ws and wss", seen, holds)


SCENE = Scene(
    "vanished",
    "peer vanished without RST, ping 5 s/5 s: found within 10.5 s, 100 %",
    vanish,
)
