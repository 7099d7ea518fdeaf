"""Ten thousand connections that are idle, a thousand that are not: what that costs the latter.

The same messages a second go over a hundred connections before and after. SOAK_CROWD_SECONDS is
how long the crowd stays, ten minutes by default.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.method import server

import event_loops
from aiowebsocket import ClientConnection, connect
from soak import descriptors, gauge
from soak.scene import Row, Scene

FEW = 100
AT_ONCE = 100
PATIENCE = 30.0
# Beside connections: the loop's, the engine's, and what is being opened.
SPARE = 200


class Plan(NamedTuple):
    """How many connections, messages a second over all, and for how long: the crowd, the few."""

    idle: int
    active: int
    rate: int
    seconds: float
    comparison: float


FULL = Plan(10_000, 1000, 2000, float(os.environ.get("SOAK_CROWD_SECONDS", "600")), 60.0)
SHORT = Plan(1000, 200, 500, 2.0, 1.0)


class Load(NamedTuple):
    """The latency of each echo in seconds, and what ended connections."""

    latencies: list[float]
    endings: list[str]

    def percentile(self, share: float) -> float:
        """Nearest rank."""
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))]

    def __str__(self) -> str:
        p50, p99 = (f"{self.percentile(share) * 1e3:.2f}" for share in (0.5, 0.99))
        return f"p50 {p50}, p99 {p99} ms of {len(self.latencies):,} echoes"


def run(short: bool) -> list[Row]:
    """One process, one loop: uvloop where there is one."""
    plan = SHORT if short else FULL
    what = f"{plan.idle:,} idle and {plan.active:,} active, {plan.rate:,} messages a second"
    if not descriptors.allow(plan.idle + plan.active + FEW + SPARE):
        return [Row(what, "this system does not allow so many descriptors")]
    kind = list(event_loops.KINDS)[-1]
    with (
        tempfile.TemporaryDirectory() as folder,
        server.running(Path(folder), pinned=False) as running,
    ):
        patience = plan.seconds + 2 * plan.comparison + 10 * PATIENCE
        return event_loops.run(kind, compare(what, plan, running.uri("/echo"), short), patience)


async def compare(what: str, plan: Plan, uri: str, short: bool) -> list[Row]:
    """The few, half of the time before the crowd and half of it after."""
    few = await opened(uri, FEW)
    before = await load(few, plan.rate, plan.comparison)
    resident = gauge.read().resident
    idle, active = await opened(uri, plan.idle), await opened(uri, plan.active)
    each = (gauge.read().resident - resident) / (plan.idle + plan.active)
    crowd = await load(active, plan.rate, plan.seconds)
    # Nobody has looked at these for all that time.
    forgotten = await load(idle, plan.idle, 1.0)
    await closed(idle + active)
    after = await load(few, plan.rate, plan.comparison)
    await closed(few)
    alone = Load(before.latencies + after.latencies, before.endings + after.endings)
    ratio = crowd.percentile(0.99) / alone.percentile(0.99)
    lost = alone.endings + crowd.endings + forgotten.endings
    named = f" ({', '.join(sorted(set(lost)))})" if lost else ""
    return [
        Row(f"{FEW}, {plan.rate:,} messages a second, {2 * plan.comparison:g} s", str(alone)),
        Row(
            f"{what}, {plan.seconds:g} s",
            f"{crowd}: {ratio:.2f} x that of {FEW}; {len(lost)} connections lost{named}; "
            f"{each / 1024:.1f} KiB of the client's memory each",
            # A percentile of a few seconds is the machine's rather than ours.
            not lost and (short or ratio < 2),
        ),
    ]


async def opened(uri: str, count: int) -> list[ClientConnection]:
    """So many connections, with the keepalive that they have by default."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one() -> ClientConnection:
        async with turns:
            return await connect(uri, open_timeout=PATIENCE)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def closed(members: list[ClientConnection]) -> None:
    """The end of them, and of what is kept of them."""
    await asyncio.gather(*(member.close() for member in members))
    members.clear()


async def load(members: list[ClientConnection], rate: int, seconds: float) -> Load:
    """Echoes over all connections at that rate, each at its own times; at least one over each."""
    period = len(members) / rate
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def converse(member: ClientConnection) -> str:
        due = time.perf_counter() + random.uniform(0, period)
        number = 0
        try:
            while due < end or not number:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                message = str(number)
                began = time.perf_counter()
                await member.send(message)
                echo: object = await asyncio.wait_for(member.recv(), PATIENCE)
                latencies.append(time.perf_counter() - began)
                if echo != message:
                    return "another message"
                number += 1
                due += period
        except Exception as error:  # noqa: BLE001 (which one it is, the row tells)
            return type(error).__name__
        return ""

    endings = await asyncio.gather(*map(converse, members))
    return Load(latencies, [ending for ending in endings if ending])


SCENE = Scene(
    "crowd",
    "10,000 connections idle + 1,000 active for 10 min in one process: p99 latency under 2 x that "
    "of 100 connections; no loss",
    run,
)
