"""Time: every open and every close ends at its deadline, whatever the server does.

The server is another process, and what is measured is one await of the client's. Those who only
wait are measured at the same time; those who keep the client busy, one by one. What the machine
stands still for is left out of an upper bound (clock.py).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

import aiowebsocket
import clock
from faces import FACES

from . import stalls
from .attacker import port_name

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from faces import Client
    from peers.process import ServerProcess
    from peers.raw import Script

pytestmark = pytest.mark.every("scheme", "face")

TIMEOUT = 0.5
# An answer is to have come before the deadline, on a machine that stands still for a while too.
TIMEOUT_OF_AN_ANSWER = 1.5
# What the server's scripts, which last longer, leave the client to end in.
PATIENCE = 4.0

OPENING = {
    stalls.silence: aiowebsocket.ConnectTimeout,
    stalls.tls_record_without_end: aiowebsocket.ConnectTimeout,
    stalls.no_response: aiowebsocket.ConnectTimeout,
    stalls.slow_loris: aiowebsocket.ConnectTimeout,
    stalls.slow_fields_without_end: aiowebsocket.ConnectTimeout,
    stalls.continue_without_end: aiowebsocket.ConnectTimeout,
    stalls.head_without_end: aiowebsocket.InvalidMessage,
    stalls.refusal_without_body: aiowebsocket.InvalidStatus,
    stalls.refusal_byte_by_byte: aiowebsocket.InvalidStatus,
    stalls.refusal_in_chunks_without_end: aiowebsocket.InvalidStatus,
    stalls.refusal_without_end: aiowebsocket.InvalidStatus,
}
TLS_ONLY = stalls.tls_record_without_end
BUSY = (
    stalls.flood_after_close,
    stalls.tiny_flood_after_close,
    stalls.pings_after_close,
    stalls.flood_without_reading,
    stalls.pings_without_reading,
)
QUIET = tuple(script for script in stalls.CLOSING if script not in BUSY)
# These begin to close before the client does, and with it the deadline.
BEGUN_BY_THE_SERVER = (
    stalls.close_unasked_but_no_end_of_tcp,
    stalls.fault_but_no_end_of_tcp,
)


class Ended(NamedTuple):
    """How an await ended, and when."""

    outcome: type | None
    span: clock.Span


async def measured(awaited: Awaitable[object]) -> Ended:
    """Await, whatever comes of it."""
    outcome: type | None = None
    began = time.monotonic()
    try:
        await awaited
    except aiowebsocket.AioWebSocketError as error:
        outcome = type(error)
    return Ended(outcome, clock.Span(began, time.monotonic()))


def to(attacker: ServerProcess, face: str, scheme: str, script: Script) -> Client:
    """A client on its way to a script."""
    uri = f"{scheme}://127.0.0.1:{attacker.ports[port_name(script, scheme)]}/"
    return FACES[face](uri, open_timeout=open_timeout(script), close_timeout=TIMEOUT)


def open_timeout(script: Script) -> float:
    """As long as it takes where there will be an answer."""
    if script not in OPENING:
        return 10.0
    in_vain = OPENING[script] is aiowebsocket.ConnectTimeout
    return TIMEOUT if in_vain else TIMEOUT_OF_AN_ANSWER


async def test_opening_ends_at_its_deadline(
    attacker: ServerProcess, face: str, scheme: str
) -> None:
    scripts = [script for script in OPENING if scheme == "wss" or script is not TLS_ONLY]
    opening = [measured(to(attacker, face, scheme, script).open()) for script in scripts]
    with clock.measuring(attacker.process.pid) as whole:
        endings = dict(zip(scripts, await asyncio.gather(*opening), strict=True))
    outcomes = {script.__name__: ended.outcome for script, ended in endings.items()}
    assert outcomes == {script.__name__: OPENING[script] for script in scripts}
    late = {
        script.__name__: whole.late(open_timeout(script), ended.span)
        for script, ended in endings.items()
    }
    early = {
        script.__name__
        for script, ended in endings.items()
        if ended.outcome is aiowebsocket.ConnectTimeout and ended.span.seconds < TIMEOUT
    }
    assert (early, max(late.values()) < clock.SLACK) == (set(), True), (late, whole)


async def test_closing_ends_at_its_deadline(
    attacker: ServerProcess, face: str, scheme: str
) -> None:
    clients = [closing(attacker, face, scheme, script) for script in QUIET]
    with clock.measuring() as whole:
        spans = dict(zip(QUIET, await asyncio.gather(*clients), strict=True))
    late = {script.__name__: whole.late(TIMEOUT, span) for script, span in spans.items()}
    early = {
        script.__name__
        for script, span in spans.items()
        if script not in BEGUN_BY_THE_SERVER and span.seconds < TIMEOUT
    }
    assert (early, max(late.values()) < clock.SLACK) == (set(), True), (late, whole)


@pytest.mark.parametrize("script", BUSY, ids=lambda script: script.__name__)
async def test_closing_ends_at_its_deadline_under_a_flood(
    attacker: ServerProcess, face: str, scheme: str, script: Script
) -> None:
    with clock.measuring() as whole:
        span = await closing(attacker, face, scheme, script)
    assert whole.late(TIMEOUT, span) < clock.SLACK, whole


async def closing(attacker: ServerProcess, face: str, scheme: str, script: Script) -> clock.Span:
    """Open, make the server's task as hard for the client as it gets, and time the close."""
    client = to(attacker, face, scheme, script)
    await client.open()
    parked = await fill(client) if script is stalls.no_reading else None
    ended = await measured(client.close())
    assert ended.outcome is None
    if parked is not None:
        await asyncio.wait([parked], timeout=PATIENCE)
        assert parked.done()
        # Handed over, or dropped: who closed the connection is told so, if there still is time to.
        assert isinstance(parked.exception(), aiowebsocket.ConnectionClosed | None)
    return ended.span


async def fill(client: Client) -> asyncio.Task[None]:
    """Send until the peer's buffers and our own are full."""
    while True:
        sending = asyncio.ensure_future(client.send(bytes(2**20)))
        done, _ = await asyncio.wait([sending], timeout=0.2)
        if not done:
            return sending
