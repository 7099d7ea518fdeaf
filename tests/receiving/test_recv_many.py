"""`recv_many`, which the original's face calls `receive_many`: all that has arrived, nothing lost.

What several of them do at once is in test_receivers_at_once.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import connect
from blocking import until
from faces import Opened, handed_out, opened
from peers import deflate, frames
from peers.scripts import numbered, sends, sends_after_go

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session

pytestmark = pytest.mark.every("scheme")

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


def numbers(face: str, first: int, last: int) -> list[Any]:
    """What the face hands out of `numbered`."""
    return [handed_out(face, str(number)) for number in range(first, last)]


async def until_queued(ws: Any, count: int) -> None:
    """Wait until so many messages have been read."""
    await until(lambda: ws._queued >= count)


@pytest.mark.every("face")
async def test_everything_that_has_arrived_comes_out_in_one_list(
    raw_peer: MakeRawPeer, face: str
) -> None:
    async with opened(face, raw_peer(sends(*numbered(100))).uri) as ws:
        await until_queued(ws.connection, 100)
        received = await ws.recv_many()
        assert type(received) is list
        assert received == numbers(face, 0, 100)
        assert ws.connection._queued == 0


@pytest.mark.every("face")
async def test_max_is_the_most_and_leaves_the_rest_to_the_next(
    raw_peer: MakeRawPeer, face: str
) -> None:
    async with opened(face, raw_peer(sends(*numbered(10))).uri) as ws:
        await until_queued(ws.connection, 10)
        assert await ws.recv_many(1) == numbers(face, 0, 1)
        assert await ws.recv_many(max=4) == numbers(face, 1, 5)
        assert await ws.recv() == handed_out(face, "5")
        assert await ws.recv_many(max=2**62) == numbers(face, 6, 10)


@pytest.mark.every("face")
async def test_kinds_and_empty_messages_are_as_recv_gives_them(
    raw_peer: MakeRawPeer, face: str
) -> None:
    pieces = frames.text("\u20ac"), frames.binary(b"\xff"), frames.text(""), frames.binary(b"")
    as_recv_gives_them: dict[str, list[Any]] = {
        "connect": ["\u20ac", b"\xff", "", b""],
        "AioWebSocket": ["\u20ac".encode(), b"\xff", None, None],
    }
    async with opened(face, raw_peer(sends(*pieces)).uri) as ws:
        await until_queued(ws.connection, 4)
        received = [*await ws.recv_many(3), *await ws.recv_many()]
    assert received == as_recv_gives_them[face]
    assert list(map(type, received)) == list(map(type, as_recv_gives_them[face]))


@pytest.mark.every("face")
@pytest.mark.parametrize(
    ("most", "error"),
    [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("1", TypeError), (True, TypeError)],
    ids=str,
)
async def test_a_max_that_is_none_is_an_error_at_once_and_harms_nothing(
    raw_peer: MakeRawPeer, face: str, most: Any, error: type[Exception]
) -> None:
    async with opened(face, raw_peer(sends(*numbered(1))).uri) as ws:
        with pytest.raises(error):
            ws.recv_many(most)
        assert await ws.recv_many() == numbers(face, 0, 1)


@pytest.mark.every("face")
async def test_it_parks_when_nothing_waits_and_wakes_with_all_that_one_read_brought(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peer = raw_peer(sends_after_go(*numbered(50)))
    async with opened(face, peer.uri) as ws:
        receiving = asyncio.ensure_future(ws.recv_many())
        await asyncio.sleep(0.02)
        assert not receiving.done()
        peer.go.set()
        received: list[Any] = await asyncio.wait_for(receiving, 5)
        assert received == numbers(face, 0, len(received))
        while len(received) < 50:
            received += await asyncio.wait_for(ws.recv_many(), 5)
        assert received == numbers(face, 0, 50)


@pytest.mark.every("face")
async def test_a_message_that_is_not_whole_yet_is_no_part_of_the_list(
    raw_peer: MakeRawPeer, face: str
) -> None:
    half = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("a"), frames.text("b", fin=False))
        half.wait(5)
        session.send(frames.continuation(b"c", fin=False), frames.ping(b"?"))
        assert session.receive().opcode == frames.PONG
        session.wait_for_go()
        session.send(frames.continuation(b"d"), frames.text("e"))

    peer = raw_peer(script)
    async with opened(face, peer.uri) as ws:
        assert await ws.recv_many() == [handed_out(face, "a")]
        receiving = asyncio.ensure_future(ws.recv_many())
        half.set()
        await asyncio.sleep(0.05)
        assert not receiving.done()
        peer.go.set()
        received = await asyncio.wait_for(receiving, 5)
        while len(received) < 2:
            received += await asyncio.wait_for(ws.recv_many(), 5)
        assert received == [handed_out(face, "bcd"), handed_out(face, "e")]


@pytest.mark.every("face")
async def test_any_cut_of_the_bytes_gives_the_same_messages(
    raw_peer: MakeRawPeer, face: str
) -> None:
    generator = random.Random(2)
    messages = [f"{number}:" + "\u20ac" * generator.randrange(100) for number in range(400)]
    stream = b"".join(map(frames.text, messages))

    def script(session: Session) -> None:
        session.open()
        at = 0
        while at < len(stream):
            length = generator.choice([1, 2, 7, 300, 5000])
            session.send(stream[at : at + length])
            at += length

    received: list[Any] = []
    async with opened(face, raw_peer(script).uri) as ws:
        while len(received) < len(messages):
            batch = await ws.recv_many(generator.choice([None, 1, 2, 50]))
            assert batch, "an empty list"
            received += batch
    assert received == [handed_out(face, message) for message in messages]


@pytest.mark.every("face")
async def test_the_queue_comes_before_the_end_of_the_connection(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*numbered(10))
        session.send_close(1000, "that is all")

    peer = raw_peer(script)
    async with opened(face, peer.uri) as ws:
        await peer.report()
        await until_queued(ws.connection, 10)
        assert await ws.recv_many(6) == numbers(face, 0, 6)
        assert await ws.recv_many(6) == numbers(face, 6, 10)
        for _ in range(3):
            with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
                await ws.recv_many()
            assert raised.value.rcvd == aiowebsocket.Close(1000, "that is all")


@pytest.mark.every("face")
async def test_a_parked_one_raises_when_the_connection_breaks(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.reset()

    peer = raw_peer(script)
    async with opened(face, peer.uri) as ws:
        receiving = asyncio.ensure_future(ws.recv_many())
        await asyncio.sleep(0.01)
        peer.go.set()
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await asyncio.wait_for(receiving, 5)


@pytest.mark.every("face")
async def test_calls_on_an_ended_connection_do_not_starve_the_loop(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close()

    async with opened(face, raw_peer(script).uri) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosed):
            await ws.recv_many()
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            asyncio.get_running_loop().call_soon(turn)

        turn()
        for _ in range(10):
            with contextlib.suppress(aiowebsocket.ConnectionClosed):
                await ws.recv_many()
        assert turns >= 10


@pytest.mark.every("face")
async def test_a_cancelled_one_loses_nothing_whenever_it_is_cancelled(
    raw_peer: MakeRawPeer, face: str
) -> None:
    count = 600

    def script(session: Session) -> None:
        session.open()
        for number in range(0, count, 3):
            pieces = b"".join(frames.text(str(number + more)) for more in range(3))
            cut = number % len(pieces)
            session.go.wait(0.0005)  # Else all might be there before anyone waits.
            session.send(pieces[:cut])
            session.send(pieces[cut:])

    generator = random.Random(3)
    received: list[Any] = []
    cancelled = 0
    async with opened(face, raw_peer(script).uri) as ws:
        while len(received) < count:
            receiving = asyncio.ensure_future(ws.recv_many(generator.choice([None, 2])))
            for _ in range(generator.randrange(4)):
                await asyncio.sleep(0)
            receiving.cancel()
            try:
                received += await receiving
            except asyncio.CancelledError:
                cancelled += 1
    assert received == numbers(face, 0, count)
    assert cancelled


@pytest.mark.every("face")
async def test_one_that_timed_out_loses_nothing(raw_peer: MakeRawPeer, face: str) -> None:
    def script(session: Session) -> None:
        session.open()
        for message in numbered(60):
            session.go.wait(0.002)
            session.send(message)

    received: list[Any] = []
    async with opened(face, raw_peer(script).uri) as ws:
        while len(received) < 60:
            with contextlib.suppress(asyncio.TimeoutError):
                received += await asyncio.wait_for(ws.recv_many(), 0.002)
    assert received == numbers(face, 0, 60)


@pytest.mark.every("face")
async def test_one_cancelled_when_its_bell_has_rung_leaves_all_to_the_next(
    raw_peer: MakeRawPeer, face: str
) -> None:
    """The callback that reads the socket wakes `first`'s task, which cancels the other at once."""
    peers = [raw_peer(sends_after_go(*numbered(3))) for _ in range(2)]
    tasks: list[asyncio.Task[list[Any]]] = []

    async def cancel_the_other(ws: Opened, other: int) -> list[Any]:
        messages = await ws.recv_many()
        tasks[other].cancel()
        return list(messages)

    async with opened(face, peers[0].uri) as first, opened(face, peers[1].uri) as second:
        tasks.append(asyncio.create_task(cancel_the_other(first, 1)))
        tasks.append(asyncio.create_task(cancel_the_other(second, 0)))
        await asyncio.sleep(0.01)
        for peer in peers:
            peer.go.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for ws, outcome in zip((first, second), outcomes, strict=True):
            received = outcome if isinstance(outcome, list) else []
            while len(received) < 3:
                received += await asyncio.wait_for(ws.recv_many(), 5)
            assert received == numbers(face, 0, 3)


