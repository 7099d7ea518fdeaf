"""A client that does one thing again and again, as a process of its own: prints how it grows.

    python -m soak.growing '<order as JSON>'

One thing a process, for what one has given back would hide what another takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiowebsocket
import event_loops
from aiowebsocket import ConnectionClosedError
from faces import FACES, Client

from . import gauge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Deed = Callable[["Order", Client | None], Awaitable[None]]

TESTS = Path(__file__).parents[1]
SAMPLES = 12
AT_ONCE = 8
LARGEST = 70_000
BLOB = os.urandom(LARGEST)
PATIENCE = 10.0


@dataclass(frozen=True)
class Order:
    """What is done (`echo`, `connect` or `fail`), how often and where; `error` is how it fails.

    It is done for the seconds of `warm_up` before it counts; each reading comes `settling` seconds
    after the last of them, for so long something may be kept of it. All may take `seconds`.
    """

    deed: str
    face: str
    uri: str
    count: int
    warm_up: float
    settling: float
    seconds: float
    ca_file: str | None = None
    open_timeout: float = PATIENCE
    error: str = ""


@dataclass(frozen=True)
class Growth:
    """Bytes of resident memory for each deed, objects and descriptors in all, after a warm-up."""

    slope: float
    objects: int
    descriptors: int
    seconds: float


def grow(order: Order) -> Growth:
    """In a process of its own."""
    command = [sys.executable, "-m", "soak.growing", json.dumps(asdict(order))]
    ended = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        timeout=order.seconds,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    return Growth(**json.loads(ended.stdout))


async def suffer(order: Order) -> Growth:
    """A warm-up, then as many readings as make a line."""
    began = time.monotonic()
    deed = DEEDS[order.deed]
    step = max(order.count // SAMPLES, 1)
    members = [await opened(order) for _ in range(AT_ONCE)] if order.deed == "echo" else []
    while time.monotonic() < began + order.warm_up:
        await several(deed, order, members, step)
    await asyncio.sleep(order.settling)
    residents = [0] * SAMPLES
    # Twice, so that the first one is there already as objects are counted.
    first = gauge.read()
    first = gauge.read()
    for sample in range(SAMPLES):
        await several(deed, order, members, step)
        await asyncio.sleep(order.settling)
        residents[sample] = gauge.read().resident
    last = gauge.read()
    # What was cancelled or dropped last may still be ending in another thread.
    patience = time.monotonic() + PATIENCE
    while grew(first, last) and time.monotonic() < patience:
        del last
        await asyncio.sleep(0.05)
        last = gauge.read()
    return Growth(
        gauge.slope(residents, step),
        last.objects - first.objects,
        last.descriptors - first.descriptors,
        time.monotonic() - began,
    )


def grew(first: gauge.Reading, last: gauge.Reading) -> bool:
    """Whether there are more objects or descriptors than at first."""
    return last.objects > first.objects or last.descriptors > first.descriptors


async def several(deed: Deed, order: Order, members: list[Client], count: int) -> None:
    """So many of them, some at a time."""
    left = iter(range(count))

    async def work(place: int) -> None:
        for _ in left:
            await deed(order, members[place] if members else None)

    await asyncio.gather(*(work(place) for place in range(AT_ONCE)))


async def opened(order: Order) -> Client:
    """A connection."""
    tls = aiowebsocket.TLSConfig(ca_file=order.ca_file) if order.ca_file else None
    client = FACES[order.face](order.uri, open_timeout=order.open_timeout, ssl=tls)
    await client.open()
    return client


async def echo(order: Order, client: Client | None) -> None:
    """A message there and back."""
    assert client is not None
    message = BLOB[: random.randint(1, LARGEST)]
    await client.send(message)
    if await client.receive() != message:
        raise RuntimeError("another message came back")


async def connect(order: Order, client: Client | None) -> None:
    """A connection that is closed again."""
    await (await opened(order)).close()


async def fail(order: Order, client: Client | None) -> None:
    """A connection that does not come to be, or to last."""
    try:
        client = await opened(order)
        await client.receive()
    except (aiowebsocket.ConnectError, ConnectionClosedError) as error:
        if type(error).__name__ != order.error:
            raise
        return
    raise RuntimeError(f"nothing failed, and {order.error} was to come")


DEEDS: dict[str, Deed] = {
    "echo": echo,
    "connect": connect,
    "fail": fail,
}

if __name__ == "__main__":
    order = Order(**json.loads(sys.argv[1]))
    # uvloop where there is one: it takes less of the time.
    kind = list(event_loops.KINDS)[-1]
    print(json.dumps(asdict(event_loops.run(kind, suffer(order), order.seconds))))
