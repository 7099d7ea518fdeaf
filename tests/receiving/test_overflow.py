"""`overflow`: what becomes of messages that nobody takes, of the server, and of our memory."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import Close, ConnectionClosedError, connect
from blocking import until
from faces import opened
from failures import assert_readable
from hostile import memory
from peers import deflate, frames
from peers.frames import CLOSE, PONG

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session

both_drops = pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
# What a queued message counts beside its bytes.
OVERHEAD = 32
SIZE = 968
# So many messages of that size, exactly, may wait.
ROOM = 8
MAX_BUFFERED = ROOM * (SIZE + OVERHEAD)


def message(number: int) -> bytes:
    return b"%08d" % number * (SIZE // 8)


def messages(first: int, last: int) -> list[bytes]:
    return [message(number) for number in range(first, last)]


def floods(count: int, *, extra: tuple[str, ...] = ()) -> Callable[[Session], None]:
    """Sends so many messages, then a Ping, and wants its Pong though nobody takes a message."""

    def script(session: Session) -> None:
        session.open(*extra)
        stream = deflate.compressor()
        for first in range(0, count, 100):
            batch = messages(first, min(first + 100, count))
            if extra:
                session.send(*(deflate.message(deflate.deflate(one, stream)) for one in batch))
            else:
                session.send(*map(frames.binary, batch))
        session.send(frames.ping(b"behind"))
        assert session.receive().opcode == PONG
        session.go.set()

    return script


async def receive_queued(ws: Any) -> list[Any]:
    return [await ws.recv() for _ in range(ws.stats.queued_messages)]


async def answered(peer: RawPeer) -> None:
    """Wait until the Pong has come to what was sent behind all messages."""
    await asyncio.wait_for(until(peer.go.is_set), 10)


@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@both_drops
async def test_the_oldest_or_the_newest_go_and_are_counted(
    raw_peer: MakeRawPeer, overflow: str, compressed: bool
) -> None:
    count = 1000
    peer = raw_peer(floods(count, extra=(DEFLATE,) if compressed else ()))
    async with connect(peer.uri, max_buffered=MAX_BUFFERED, overflow=overflow) as ws:
        await answered(peer)
        stats = ws.stats
        assert stats.dropped_messages == count - ROOM
        assert stats.messages_received == count
        assert (stats.queued_messages, stats.queued_bytes) == (ROOM, MAX_BUFFERED)
        kept = messages(count - ROOM, count) if overflow == "drop_oldest" else messages(0, ROOM)
        assert await receive_queued(ws) == kept
        assert ws.stats.queued_bytes == 0


@pytest.mark.skipif(not memory.is_measurable(), reason="only Linux tells the peak of memory")
@both_drops
async def test_what_is_dropped_leaves_no_memory_behind(
    raw_peer: MakeRawPeer, overflow: str
) -> None:
    batch, batches = b"".join(map(frames.binary, messages(0, 1000))), 64

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.go.clear()
        for _ in range(batches):
            session.send(batch)
        session.send(frames.ping())
        while session.receive().opcode != PONG:
            pass
        session.go.set()

    peer = raw_peer(script)
    async with connect(peer.uri, max_buffered=2**20, overflow=overflow) as ws:
        growth = memory.Growth()
        peer.go.set()
        await until(lambda: ws.stats.messages_received == 1000 * batches)
        await answered(peer)
        assert ws.stats.queued_bytes <= 2**20
        assert len(batch) * batches > 2**25
        assert growth.peak() < 2**23


@pytest.mark.every("face")
async def test_who_drops_has_room_for_what_comes_when_messages_have_been_taken(
    raw_peer: MakeRawPeer, face: str
) -> None:
    """The original's face has the same bound, of 4 MiB, always."""
    big = 2**20

    def script(session: Session) -> None:
        session.open()
        for number in range(6):
            session.send(frames.binary(bytes([number]) * big))
        session.wait_for_go()
        session.send(frames.binary(b"later"), frames.ping())
        while session.receive().opcode != PONG:
            pass

    peer = raw_peer(script)
    async with opened(face, peer.uri, max_buffered=2**22, overflow="drop_newest") as ws:
        await until(lambda: ws.connection.stats.messages_received == 6)
        assert ws.connection.stats.dropped_messages == 3
        for number in range(3):
            assert await ws.recv() == bytes([number]) * big
        peer.go.set()
        assert await asyncio.wait_for(ws.recv(), 5) == b"later"
        assert ws.connection.stats.dropped_messages == 3


@pytest.mark.every("scheme")
async def test_who_blocks_loses_nothing_and_slows_the_server_down(raw_peer: MakeRawPeer) -> None:
    count = 20_000
    peer = raw_peer(floods(count))
    async with connect(peer.uri, max_buffered=MAX_BUFFERED, overflow="block") as ws:
        await until(lambda: ws.stats.queued_bytes > MAX_BUFFERED)
        await asyncio.sleep(0.1)
        assert not peer.go.is_set()
        stats = ws.stats
        assert stats.dropped_messages == 0
        # One read more than there was room for, at most.
        assert stats.wire_bytes_received < MAX_BUFFERED + 2**18
        received: list[Any] = []
        while len(received) < count:
            received += await asyncio.wait_for(ws.recv_many(), 5)
        assert received == messages(0, count)
        await answered(peer)


