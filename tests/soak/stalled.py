"""A client whose process stalls, as a process of its own: prints how many connections that cost.

python -m soak.stalled '<order as JSON>'
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from soak.clients import CLIENTS, PATIENCE, Client

TESTS = Path(__file__).parents[1]
CALIBRATION = 5 * 10**6
FACTORS = (1.2, 2.0, 3.0)
# The first second lets pings pass; the last lets a loop that was held up see to its own first.
BEFORE = AFTER = 1.0


@dataclass(frozen=True)
class Order:
    """Who stalls, how (`sleep` or `hold`) and how long, with how many connections to each URI."""

    names: list[str]
    kind: str
    seconds: float
    connections: int
    uris: dict[str, str]
    ca_file: str
    # By how much a C call is made longer than a trial says: a shared machine's speed varies.
    factor: float = 1.0


@dataclass(frozen=True)
class Loss:
    """How long the stall was in the end, and by client and scheme what ended connections."""

    seconds: float
    endings: dict[str, dict[str, list[str]]]


def stall(order: Order) -> Loss:
    """A stall in a process of its own; one that was too short shows nothing, and is done anew."""
    for factor in FACTORS:
        loss = stall_once(replace(order, factor=factor))
        if loss.seconds >= order.seconds:
            return loss
    raise RuntimeError(f"no stall of {order.seconds} s came about, the last took {loss.seconds} s")


def stall_once(order: Order) -> Loss:
    """That process."""
    command = [sys.executable, "-m", "soak.stalled", json.dumps(asdict(order))]
    patience = 5 * order.seconds + 4 * PATIENCE
    ended = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        timeout=patience,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    return Loss(**json.loads(ended.stdout))


async def suffer(order: Order) -> Loss:
    """Open all, stall once, see which still echo."""
    count = calibrated(order.factor * order.seconds) if order.kind == "hold" else 0
    opened = {
        name: {scheme: await open_all(name, order, uri) for scheme, uri in order.uris.items()}
        for name in order.names
    }
    await asyncio.sleep(BEFORE)
    began = time.perf_counter()
    if order.kind == "hold":
        sum(range(count))
    else:
        time.sleep(order.seconds)  # noqa: ASYNC251 (that is the point)
    seconds = time.perf_counter() - began
    await asyncio.sleep(AFTER)
    endings = {
        name: {scheme: await endings_of(members) for scheme, members in schemes.items()}
        for name, schemes in opened.items()
    }
    everyone = chain.from_iterable(chain.from_iterable(map(dict.values, opened.values())))
    closing = (asyncio.wait_for(member.close(), PATIENCE) for member in everyone)
    await asyncio.gather(*closing, return_exceptions=True)
    return Loss(seconds, endings)


async def open_all(name: str, order: Order, uri: str) -> list[Client]:
    """Connections of one kind, each seen to echo."""
    members = [CLIENTS[name](uri, Path(order.ca_file), None) for _ in range(order.connections)]
    await asyncio.gather(*(member.open() for member in members))
    if endings := await endings_of(members):
        raise RuntimeError(f"{name} did not echo before the stall: {endings[0]}")
    return members


async def endings_of(members: list[Client]) -> list[str]:
    """Of those that do not echo any more."""
    endings = await asyncio.gather(*(ending_of(member) for member in members))
    return [ending for ending in endings if ending]


async def ending_of(member: Client) -> str:
    """What ended the connection, or nothing if it still echoes."""
    try:
        await asyncio.wait_for(member.send("still here"), PATIENCE)
        echo = await asyncio.wait_for(member.receive(), PATIENCE)
    except Exception as error:  # noqa: BLE001 (each client has its own)
        return type(error).__name__
    return "" if echo == "still here" else "another message"


def calibrated(seconds: float) -> int:
    """How far `sum(range(n))` counts in that time: one C call, without a gap for others."""
    usual = statistics.median(timed(CALIBRATION) for _ in range(5))
    return int(CALIBRATION * seconds / usual)


def timed(count: int) -> float:
    """Seconds of a processor that it takes: what others take of it does not count."""
    began = time.process_time()
    sum(range(count))
    return time.process_time() - began


if __name__ == "__main__":
    # What is lost is in the table.
    logging.getLogger("aiowebsocket").setLevel(logging.ERROR)
    print(json.dumps(asdict(asyncio.run(suffer(Order(**json.loads(sys.argv[1])))))))
