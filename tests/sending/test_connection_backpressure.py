"""Flow control both ways: a peer that does not read, and an application that does not receive."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import clock
from aiowebsocket import ClientConnection, connect
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session

pytestmark = pytest.mark.every("scheme")

CHUNK = 2**16
# More than the kernel takes for a peer that does not read, so that the second such send has to wait
# whatever slack the socket's buffers find.
BIG = 2**24
ENOUGH_TO_FILL_ANY_BUFFER = 2**28


def read_after_go(session: Session) -> None:
    session.open()
    session.wait_for_go()


async def fill(ws: ClientConnection) -> list[asyncio.Task[None]]:
    """Send until two sends are parked."""
    parked: list[asyncio.Task[None]] = []
    for _ in range(ENOUGH_TO_FILL_ANY_BUFFER // BIG):
        sending = asyncio.create_task(ws.send(bytes(BIG)))
        await asyncio.wait([sending], timeout=0.1)
        # The system's buffers grow for a while, so one that was parked may have gone on.
        parked = [task for task in [*parked, sending] if not task.done()]
        if len(parked) == 2:
            return parked
    raise AssertionError("send never waited for the peer")


async def test_send_parks_when_the_peer_does_not_read_and_goes_on_when_it_does(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(read_after_go)
    async with connect(peer.uri) as ws:
        parked = await fill(ws)
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(*parked), 10)
        await ws.send("end")
    await peer.report()
    *data, end, _ = peer.sessions[0].frames
    assert end.payload == b"end"
    assert {frame.payload for frame in data} == {bytes(BIG)}


async def test_everything_sent_by_parked_tasks_arrives_whole_and_in_order(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(read_after_go)
    async with connect(peer.uri) as ws:
        parked = await fill(ws)
        sending = [asyncio.ensure_future(ws.send(f"{number}" * 50_000)) for number in range(20)]
        await asyncio.sleep(0.02)
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(*parked, *sending), 10)
    await peer.report()
    last = [frame.payload for frame in peer.sessions[0].frames[-21:-1]]
    assert last == [str(number).encode() * 50_000 for number in range(20)]


async def test_receiving_goes_on_while_a_send_is_parked(raw_peer: MakeRawPeer) -> None:
    full = threading.Event()

    def script(session: Session) -> None:
        session.open()
        assert full.wait(20)
        session.send(frames.text("you hear me"), frames.ping(b"and answer"))
        session.wait_for_go()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        parked = await fill(ws)
        full.set()
        assert await asyncio.wait_for(ws.recv(), 5) == "you hear me"
        assert not parked[-1].done()
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(*parked), 10)
    await peer.report()
    pongs = [frame for frame in peer.sessions[0].frames if frame.opcode == frames.PONG]
    assert [pong.payload for pong in pongs] == [b"and answer"]


async def test_a_cancelled_send_leaves_a_whole_frame_or_none(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(read_after_go)
    async with connect(peer.uri) as ws:
        tasks = await fill(ws)
        tasks.append(asyncio.ensure_future(ws.send(b"waiting" * 1000)))
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        peer.go.set()
        await asyncio.wait_for(ws.send("after"), 10)
    await peer.report()
    payloads = [frame.payload for frame in peer.sessions[0].frames[:-1]]
    assert payloads[-1] == b"after"
    assert set(payloads[:-1]) <= {bytes(BIG), b"waiting" * 1000}


async def test_close_ends_in_time_though_the_peer_does_not_read(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(read_after_go)
    ws = await connect(peer.uri, close_timeout=0.3)
    parked = await fill(ws)
    with clock.measuring() as took:
        await ws.close()
    assert took.late(0.3) < clock.SLACK
    assert await outcomes(parked) == [aiowebsocket.ConnectionClosedError] * 2
    assert ws.close_code == 1006
    peer.go.set()


async def test_a_parked_send_raises_when_the_connection_breaks(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.reset()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        parked = await fill(ws)
        peer.go.set()
        assert await outcomes(parked) == [aiowebsocket.ConnectionClosedError] * 2


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[type]:
    """The types of what tasks returned or raised."""
    gathered = asyncio.gather(*tasks, return_exceptions=True)
    return [type(outcome) for outcome in await asyncio.wait_for(gathered, 5)]


class Flood:
    """A peer's script: send numbered messages until `total` or until nothing more is taken."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.sent = 0
        self.stuck = threading.Event()

    def __call__(self, session: Session) -> None:
        session.open()
        session.stream.settimeout(0.5)
        session.stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK)
        for number in range(self.total):
            self._send_all(session, frames.binary(number.to_bytes(4, "big") * (CHUNK // 4)))
            self.sent += 1
        session.stream.settimeout(10)

    def _send_all(self, session: Session, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[session.stream.send(view) :]
            except TimeoutError:
                self.stuck.set()
                session.wait_for_go()


async def test_an_application_that_does_not_receive_stops_the_peer_and_loses_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    flood = Flood(ENOUGH_TO_FILL_ANY_BUFFER // CHUNK)
    peer = raw_peer(flood)
    async with connect(peer.uri, max_size=2**20) as ws:
        assert await until_stuck(flood, peer), "the client reads without end"
        assert flood.sent < flood.total
        peer.go.set()
        for number in range(flood.total):
            message: str | bytes = await asyncio.wait_for(ws.recv(), 10)
            assert isinstance(message, bytes)
            assert len(message) == CHUNK
            assert message[:4] == number.to_bytes(4, "big") == message[-4:]


async def until_stuck(flood: Flood, peer: RawPeer) -> bool:
    """Wait for the flood to be stopped, the event loop running on meanwhile."""
    while not flood.stuck.is_set() and flood.sent < flood.total:  # noqa: ASYNC110 (threads)
        await asyncio.sleep(0.01)
    return flood.stuck.is_set()
