"""A slow consumer as a process of its own: prints what that cost it.

python -m soak.slow '<order as JSON>'
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from hostile.memory import Growth
from soak.clients import CLIENTS, Client
from soak.server import numbered

TESTS = Path(__file__).parents[1]
PATIENCE = 60.0


@dataclass(frozen=True)
class Order:
    """Who takes nothing for how long (`hold`) of a flood of so many messages of a size."""

    name: str
    uri: str
    ca_file: str
    keepalive: float
    hold: float
    count: int
    size: int


@dataclass(frozen=True)
class Outcome:
    """What ended the connection, nothing if it still echoes; messages lost; bytes of growth."""

    ending: str
    lost: int
    growth: int


def consume(order: Order) -> Outcome:
    """A slow consumer in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-m", "soak.slow", json.dumps(asdict(order))],
        check=True,
        stdout=subprocess.PIPE,
        timeout=order.hold + 2 * PATIENCE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    return Outcome(**json.loads(ended.stdout))


async def suffer(order: Order) -> Outcome:
    """A small flood read at once to warm up, then one that has to wait."""
    # Small, for what an allocator keeps of a large one is not the connection's.
    few = order.count // 100
    warm = CLIENTS[order.name](flood_of(order, few), Path(order.ca_file), None)
    await warm.open()
    await warm.send("flood")
    for number in range(few):
        await take(warm, order, number)
    await warm.close()
    growth = Growth()
    left = order.count
    uri = flood_of(order, order.count)
    client = CLIENTS[order.name](uri, Path(order.ca_file), order.keepalive)
    try:
        await client.open()
        await client.send("flood")
        await asyncio.sleep(order.hold)
        for number in range(order.count):
            await take(client, order, number)
            left -= 1
        await client.send("still here")
        echo = await client.receive()
        ending = "" if echo == "still here" else f"{echo!r} for an echo"
    except Exception as error:  # noqa: BLE001 (each client has its own)
        ending = f"{type(error).__name__}: {error}"
    outcome = Outcome(ending, left, growth.peak())
    # How a connection ends that was lost is not what is asked here.
    await asyncio.gather(asyncio.wait_for(client.close(), PATIENCE), return_exceptions=True)
    return outcome


def flood_of(order: Order, count: int) -> str:
    """The address of so many messages."""
    return f"{order.uri}?count={count}&size={order.size}"


async def take(client: Client, order: Order, number: int) -> None:
    """The next message, which has to be the one of this number."""
    message = await asyncio.wait_for(client.receive(), PATIENCE)
    if message != numbered(number, order.size):
        raise RuntimeError(f"{message[:12]!r} came instead of number {number}")


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(suffer(Order(**json.loads(sys.argv[1])))))))