@pytest.mark.every("face")
async def test_compressed_plain_and_fragmented_messages_come_out_in_order(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open(DEFLATE)
        stream = deflate.compressor()
        for number in range(0, 300, 3):
            whole, cut = (b"%d" % more for more in (number, number + 1))
            session.send(
                deflate.message(deflate.deflate(whole, stream)),
                deflate.message(deflate.deflate(cut, stream), size=2),
                frames.binary(b"%d" % (number + 2)),
            )

    received: list[Any] = []
    async with opened(face, raw_peer(script).uri, compression="deflate") as ws:
        while len(received) < 300:
            received += await asyncio.wait_for(ws.recv_many(), 5)
    assert received == [b"%d" % number for number in range(300)]


@pytest.mark.every("face")
async def test_a_violation_comes_after_the_messages_before_it(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peer = raw_peer(sends(*numbered(5), frames.frame(frames.TEXT, b"\xff"), frames.text("never")))
    async with opened(face, peer.uri) as ws:
        assert await ws.recv_many() == numbers(face, 0, 5)
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv_many()
    assert raised.value.sent is not None
    assert raised.value.sent.code == 1007


@pytest.mark.every("face")
async def test_a_flood_is_received_whole_and_leaves_others_their_turns(
    raw_peer: MakeRawPeer, face: str
) -> None:
    count = 200_000
    checksum = 0
    flood = b"".join(frames.binary(number.to_bytes(4, "big") * 8) for number in range(count))
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    def script(session: Session) -> None:
        session.open()
        session.send(flood)

    async with opened(face, raw_peer(script).uri) as ws:
        turn()
        received = 0
        while received < count:
            batch = await ws.recv_many(10_000)
            received += len(batch)
            for message in batch:
                assert isinstance(message, bytes)
                checksum = zlib.crc32(message, checksum)
            time.sleep(0.02)  # noqa: ASYNC251 - as long as others may have to wait for their turn
    whole = b"".join(number.to_bytes(4, "big") * 8 for number in range(count))
    assert checksum == zlib.crc32(whole)
    assert turns > 5


@pytest.mark.every("face")
async def test_a_peer_that_is_gone_leaves_what_it_sent(raw_peer: MakeRawPeer, face: str) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*numbered(100), frames.text("cut")[:3])
        session.close()

    peer: RawPeer = raw_peer(script)
    received: list[Any] = []
    async with opened(face, peer.uri) as ws:
        await peer.report()
        while len(received) < 100:
            received += await asyncio.wait_for(ws.recv_many(7), 5)
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await ws.recv_many(7)
    assert received == numbers(face, 0, 100)


@pytest.mark.parametrize("compressed", [False, True])
async def test_reading_goes_on_after_a_pause_at_max_buffered(
    raw_peer: MakeRawPeer, compressed: bool
) -> None:
    count = 400
    payloads = [(b"%d:" % number).ljust(1000, b".") for number in range(count)]

    def script(session: Session) -> None:
        session.open(DEFLATE) if compressed else session.open()
        stream = deflate.compressor()
        for payload in payloads:
            if compressed:
                session.send(deflate.message(deflate.deflate(payload, stream)))
            else:
                session.send(frames.binary(payload))

    peer = raw_peer(script)
    received: list[Any] = []
    async with connect(peer.uri, max_buffered=10_000) as ws:
        await until_queued(ws, 9)
        while len(received) < count:
            received += await asyncio.wait_for(ws.recv_many(), 5)
    assert received == payloads
