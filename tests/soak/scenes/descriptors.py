"""A process without descriptors: each connect that finds none says so, and none is lost."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.method import server

import event_loops
from aiowebsocket import ClientConnection, connect
from soak import descriptors
from soak.scene import Row, Scene

LIMIT = 64
ATTEMPTS = 1000
AT_ONCE = 100
PATIENCE = 60.0


class Outcome(NamedTuple):
    """What became of the attempts, and what they left."""

    opened: int
    refused: list[BaseException]
    left: int

    @property
    def holds(self) -> bool:
        """Nothing is left, and each that found no room said so."""
        full = all(isinstance(error, OSError) for error in self.refused)
        # What was open for a moment when we began may be closed by now.
        return full and bool(self.refused) and self.left <= 0

    def __str__(self) -> str:
        kinds = ", ".join(sorted({type(error).__name__ for error in self.refused}))
        return (
            f"{self.opened} opened, {len(self.refused)} refused ({kinds}); once these are closed "
            f"{self.left} descriptors are left, and a connect succeeds"
        )


def run(short: bool) -> list[Row]:
    """With room for none, before anything of the package runs; then with room for some."""
    attempts = ATTEMPTS // 5 if short else ATTEMPTS
    with (
        tempfile.TemporaryDirectory() as folder,
        server.running(Path(folder), pinned=False) as running,
    ):
        port = running.plain.rpartition(":")[2]
        by_address, by_name = (f"ws://{host}:{port}/echo" for host in ("127.0.0.1", "localhost"))
        first = event_loops.run("asyncio", at_the_limit(by_address, 10, room=0), PATIENCE)
        rows = [Row("no room from the first connect on", str(first), first.holds)]
        for kind in event_loops.KINDS:
            for host, uri in (("an address", by_address), ("a name", by_name)):
                outcome = event_loops.run(kind, at_the_limit(uri, attempts), PATIENCE)
                what = f"{attempts:,} connects to {host}, {AT_ONCE} at a time, {kind}"
                rows.append(Row(what, str(outcome), outcome.holds))
    return rows


async def at_the_limit(uri: str, attempts: int, room: int | None = None) -> Outcome:
    """Connect again and again, keep what opens, close it, connect once more without the limit."""
    if room is None:
        # What the package keeps for the life of a process and of a loop is open before we count.
        await (await connect(uri)).close()
        await asyncio.get_running_loop().getaddrinfo("localhost", 0)
    base = descriptors.count()
    turns = asyncio.Semaphore(AT_ONCE)
    opened: list[ClientConnection] = []
    refused: list[BaseException] = []

    async def attempt() -> None:
        async with turns:
            try:
                opened.append(await connect(uri, open_timeout=PATIENCE / 6))
            except Exception as error:  # noqa: BLE001 (which one it is, the row tells)
                refused.append(error)

    with descriptors.limited_to(LIMIT if room is None else lowest() + room):
        await asyncio.gather(*(attempt() for _ in range(attempts)))
        count = len(opened)
        await asyncio.gather(*(ws.close() for ws in opened))
        opened.clear()
        if count:
            await echo(uri)
    left = await descriptors.settled(base) - base
    await echo(uri)
    return Outcome(count, refused, left)


async def echo(uri: str) -> None:
    """Connect, and see that it serves."""
    async with connect(uri, open_timeout=PATIENCE / 6) as ws:
        await ws.send("still here")
        assert await ws.recv() == "still here"


def lowest() -> int:
    """The descriptor that would be next: below it there is none to be had."""
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


SCENE = Scene(
    "descriptors",
    "descriptor limit 64, 1,000 connects: an OSError each, none leaked, recovers",
    run,
)
