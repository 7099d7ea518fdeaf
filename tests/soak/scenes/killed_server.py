"""kill -9 of a server whose clients all wait for a message."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.method import server

import event_loops
from aiowebsocket import ConnectionClosedError, TLSConfig
from faces import FACES, Client
from soak import descriptors
from soak.scene import Row, Scene

if TYPE_CHECKING:
    from benchmarks.method.server import Server

CLIENTS, FEWER_CLIENTS = 1000, 200
WITHIN, SHORT_WITHIN = 1.0, 5.0
PATIENCE = 10.0
AT_ONCE = 50


class Aftermath(NamedTuple):
    """How long after the kill the last had ended, what with, and what was left."""

    seconds: float
    hung: int
    endings: set[str]
    left: int


def run(short: bool) -> list[Row]:
    """Each face on each loop, on plain TCP and on TLS."""
    count, within = (FEWER_CLIENTS, SHORT_WITHIN) if short else (CLIENTS, WITHIN)
    schemes = ("ws",) if short else ("ws", "wss")
    kinds = (*event_loops.KINDS,)
    return [
        killed(face, scheme, kind, count, within)
        for kind in kinds
        for scheme in schemes
        for face in FACES
    ]


def killed(face: str, scheme: str, kind: str, count: int, within: float) -> Row:
    """One server and its end."""
    with (
        tempfile.TemporaryDirectory() as folder,
        server.running(Path(folder), pinned=False) as running,
    ):
        mourning = wait_and_kill(face, scheme, running, count)
        aftermath = event_loops.run(kind, mourning, PATIENCE * 6)
    named = ", ".join(sorted(aftermath.endings))
    return Row(
        f"{face}, {scheme}, {kind}: {count:,} clients",
        f"all ended {aftermath.seconds:.2f} s after the kill ({named}), "
        f"{aftermath.hung} hung tasks, {aftermath.left} descriptors left",
        aftermath.seconds < within
        and not aftermath.hung
        and aftermath.left <= 0
        and aftermath.endings == {ConnectionClosedError.__name__},
    )


async def wait_and_kill(face: str, scheme: str, running: Server, count: int) -> Aftermath:
    """All clients in receive(), then the kill."""
    tls = TLSConfig(ca_file=running.ca_file) if scheme == "wss" else None
    uri = running.uri("/echo", tls=scheme == "wss")
    turns = asyncio.Semaphore(AT_ONCE)

    async def opened() -> Client:
        async with turns:
            client = FACES[face](uri, open_timeout=PATIENCE, ssl=tls)
            await client.open()
            return client

    # What the package keeps for the life of a process and of a loop is open before we count.
    await (await opened()).close()
    base = descriptors.count()
    clients = await asyncio.gather(*(opened() for _ in range(count)))
    ends: list[tuple[float, str]] = []

    async def receive(client: Client) -> None:
        try:
            await client.receive()
        except Exception as error:  # noqa: BLE001 (which one it is, the row tells)
            ends.append((time.monotonic(), type(error).__name__))
        else:
            ends.append((time.monotonic(), "a message"))

    tasks = [asyncio.ensure_future(receive(client)) for client in clients]
    await asyncio.sleep(0.2)
    os.kill(running.process, signal.SIGKILL)
    at = time.monotonic()
    _, hung = await asyncio.wait(tasks, timeout=PATIENCE)
    last = max((end for end, _ in ends), default=at)
    left = await descriptors.settled(base) - base
    return Aftermath(last - at, len(hung), {name for _, name in ends}, left)


SCENE = Scene(
    "killed_server",
    "kill -9 of the server with 1,000 clients in receive(): all end within 1 s, 0 hung tasks, "
    "descriptors back to base",
    run,
)
