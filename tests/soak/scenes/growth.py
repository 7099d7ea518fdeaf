"""The same thing a million times: what a process grows by.

Each thing is done in a process of its own, `python -m soak.growing`.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.method import server

from hostile.attacker import port_name
from peers.authority import Authority
from peers.process import python_server
from soak import failing, gauge, growing
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.method.server import Server

    from peers.raw import Script

BYTES_EACH = 10.0
# What a process takes here and there in so short a time hides what each thing took.
IN_ALL = 2 * 2**20
# Objects that are made once, by a way seldom taken, after a short warm-up; a leak has hundreds.
ONCE = 8
# How often each is done, in full and in short.
ECHOES, CONNECTS, FAILURES = (1_000_000, 6_000), (100_000, 1_000), (10_000, 200)
# Longer than close_timeout, for so long something may be kept of a connection.
WARM_UPS = (12.0, 0.2)
# Longer than the engine's rounds take, which find what has gone.
SETTLING = (1.5, 0.05)
PROCESSES = 2
LIMITS = (1200.0, 30.0)


class Failure(NamedTuple):
    """A way to fail: where, and with what."""

    what: str
    uri: str
    error: str
    open_timeout: float = growing.PATIENCE


def run(short: bool) -> list[Row]:
    """Echoes and connections on either face, on plain TCP and on TLS; then every failure."""
    if not gauge.is_readable():
        return [Row("growth", "this system does not tell a process its resident memory")]
    with (
        tempfile.TemporaryDirectory() as good_folder,
        tempfile.TemporaryDirectory() as bad_folder,
        server.running(Path(good_folder), pinned=False) as good,
        failures(Path(bad_folder)) as bad,
        ThreadPoolExecutor(PROCESSES) as pool,
    ):
        orders = [*good_orders(short, good)]
        orders += [(each.what, failure_order(short, each)) for each in bad]
        return list(pool.map(functools.partial(row, short), *zip(*orders, strict=True)))


def good_orders(short: bool, good: Server) -> Iterator[tuple[str, growing.Order]]:
    """On one face and plain TCP, and on the other and TLS, where a tenth of the echoes will do."""
    for what, deed, counts, share_of_tls in (
        ("echoes of 1 to 70,000 bytes", "echo", ECHOES, 10),
        ("connect and close", "connect", CONNECTS, 1),
    ):
        for face, tls, share in (("connect", False, 1), ("AioWebSocket", True, share_of_tls)):
            if short and tls:
                continue
            ca_file = str(good.ca_file) if tls else None
            yield (
                f"{what}, {face}, {'wss' if tls else 'ws'}",
                growing.Order(
                    deed,
                    face,
                    good.uri("/echo", tls=tls),
                    counts[short] // share,
                    WARM_UPS[short],
                    SETTLING[short],
                    LIMITS[short],
                    ca_file,
                ),
            )


@contextlib.contextmanager
def failures(folder: Path) -> Iterator[list[Failure]]:
    """A server for them."""
    authority = Authority(folder)
    bad = python_server("soak.failing", authority.server_files)

    def uri(script: Script, scheme: str = "ws", port: str = "ws") -> str:
        return f"{scheme}://127.0.0.1:{bad.ports[port_name(script, port)]}/"

    # Nobody else is given a port that is bound, and nobody listens there.
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        try:
            yield [
                Failure("refused", f"ws://127.0.0.1:{nobody.getsockname()[1]}/", "ConnectRefused"),
                Failure("404", uri(failing.answers_404), "InvalidStatus"),
                Failure("wrong Accept", uri(failing.accepts_another_key), "InvalidHeader"),
                Failure("garbage", uri(failing.answers_garbage), "InvalidMessage"),
                Failure("hung up", uri(failing.hangs_up), "InvalidMessage"),
                Failure("timeout of 2 ms", uri(failing.is_silent), "ConnectTimeout", 0.002),
                Failure("not TLS", uri(failing.greets, "wss"), "TLSError"),
                Failure(
                    "certificate not trusted",
                    uri(failing.is_silent, "wss", "wss"),
                    "CertificateError",
                ),
                Failure("bad frame", uri(failing.sends_a_bad_frame), "ConnectionClosedError"),
                Failure("reset", uri(failing.resets), "ConnectionClosedError"),
            ]
        finally:
            bad.stop()


def failure_order(short: bool, failure: Failure) -> growing.Order:
    """What asks for it."""
    return growing.Order(
        "fail",
        "connect",
        failure.uri,
        FAILURES[short],
        WARM_UPS[short],
        SETTLING[short],
        LIMITS[short],
        open_timeout=failure.open_timeout,
        error=failure.error,
    )


def row(short: bool, what: str, order: growing.Order) -> Row:
    """What came of it."""
    try:
        growth = growing.grow(order)
    except subprocess.SubprocessError as error:
        # What it said of itself stands above; the other things are still to be done.
        return Row(f"{order.count:,} x {what}", type(error).__name__, False)
    most, objects = (IN_ALL / order.count, ONCE) if short else (BYTES_EACH, 0)
    return Row(
        f"{order.count:,} x {what}",
        f"{growth.slope:+.1f} bytes each, {growth.objects:+} objects, "
        f"{growth.descriptors:+} descriptors; {growth.seconds:.0f} s",
        growth.slope < most and growth.objects <= objects and growth.descriptors <= 0,
    )


SCENE = Scene(
    "growth",
    "10^6 echoes of 1 to 70,000 bytes; 10^5 connect/close; 10^4 of each failure: RSS slope after "
    "warm-up under 10 bytes each; 0 growth in objects and descriptors",
    run,
)
