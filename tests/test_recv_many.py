"""`recv_many`, and `receive_many` where it is the same: all that has arrived, nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, ClientConnection, connect
from peers import deflate, frames
from peers.scripts import numbered, sends, sends_after_go

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session

pytestmark = pytest.mark.parametrize("scheme", ["ws", "wss"])

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


async def until_queued(ws: Any, count: int) -> None:
    """Wait until so many messages have been read; the loop runs on meanwhile."""
    while ws._queued < count:  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.001)


async def test_everything_that_has_arrived_comes_out_in_one_list(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(sends(*numbered(100))).uri) as ws:
        await until_queued(ws, 100)
        received = await ws.recv_many()
        assert type(received) is list
        assert received == numbers(0, 100)
        assert ws._queued == 0


async def test_max_is_the_most_and_leaves_the_rest_to_the_next(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(sends(*numbered(10))).uri) as ws:
        await until_queued(ws, 10)
        assert await ws.recv_many(1) == ["0"]
        assert await ws.recv_many(max=4) == numbers(1, 5)
        assert await ws.recv() == "5"
        assert await ws.recv_many(max=2**62) == numbers(6, 10)


async def test_kinds_and_empty_messages_are_as_recv_gives_them(raw_peer: MakeRawPeer) -> None:
    pieces = frames.text("\u20ac"), frames.binary(b"\xff"), frames.text(""), frames.binary(b"")
    async with connect(raw_peer(sends(*pieces)).uri) as ws:
        await until_queued(ws, 4)
        received = await ws.recv_many()
    assert received == ["\u20ac", b"\xff", "", b""]
    assert [type(message) for message in received] == [str, bytes, str, bytes]


@pytest.mark.parametrize(
    ("most", "error"),
    [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("1", TypeError), (True, TypeError)],
    ids=str,
)
async def test_a_max_that_is_none_is_an_error_at_once_and_harms_nothing(
    raw_peer: MakeRawPeer, most: Any, error: type[Exception]
) -> None:
    peer, other = raw_peer(sends(*numbered(1))), raw_peer(sends(*numbered(1)))
    async with connect(peer.uri) as ws, AioWebSocket(other.uri) as aws:
        for receive_many in (ws.recv_many, aws.manipulator.receive_many):
            with pytest.raises(error):
                receive_many(most)
        assert await ws.recv_many() == ["0"]
        assert await aws.manipulator.receive_many() == [b"0"]


async def test_it_parks_when_nothing_waits_and_wakes_with_all_that_one_read_brought(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sends_after_go(*numbered(50)))
    async with connect(peer.uri) as ws:
        receiving = asyncio.ensure_future(ws.recv_many())
        await asyncio.sleep(0.02)
        assert not receiving.done()
        peer.go.set()
        received: list[Any] = await asyncio.wait_for(receiving, 5)
        assert received == numbers(0, len(received))
        while len(received) < 50:
            received += await asyncio.wait_for(ws.recv_many(), 5)
        assert received == numbers(0, 50)


async def test_a_message_that_is_not_whole_yet_is_no_part_of_the_list(
    raw_peer: MakeRawPeer,
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
    async with connect(peer.uri) as ws:
        assert await ws.recv_many() == ["a"]
        receiving = asyncio.ensure_future(ws.recv_many())
        half.set()
        await asyncio.sleep(0.05)
        assert not receiving.done()
        peer.go.set()
        received = await asyncio.wait_for(receiving, 5)
        while len(received) < 2:
            received += await asyncio.wait_for(ws.recv_many(), 5)
        assert received == ["bcd", "e"]


async def test_any_cut_of_the_bytes_gives_the_same_messages(raw_peer: MakeRawPeer) -> None:
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
    async with connect(raw_peer(script).uri) as ws:
        while len(received) < len(messages):
            batch = await ws.recv_many(generator.choice([None, 1, 2, 50]))
            assert batch, "an empty list"
            received += batch
    assert received == messages


async def test_the_queue_comes_before_the_end_of_the_connection(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*numbered(10))
        session.send_close(1000, "that is all")

    peer, other = raw_peer(script), raw_peer(script)
    async with connect(peer.uri) as ws, AioWebSocket(other.uri) as aws:
        await asyncio.gather(peer.report(), other.report())
        await until_queued(ws, 10)
        assert await ws.recv_many(6) == numbers(0, 6)
        assert await ws.recv_many(6) == numbers(6, 10)
        received: list[Any] = []
        while len(received) < 10:
            received += await aws.manipulator.receive_many()
        for receive_many in (ws.recv_many, aws.manipulator.receive_many):
            for _ in range(3):
                with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
                    await receive_many()
                assert raised.value.rcvd == aiowebsocket.Close(1000, "that is all")


async def test_a_parked_one_raises_when_the_connection_breaks(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.reset()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        receiving = asyncio.ensure_future(ws.recv_many())
        await asyncio.sleep(0.01)
        peer.go.set()
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await asyncio.wait_for(receiving, 5)


async def test_calls_on_an_ended_connection_do_not_starve_the_loop(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close()

    async with connect(raw_peer(script).uri) as ws:
        await ws.wait_closed()
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


async def test_a_cancelled_one_loses_nothing_whenever_it_is_cancelled(
    raw_peer: MakeRawPeer,
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
    async with connect(raw_peer(script).uri) as ws:
        while len(received) < count:
            receiving = asyncio.ensure_future(ws.recv_many(generator.choice([None, 2])))
            for _ in range(generator.randrange(4)):
                await asyncio.sleep(0)
            receiving.cancel()
            try:
                received += await receiving
            except asyncio.CancelledError:
                cancelled += 1
    assert received == numbers(0, count)
    assert cancelled


async def test_one_that_timed_out_loses_nothing(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        for message in numbered(60):
            session.go.wait(0.002)
            session.send(message)

    received: list[Any] = []
    async with connect(raw_peer(script).uri) as ws:
        while len(received) < 60:
            with contextlib.suppress(asyncio.TimeoutError):
                received += await asyncio.wait_for(ws.recv_many(), 0.002)
    assert received == numbers(0, 60)


async def test_one_cancelled_when_its_bell_has_rung_leaves_all_to_the_next(
    raw_peer: MakeRawPeer,
) -> None:
    """The callback that reads the socket wakes `first`'s task, which cancels the other at once."""
    peers = [raw_peer(sends_after_go(*numbered(3))) for _ in range(2)]
    first, second = [await connect(peer.uri) for peer in peers]
    tasks: list[asyncio.Task[list[Any]]] = []

    async def cancel_the_other(ws: ClientConnection, other: int) -> list[Any]:
        messages = await ws.recv_many()
        tasks[other].cancel()
        return list(messages)

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
        assert received == numbers(0, 3)
    await asyncio.gather(first.close(), second.close())


