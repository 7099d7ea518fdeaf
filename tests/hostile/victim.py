"""A client under attack, in a fresh process: prints how much memory it cost, and how it ended.

    python -m hostile.victim '<order as JSON>'

One attack a process, for what one has allocated would serve the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiowebsocket
from faces import FACES, Client

from . import floods
from .attacker import port_name
from .attacks import ABORTED, LIMITS, Attack
from .floods import greeting
from .memory import Growth

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any

TESTS = Path(__file__).parents[1]
PATIENCE = 50.0
OPEN_TIMEOUT = 2.0
# The server's answer to Close is to have come in time though the machine stands still for a while.
CLOSE_TIMEOUT, CLOSE_TIMEOUT_WITHOUT_ANSWER = 5.0, 1.0
QUIET_WITHIN = 1.0
BLOCKED_FOR = 40.0
CHUNK = bytes(2**16)


@dataclass(frozen=True)
class Order:
    """Where the attack is to be had, and on which face."""

    face: str
    attack_uri: str
    greeting_uri: str
    application: str
    close_timeout: float


@dataclass(frozen=True)
class Damage:
    """What the attack cost, in bytes and seconds, and how the connection ended."""

    growth: int
    ending: str
    seconds: float


def under_attack(attack: Attack, face: str, scheme: str, ports: Mapping[str, int]) -> Damage:
    """Run an attack on a client of its own; `ports` are those of a running hostile.attacker."""

    def uri(name: str, path: object) -> str:
        return f"{scheme}://127.0.0.1:{ports[name]}/{path}"

    order = Order(
        face,
        uri(port_name(attack.script, scheme), LIMITS[face].max_size),
        uri(port_name(greeting, scheme), ""),
        attack.application,
        CLOSE_TIMEOUT_WITHOUT_ANSWER if attack.ending == ABORTED else CLOSE_TIMEOUT,
    )
    command = [sys.executable, "-m", "hostile.victim", json.dumps(asdict(order))]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    victim = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, timeout=PATIENCE, env=environment
    )
    return Damage(**json.loads(victim.stdout))


async def suffer(order: Order) -> Damage:
    """Warm up with a good server, then meet the bad one."""
    await receive(FACES[order.face](order.greeting_uri))
    client = FACES[order.face](
        order.attack_uri,
        open_timeout=OPEN_TIMEOUT,
        close_timeout=order.close_timeout,
        compression="deflate",
    )
    growth = Growth()
    began = time.monotonic()
    ending = await APPLICATIONS[order.application](client)
    peak = growth.peak()
    return Damage(peak, ending, time.monotonic() - began)


async def receive(client: Client) -> str:
    """Receive until the connection ends, and keep nothing."""
    try:
        await client.open()
    except aiowebsocket.AioWebSocketError as error:
        return told(error)
    return await receive_on(client)


async def receive_on(client: Client) -> str:
    """Receive until the end of an open connection."""
    try:
        while True:
            await client.receive()
    except aiowebsocket.AioWebSocketError as error:
        ending = told(error)
    await client.close()
    return ending


async def wait(client: Client) -> str:
    """Receive nothing while there is anything that the client could do; then close."""
    await client.open()
    await until_quiet()
    return await close(client)


async def receive_late(client: Client) -> str:
    """Receive nothing while there is anything that the client could do; then all of it."""
    await client.open()
    await until_quiet()
    return await receive_on(client)


async def send(client: Client) -> str:
    """Send until a send has to wait, and let it."""
    await client.open()
    while True:
        sending = asyncio.ensure_future(client.send(CHUNK))
        done, _ = await asyncio.wait([sending], timeout=0.5)
        if not done:
            break
    ending = await close(client)
    await asyncio.wait([sending])
    sending.exception()
    return ending


async def give_up_sending(client: Client) -> str:
    """Send again and again, and wait for none of it for long."""
    await client.open()
    end = time.monotonic() + QUIET_WITHIN
    while time.monotonic() < end:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(client.send(CHUNK), 0.001)
    return await close(client)


async def close_at_once(client: Client) -> str:
    """Close before anything has been received."""
    await client.open()
    return await close(client)


async def block_and_log(client: Client) -> str:
    """Log each frame, and hold up the loop that would log until the lifeline has read them all."""
    logger = logging.getLogger("aiowebsocket")
    logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.DEBUG)
    await client.open()
    end = time.monotonic() + BLOCKED_FOR
    while client.stats.wire_bytes_received < floods.PONGS and time.monotonic() < end:
        time.sleep(0.1)  # noqa: ASYNC251
    if client.stats.wire_bytes_received < floods.PONGS or not client.stats.takeovers:
        return f"blocked in vain: {client.stats}"
    return await close(client)


APPLICATIONS: dict[str, Callable[[Client], Coroutine[Any, Any, str]]] = {
    "receives": receive,
    "waits": wait,
    "waits, then receives": receive_late,
    "sends": send,
    "gives up sending": give_up_sending,
    "closes": close_at_once,
    "blocks and logs": block_and_log,
}


async def close(client: Client) -> str:
    """Close, and say how that ended: what has not been received stays where it is."""
    await client.close()
    return f"closed, {client.close_code}"


async def until_quiet() -> None:
    """Wait until this process has hardly used the processor for a while, or for long enough."""
    end = time.monotonic() + QUIET_WITHIN
    used = -1.0
    while time.process_time() - used > 0.005 and time.monotonic() < end:
        used = time.process_time()
        await asyncio.sleep(0.25)


def told(error: aiowebsocket.AioWebSocketError) -> str:
    """An ending in few words: the exception, the code that was sent, the cause."""
    name = type(error).__name__
    if not isinstance(error, aiowebsocket.ConnectionClosed):
        return name
    cause = f", {type(error.__cause__).__name__}" if error.__cause__ else ""
    return f"{name}{f', sent {error.sent.code}' if error.sent else ''}{cause}"


if __name__ == "__main__":
    order = Order(**json.loads(sys.argv[1]))
    print(json.dumps(asdict(asyncio.run(suffer(order)))))
