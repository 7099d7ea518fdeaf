"""Long binary messages, which are read straight into the bytes that `recv` returns."""

from __future__ import annotations

import asyncio
import random
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import ConnectionClosedError, State, connect
from blocking import block_until, until
from faces import opened
from peers import frames
from peers.frames import PONG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conftest import MakeRawPeer
    from peers.raw import Session


MIB = 2**20
HEADER = 10
# What is read before a message is given a place of its own, at most.
FIRST_READ = 2**18
LENGTHS = (
    *(2**16 - 1, 2**16, 2**16 + 1, FIRST_READ, FIRST_READ + 2**16, FIRST_READ + 2**16 + 15),
    *(MIB - 1, MIB, 3 * MIB, 17, MIB, 0, 125, MIB + 1),
)


def payload(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def sends(*messages: bytes, largest_piece: int) -> Callable[[Session], None]:
    """Sends them one behind the other, cut anywhere."""
    stream = b"".join(map(frames.binary, messages))
    chance = random.Random(largest_piece)

    def script(session: Session) -> None:
        session.open()
        sent = 0
        while sent < len(stream):
            length = chance.randint(1, largest_piece)
            session.stream.sendall(stream[sent : sent + length])
            sent += length

    return script


def sends_half(message: bytes, *rest: bytes) -> Callable[[Session], None]:
    """Sends the first half of a message; the second, and the rest, when the test says so."""
    frame = frames.binary(message)

    def script(session: Session) -> None:
        session.open()
        session.stream.sendall(frame[: len(frame) // 2])
        session.wait_for_go()
        session.stream.sendall(frame[len(frame) // 2 :] + b"".join(rest))

    return script


def joined(parts: Iterable[str | bytes]) -> bytes:
    return b"".join(part for part in parts if isinstance(part, bytes))


async def half_arrived(ws: Any, message: bytes) -> None:
    """Wait until the first half has been read."""
    half = len(frames.binary(message)) // 2
    await asyncio.wait_for(until(lambda: ws.stats.wire_bytes_received >= half), 10)


@pytest.mark.parametrize("largest_piece", [10_000, 300_000, 3_000_000])
@pytest.mark.every("scheme", "face")
async def test_messages_of_all_lengths_come_as_they_were_sent_in_any_cut(
    raw_peer: MakeRawPeer, face: str, largest_piece: int
) -> None:
    messages = [payload(length) for length in LENGTHS]
    peer = raw_peer(sends(*messages, largest_piece=largest_piece))
    async with opened(face, peer.uri, max_size=4 * MIB) as client:
        for message in messages:
            # To the original's face an empty message is None.
            assert (await asyncio.wait_for(client.recv(), 10) or b"") == message
        stats = client.connection.stats
        assert stats.messages_received == len(messages)
        assert stats.bytes_received == sum(map(len, messages))
        assert stats.wire_bytes_received == len(b"".join(map(frames.binary, messages)))


async def test_a_long_message_wakes_who_waits_for_it_and_who_comes_later(
    raw_peer: MakeRawPeer,
) -> None:
    first, second = payload(MIB), payload(MIB - 1)
    peer = raw_peer(sends_half(first, frames.binary(second), frames.text("end")))
    async with connect(peer.uri) as ws:
        waiting = asyncio.ensure_future(ws.recv())
        await half_arrived(ws, first)
        peer.go.set()
        assert await asyncio.wait_for(waiting, 10) == first
        await asyncio.wait_for(until(lambda: ws.stats.queued_messages == 2), 10)
        assert await ws.recv_many() == [second, "end"]


async def test_several_long_messages_that_nobody_takes_queue_up_in_order(
    raw_peer: MakeRawPeer,
) -> None:
    messages = [payload(length) for length in (MIB, MIB - 1, 100, MIB - 2)]
    peer = raw_peer(sends(*messages, largest_piece=3 * MIB))
    async with connect(peer.uri) as ws:
        await asyncio.wait_for(until(lambda: ws.stats.queued_messages == len(messages)), 10)
        assert await ws.recv_many() == messages


async def test_what_has_arrived_of_a_long_message_can_be_streamed(raw_peer: MakeRawPeer) -> None:
    message = payload(MIB)
    peer = raw_peer(sends_half(message, frames.text("end")))
    async with connect(peer.uri) as ws:
        await half_arrived(ws, message)
        parts = ws.recv_streaming()
        first = await asyncio.wait_for(anext(parts), 10)
        assert len(first) >= MIB // 2 - HEADER
        peer.go.set()
        assert joined([first, *[part async for part in parts]]) == message
        assert await ws.recv() == "end"


async def test_what_has_arrived_of_a_long_message_without_an_end_can_be_streamed(
    raw_peer: MakeRawPeer,
) -> None:
    message = payload(MIB)

    def script(session: Session) -> None:
        session.open()
        session.stream.sendall(frames.binary(message)[: MIB // 2])
        session.wait_for_go()
        session.hang_up()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        await asyncio.wait_for(until(lambda: ws.stats.wire_bytes_received == MIB // 2), 10)
        peer.go.set()
        await asyncio.wait_for(until(lambda: ws.state is State.CLOSED), 10)
        parts = ws.recv_streaming()
        assert await anext(parts) == message[: MIB // 2 - HEADER]
        with pytest.raises(ConnectionClosedError):
            await anext(parts)


async def test_who_waits_for_a_part_gets_each_as_it_comes(raw_peer: MakeRawPeer) -> None:
    message = payload(MIB)
    peer = raw_peer(sends_half(message))
    async with connect(peer.uri) as ws:
        parts = ws.recv_streaming()
        received = [await asyncio.wait_for(anext(parts), 10)]
        while len(joined(received)) < MIB // 2 - HEADER:
            received.append(await asyncio.wait_for(anext(parts), 10))
        peer.go.set()
        assert joined([*received, *[part async for part in parts]]) == message


@pytest.mark.parametrize(("decode", "kind"), [(True, str), (False, bytes)])
async def test_a_long_binary_message_may_be_asked_for_as_text(
    raw_peer: MakeRawPeer, decode: bool, kind: type
) -> None:
    text = "déjà vu " * (MIB // 10)
    peer = raw_peer(sends_half(text.encode()))
    async with connect(peer.uri) as ws:
        await half_arrived(ws, text.encode())
        peer.go.set()
        received: str | bytes = await asyncio.wait_for(ws.recv(decode), 10)
        assert isinstance(received, kind)
        assert received == (text if decode else text.encode())


async def test_a_cancelled_recv_loses_nothing_of_a_long_message(raw_peer: MakeRawPeer) -> None:
    message = payload(MIB)
    peer = raw_peer(sends_half(message))
    async with connect(peer.uri) as ws:
        waiting = asyncio.ensure_future(ws.recv())
        await half_arrived(ws, message)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        peer.go.set()
        assert await asyncio.wait_for(ws.recv(), 10) == message


@pytest.mark.loop_drives
async def test_a_stand_in_goes_on_with_a_message_that_the_loop_has_begun_to_read(
    raw_peer: MakeRawPeer,
) -> None:
    message = payload(MIB)
    frame = frames.binary(message)
    answered = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.stream.sendall(frame[: MIB // 2])
        session.wait_for_go()
        session.send(frame[MIB // 2 :], frames.ping(b"behind"))
        assert session.receive().opcode == PONG
        answered.set()

    peer = raw_peer(script)
    async with connect(peer.uri, ping_interval=3600, ping_timeout=0.2) as ws:
        await asyncio.wait_for(until(lambda: ws.stats.wire_bytes_received == MIB // 2), 10)
        peer.go.set()
        block_until(answered.is_set)
        assert ws.stats.takeovers >= 1
        assert await asyncio.wait_for(ws.recv(), 10) == message


async def test_nothing_is_kept_of_a_long_message_that_is_dropped_for_a_newer_one(
    raw_peer: MakeRawPeer,
) -> None:
    message = payload(MIB)
    peer = raw_peer(sends_half(message, frames.text("newer")))
    tracemalloc.start()
    try:
        async with connect(peer.uri, overflow="drop_oldest", max_buffered=100) as ws:
            await half_arrived(ws, message)
            peer.go.set()
            await asyncio.wait_for(until(lambda: ws.stats.dropped_messages == 1), 10)
            await asyncio.wait_for(until(lambda: tracemalloc.get_traced_memory()[0] < MIB // 2), 10)
            assert await ws.recv() == "newer"
    finally:
        tracemalloc.stop()


async def test_a_connection_may_be_dropped_in_the_middle_of_a_long_message(
    raw_peer: MakeRawPeer,
) -> None:
    message = payload(MIB)

    def script(session: Session) -> int | None:
        session.open()
        session.stream.sendall(frames.binary(message)[: MIB // 2 + HEADER])
        code = session.receive().close_code
        session.close()
        return code

    peer = raw_peer(script)
    ws = await connect(peer.uri)
    await half_arrived(ws, message)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del ws
    assert await peer.report() == 1001