async def test_two_at_once_are_a_concurrency_error_whichever_they_are(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sends_after_go(*numbered(2)))
    async with connect(peer.uri) as ws:
        for parked, other in (
            (ws.recv_many, ws.recv),
            (ws.recv, ws.recv_many),
            (ws.recv_many, ws.recv_many),
        ):
            receiving = asyncio.ensure_future(parked())
            await asyncio.sleep(0.01)
            with pytest.raises(aiowebsocket.ConcurrencyError):
                await other()
            receiving.cancel()
            await asyncio.wait([receiving])
        peer.go.set()
        received = await ws.recv_many()
        while len(received) < 2:
            received += await ws.recv_many()
        assert received == ["0", "1"]


async def test_while_a_stream_is_half_read_it_is_a_concurrency_error(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("1", fin=False))
        session.wait_for_go()
        session.send(frames.continuation(b"2"), frames.text("3"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        stream = ws.recv_streaming()
        assert await stream.__anext__() == "1"
        with pytest.raises(aiowebsocket.ConcurrencyError):
            await ws.recv_many()
        peer.go.set()
        assert [part async for part in stream] == ["2"]
        assert await ws.recv_many() == ["3"]


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


async def test_compressed_plain_and_fragmented_messages_come_out_in_order(
    raw_peer: MakeRawPeer,
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
    async with connect(raw_peer(script).uri) as ws:
        while len(received) < 300:
            received += await asyncio.wait_for(ws.recv_many(), 5)
    assert received == [b"%d" % number for number in range(300)]


async def test_a_violation_comes_after_the_messages_before_it(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(*numbered(5), frames.frame(frames.TEXT, b"\xff"), frames.text("never")))
    async with connect(peer.uri) as ws:
        assert await ws.recv_many() == numbers(0, 5)
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv_many()
    assert raised.value.sent is not None
    assert raised.value.sent.code == 1007


async def test_a_flood_is_received_whole_and_leaves_others_their_turns(
    raw_peer: MakeRawPeer,
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

    async with connect(raw_peer(script).uri) as ws:
        turn()
        received = 0
        while received < count:
            batch = await ws.recv_many()
            received += len(batch)
            for message in batch:
                assert isinstance(message, bytes)
                checksum = zlib.crc32(message, checksum)
    whole = b"".join(number.to_bytes(4, "big") * 8 for number in range(count))
    assert checksum == zlib.crc32(whole)
    assert turns > 2


async def test_a_peer_that_is_gone_leaves_what_it_sent(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*numbered(100), frames.text("cut")[:3])
        session.close()

    peer: RawPeer = raw_peer(script)
    received: list[Any] = []
    async with connect(peer.uri) as ws:
        await peer.report()
        while len(received) < 100:
            received += await asyncio.wait_for(ws.recv_many(7), 5)
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await ws.recv_many(7)
    assert received == numbers(0, 100)
