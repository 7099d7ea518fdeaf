"""A Pong behind what the server has still to read, or to send, is late and not missing.

Up to a bound, for a server that never sends one is to be found.
"""

from __future__ import annotations

import asyncio
import select
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import clock
from aiowebsocket import Close, ConnectionClosedError, State, connect
from failures import assert_readable
from peers import frames
from peers.frames import CLOSE, PING, Frame

if TYPE_CHECKING:
    import aiowebsocket
    from conftest import MakeRawPeer
    from peers.raw import Session

OVERDUE = Close(1011, "keepalive ping timeout")
# A Ping leaves at once, and its Pong may take no longer than a busy machine may stand still.
FORBEARING: dict[str, Any] = {"ping_interval": 0.05, "ping_timeout": 1}
# A Pong that took so long would have been overdue.
LONGER = 2.5
# Whatever arrives, a Pong is missing after so many times ping_timeout.
MOST_LATE = 10


def is_readable(session: Session, seconds: float) -> bool:
    return bool(select.select([session.stream], [], [], seconds)[0])


async def receive_until(ws: aiowebsocket.ClientConnection, last: str | None) -> None:
    """Receive messages up to that one; None: until the connection fails."""
    while await asyncio.wait_for(ws.recv(), 20) != last:
        pass


async def test_a_pong_that_comes_late_in_a_stream_of_messages_keeps_the_connection(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        ping = session.receive()
        assert ping.opcode == PING
        answer_at = time.monotonic() + LONGER
        while time.monotonic() < answer_at:
            session.send(frames.text("meanwhile"))
            time.sleep(0.02)
        session.send(frames.pong(ping.payload), frames.text("answered"))

    async with connect(raw_peer(script).uri, **FORBEARING) as ws:
        await receive_until(ws, "answered")
        assert ws.state is State.OPEN
        assert ws.latency >= LONGER


async def test_a_ping_behind_what_the_server_has_not_read_waits_for_it(
    raw_peer: MakeRawPeer,
) -> None:
    count, together = 20_000, 200
    step = LONGER / (count / together)

    def script(session: Session) -> float:
        """How long it took at most from one Ping to the next, which leaves with its Pong."""
        session.open()
        read_at = [time.monotonic()]
        for number in range(count):
            while (frame := session.receive()).opcode == PING:
                read_at.append(time.monotonic())
                session.send(frames.pong(frame.payload))
            session.send(frames.binary(frame.payload))
            if number % together == 0:
                time.sleep(step)
        session.send(frames.text("end"))
        read_at.append(time.monotonic())
        return max(after - before for before, after in pairwise(read_at))

    options: dict[str, Any] = {**FORBEARING, "write_limit": 2**24, "compression": None}
    peer = raw_peer(script)
    async with connect(peer.uri, **options) as ws:
        await ws.send_many([b"%d" % number for number in range(count)])
        for number in range(count):
            assert await asyncio.wait_for(ws.recv(), 20) == b"%d" % number
        assert await asyncio.wait_for(ws.recv(), 20) == "end"
    assert await peer.report() > FORBEARING["ping_timeout"]


@pytest.mark.parametrize("pause", [0.02, 0], ids=["some", "a flood"])
async def test_a_server_that_only_sends_is_found_at_the_bound(
    raw_peer: MakeRawPeer, pause: float
) -> None:
    timeout = 0.3

    def script(session: Session) -> Frame | None:
        session.open()
        try:
            while True:
                session.send(frames.text("not a pong") * (1 if pause else 1000))
                while is_readable(session, pause):
                    frame = session.receive()
                    if frame.opcode == CLOSE:
                        session.close()
                        return frame
                    assert frame.opcode == PING
        except ConnectionError:
            # Its Close lay behind the flood.
            session.close()
            return None

    peer = raw_peer(script)
    # So that reading never pauses.
    options: dict[str, Any] = {"max_buffered": 10_000, "overflow": "drop_oldest"}
    async with connect(peer.uri, ping_interval=0.1, ping_timeout=timeout, **options) as ws:
        with clock.measuring() as took:
            await asyncio.wait_for(ws.wait_closed(), 20)
        with pytest.raises(ConnectionClosedError) as raised:
            await receive_until(ws, None)
    assert (raised.value.rcvd, raised.value.sent) == (None, OVERDUE)
    assert isinstance(raised.value.__cause__, TimeoutError)
    assert_readable(raised.value.__cause__, "ping_timeout", "no pong")
    if pause:
        assert took.late(0.1 + MOST_LATE * timeout) < clock.SLACK
        close = await peer.report()
        assert (close.close_code, close.close_reason) == (OVERDUE.code, OVERDUE.reason)


async def test_a_peer_that_dies_while_reading_pauses_is_found_afterwards(
    raw_peer: MakeRawPeer,
) -> None:
    count = 20

    def script(session: Session) -> None:
        session.open(early=b"".join([frames.binary(bytes(1000))] * count))
        while session.receive().opcode != CLOSE:
            pass
        session.close()

    options: dict[str, Any] = {"ping_interval": 0.05, "ping_timeout": 0.3, "max_buffered": 10_000}
    async with connect(raw_peer(script).uri, **options) as ws:
        await asyncio.sleep(1)
        for _ in range(count):
            assert await asyncio.wait_for(ws.recv(), 10) == bytes(1000)
        with pytest.raises(ConnectionClosedError) as raised:
            await asyncio.wait_for(ws.recv(), 10)
    assert raised.value.sent == OVERDUE