@pytest.mark.every("scheme", "face")
async def test_who_closes_says_why_and_keeps_what_had_arrived(
    raw_peer: MakeRawPeer, face: str
) -> None:
    big = bytes(2**20 - OVERHEAD)

    def script(session: Session) -> tuple[int | None, str]:
        session.open()
        for number in range(5):
            session.send(frames.binary(bytes([number]) + big[1:]))
        while (frame := session.receive()).opcode != CLOSE:
            pass
        return frame.close_code, frame.close_reason

    peer = raw_peer(script)
    async with opened(face, peer.uri, max_buffered=2**22, overflow="close") as ws:
        await until(lambda: ws.connection.close_code is not None)
        for number in range(5):
            assert await ws.recv() == bytes([number]) + big[1:]
        with pytest.raises(ConnectionClosedError) as raised:
            await ws.recv()
        assert raised.value.rcvd is None
        assert isinstance(raised.value.sent, Close)
        assert raised.value.sent.code == 1008
        assert isinstance(raised.value.__cause__, BufferError)
        assert_readable(raised.value.__cause__, "max_buffered", str(2**22))
        assert ws.connection.stats.dropped_messages == 0
    code, reason = await peer.report()
    assert code == 1008
    assert "max_buffered" in reason


async def test_a_compressed_bomb_of_messages_closes_too(raw_peer: MakeRawPeer) -> None:
    """A few bytes on the wire, and more than may wait in memory."""

    def script(session: Session) -> int | None:
        session.open(DEFLATE)
        for _ in range(100):
            session.send(deflate.binary(bytes(100_000)))
        while (frame := session.receive()).opcode != CLOSE:
            pass
        return frame.close_code

    peer = raw_peer(script)
    async with connect(peer.uri, max_buffered=2**20, overflow="close") as ws:
        await until(lambda: ws.close_code is not None)
        assert ws.stats.queued_bytes < 2**20 + 2 * 100_000
        for _ in range(ws.stats.queued_messages):
            assert await ws.recv() == bytes(100_000)
        with pytest.raises(ConnectionClosedError) as raised:
            await ws.recv()
        assert isinstance(raised.value.__cause__, BufferError)
    assert await peer.report() == 1008


@both_drops
async def test_a_message_that_is_read_in_parts_is_never_torn(
    raw_peer: MakeRawPeer, overflow: str
) -> None:
    parts = [bytes([number]) * 200 for number in range(20)]
    waiting = len(parts[1:]) * 200 + OVERHEAD
    half = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.send(frames.binary(parts[0], fin=False))
        assert half.wait(10)
        for part in parts[1:]:
            session.send(frames.continuation(part, fin=False))
        session.send(frames.continuation(b""))
        # All of these find the first message in the way, which is in somebody's hands.
        session.send(*map(frames.binary, messages(0, 30)), frames.ping())
        while session.receive().opcode != PONG:
            pass
        session.go.set()

    peer = raw_peer(script)
    async with connect(peer.uri, max_buffered=MAX_BUFFERED, overflow=overflow) as ws:
        streaming = ws.recv_streaming()
        received = [await anext(streaming)]
        half.set()
        await answered(peer)
        received += [part async for part in streaming]
        assert b"".join(p if isinstance(p, bytes) else p.encode() for p in received) == b"".join(
            parts
        )
        room = (MAX_BUFFERED - waiting) // (SIZE + OVERHEAD)
        assert await receive_queued(ws) == messages(0, room)
        assert ws.stats.dropped_messages == 30 - room
        assert ws.state is aiowebsocket.State.OPEN


@pytest.mark.parametrize("overflow", ["block", "drop_oldest", "drop_newest"])
async def test_a_message_that_is_larger_than_the_queue_arrives_where_it_is_alone(
    raw_peer: MakeRawPeer, overflow: str
) -> None:
    large = bytes(100_000)

    def script(session: Session) -> None:
        session.open()
        for _ in range(3):
            session.send(frames.binary(large))
            session.wait_for_go()
            session.go.clear()

    peer = raw_peer(script)
    async with connect(peer.uri, max_buffered=1000, overflow=overflow) as ws:
        for _ in range(3):
            assert await asyncio.wait_for(ws.recv(), 5) == large
            peer.go.set()
        assert ws.stats.dropped_messages == 0


async def test_a_receiver_that_keeps_up_loses_nothing(raw_peer: MakeRawPeer) -> None:
    count = 50

    def script(session: Session) -> None:
        session.open()
        for number in range(count):
            session.send(frames.binary(message(number)))
            assert session.receive().payload == b"next"

    async with connect(
        raw_peer(script).uri, max_buffered=2 * (SIZE + OVERHEAD), overflow="drop_oldest"
    ) as ws:
        for number in range(count):
            assert await asyncio.wait_for(ws.recv(), 5) == message(number)
            await ws.send(b"next")
        assert ws.stats.dropped_messages == 0
