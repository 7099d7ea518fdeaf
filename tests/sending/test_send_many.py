"""`send_many` of both faces: the same frames as single sends, in one system call."""

from __future__ import annotations

import array
import asyncio
import itertools
import logging
import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, ClientConnection, connect
from peers import deflate, frames, segments
from peers.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame
from peers.raw import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from conftest import MakeRawPeer

pytestmark = pytest.mark.every("scheme")

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
MIXED: list[Any] = [
    "",
    "text",
    b"bytes",
    bytearray(b"array"),
    memoryview(b"view"),
    "\u20ac" * 100,
    b"\xff" * 70000,
]


async def sent_by(raw_peer: MakeRawPeer, act: Callable[[Any], Awaitable[Any]]) -> list[Frame]:
    """The frames that the peer got from `act`, without the Close of a good end."""
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        await act(ws)
    await peer.report()
    received = peer.sessions[0].frames
    assert (received[-1].opcode, received[-1].close_code) == (CLOSE, 1000)
    return received[:-1]


def shape(received: list[Frame]) -> list[tuple[int, bytes, bool, int]]:
    return [(frame.opcode, frame.payload, frame.fin, frame.rsv) for frame in received]


async def test_the_frames_are_those_of_single_sends_each_with_a_fresh_key(
    raw_peer: MakeRawPeer,
) -> None:
    async def one_by_one(ws: ClientConnection) -> None:
        for message in MIXED:
            await ws.send(message)

    singles = await sent_by(raw_peer, one_by_one)
    together = await sent_by(raw_peer, lambda ws: ws.send_many(MIXED))
    assert shape(together) == shape(singles)
    assert [frame.length_field for frame in together] == [f.length_field for f in singles]
    assert len({frame.masking_key for frame in together}) == len(MIXED)
    assert None not in {frame.masking_key for frame in together}


async def test_converse_chooses_the_kind_of_each_as_its_send_does(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri) as aws:
        for message in MIXED:
            await aws.manipulator.send(message)
        await aws.manipulator.send_many(MIXED)
        await aws.manipulator.send_many(MIXED, text=False)
    await peer.report()
    received = peer.sessions[0].frames[:-1]
    count = len(MIXED)
    assert shape(received[count : 2 * count]) == shape(received[:count])
    assert {frame.opcode for frame in received[2 * count :]} == {BINARY}
    assert [f.payload for f in received[2 * count :]] == [f.payload for f in received[:count]]


@pytest.mark.parametrize(("text", "opcode"), [(True, TEXT), (False, BINARY)])
async def test_text_decides_the_opcode_of_all(
    raw_peer: MakeRawPeer, text: bool, opcode: int
) -> None:
    received = await sent_by(raw_peer, lambda ws: ws.send_many(["a", b"b"], text=text))
    assert shape(received) == [(opcode, b"a", True, 0), (opcode, b"b", True, 0)]


@pytest.mark.skipif(not segments.COUNTED, reason="only Linux counts segments for us")
async def test_a_batch_leaves_in_one_write_and_single_sends_in_many(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> list[int]:
        request = session.read_request()
        counts = [segments.received(session.stream)]
        session.send(session.response(request))
        for _ in range(2):
            for _ in range(50):
                session.receive()
            counts.append(segments.received(session.stream))
            session.send(frames.text("next"))
        return [after - before for before, after in itertools.pairwise(counts)]

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        await ws.send_many(f"message {number}" for number in range(50))
        await ws.recv()
        for number in range(50):
            await ws.send(f"message {number}")
        await ws.recv()
    together, singly = await peer.report()
    assert together <= segments.OF_ONE_WRITE < singly


async def test_a_batch_costs_the_loop_nothing_when_the_network_takes_it(
    raw_peer: MakeRawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.SelectorEventLoop):
        pytest.skip("uvloop's methods cannot be watched")
    async with connect(raw_peer(Session.open).uri) as ws:
        calls: list[Any] = []
        call_soon = loop.call_soon

        def watched(callback: Any, *arguments: Any, **options: Any) -> Any:
            calls.append(callback)
            return call_soon(callback, *arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(loop, "call_soon", watched)
            await ws.send_many(["a", "b"])
        assert calls == []


async def test_the_order_holds_among_single_sends_and_pings(raw_peer: MakeRawPeer) -> None:
    async def act(ws: ClientConnection) -> None:
        await ws.send("1")
        await ws.send_many(["2", "3"])
        await ws.ping(b"4")
        await ws.send_many(["5"])
        await ws.pong(b"6")
        await asyncio.gather(ws.send("7"), ws.send_many(["8", "9"]), ws.send("10"))

    received = await sent_by(raw_peer, act)
    assert [frame.payload for frame in received] == [b"%d" % n for n in range(1, 11)]
    assert (received[3].opcode, received[5].opcode) == (PING, PONG)


@pytest.mark.parametrize(
    "make", [iter, tuple, lambda items: (item for item in items), dict.fromkeys]
)
async def test_any_iterable_will_do(raw_peer: MakeRawPeer, make: Any) -> None:
    received = await sent_by(raw_peer, lambda ws: ws.send_many(make(["a", b"b", "c"])))
    assert [frame.payload for frame in received] == [b"a", b"b", b"c"]


async def test_an_empty_iterable_sends_nothing(raw_peer: MakeRawPeer) -> None:
    assert await sent_by(raw_peer, lambda ws: ws.send_many([])) == []


@pytest.mark.parametrize(
    "messages",
    ["text", b"bytes", bytearray(b"x"), memoryview(b"x"), array.array("b", [1]), None, 1, object()],
    ids=lambda value: type(value).__name__,
)
async def test_one_message_and_what_is_no_iterable_are_a_type_error(
    raw_peer: MakeRawPeer, messages: Any
) -> None:
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri) as aws:
        with pytest.raises(TypeError):
            await aws.manipulator.send_many(messages)

    async def act(ws: ClientConnection) -> None:
        with pytest.raises(TypeError):
            await ws.send_many(messages)
        await ws.send("still open")

    assert [frame.payload for frame in await sent_by(raw_peer, act)] == [b"still open"]


async def test_an_async_iterable_is_a_type_error(raw_peer: MakeRawPeer) -> None:
    async def items() -> AsyncIterator[str]:
        yield "a"

    async def act(ws: ClientConnection) -> None:
        with pytest.raises(TypeError):
            await ws.send_many(items())  # type: ignore[arg-type]

    assert await sent_by(raw_peer, act) == []


@pytest.mark.parametrize(
    ("bad", "text", "error"),
    [
        (None, None, TypeError),
        (1, None, TypeError),
        (["a"], None, TypeError),
        ("\ud800", None, UnicodeEncodeError),
        ("\ud800", False, UnicodeEncodeError),
        (b"\xff", True, UnicodeDecodeError),
        (bytearray(b"\xff"), True, UnicodeDecodeError),
    ],
    ids=repr,
)
async def test_one_bad_item_means_that_none_was_sent(
    raw_peer: MakeRawPeer, bad: Any, text: bool | None, error: type[Exception]
) -> None:
    async def act(ws: ClientConnection) -> None:
        with pytest.raises(error):
            await ws.send_many(["good", bad, "good"], text=text)
        await ws.send("still open")

    assert [frame.payload for frame in await sent_by(raw_peer, act)] == [b"still open"]


async def test_an_iterable_that_fails_raises_its_error_and_sends_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    def failing() -> Iterator[str]:
        yield "good"
        raise ZeroDivisionError

    async def act(ws: ClientConnection) -> None:
        with pytest.raises(ZeroDivisionError):
            await ws.send_many(failing())
        await ws.send("still open")

    assert [frame.payload for frame in await sent_by(raw_peer, act)] == [b"still open"]


async def test_a_buffer_that_is_filled_anew_for_each_message_is_sent_as_it_was(
    raw_peer: MakeRawPeer,
) -> None:
    def refilled() -> Iterator[memoryview]:
        buffer = bytearray(4)
        for number in range(10):
            buffer[:] = number.to_bytes(4, "big")
            yield memoryview(buffer)

    received = await sent_by(raw_peer, lambda ws: ws.send_many(refilled()))
    assert [frame.payload for frame in received] == [n.to_bytes(4, "big") for n in range(10)]


async def test_what_changes_between_the_call_and_the_await_changes_no_message(
    raw_peer: MakeRawPeer,
) -> None:
    async def act(ws: ClientConnection) -> None:
        buffer, messages = bytearray(b"as it was"), ["a"]
        messages.append(buffer)  # type: ignore[arg-type]
        later = ws.send_many(messages, text=True)
        buffer[0] = 0xFF
        messages.append("too late")
        await later

    assert [frame.payload for frame in await sent_by(raw_peer, act)] == [b"a", b"as it was"]


async def test_nothing_is_sent_before_it_is_awaited(raw_peer: MakeRawPeer) -> None:
    async def act(ws: ClientConnection) -> None:
        later = ws.send_many(["later"])
        await ws.send("now")
        await asyncio.sleep(0.01)
        await later

    assert [frame.payload for frame in await sent_by(raw_peer, act)] == [b"now", b"later"]


MEGABYTE = 2**20


def reads_after_go(session: Session) -> None:
    session.open()
    session.wait_for_go()


async def test_more_than_the_network_takes_waits_and_arrives_whole_with_bounded_memory(
    raw_peer: MakeRawPeer,
) -> None:
    count = 64
    message = bytes(MEGABYTE)
    peer = raw_peer(reads_after_go)
    async with connect(peer.uri) as ws:
        before = resident_bytes()
        sending = asyncio.ensure_future(ws.send_many([message] * count))
        await asyncio.wait([sending], timeout=0.2)
        assert not sending.done()
        assert resident_bytes() - before < 24 * MEGABYTE
        await ws.ping()
        peer.go.set()
        await asyncio.wait_for(sending, 15)
        await ws.send("end")
    await peer.report()
    received = [frame for frame in peer.sessions[0].frames if frame.opcode != PING]
    assert [len(frame.payload) for frame in received[:count]] == [MEGABYTE] * count
    assert received[count].payload == b"end"


def resident_bytes() -> int:
    """This process's memory; the peer, which does not read, is a thread of it."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


async def test_one_cancelled_in_the_middle_leaves_its_first_messages_whole(
    raw_peer: MakeRawPeer,
) -> None:
    messages = [struct.pack("!I", number) * (MEGABYTE // 4) for number in range(40)]
    peer = raw_peer(reads_after_go)
    async with connect(peer.uri) as ws:
        sending = asyncio.ensure_future(ws.send_many(messages))
        await asyncio.wait([sending], timeout=0.1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        peer.go.set()
        await asyncio.wait_for(ws.send("after"), 10)
    await peer.report()
    *sent, after = [frame.payload for frame in peer.sessions[0].frames[:-1]]
    assert after == b"after"
    assert sent == messages[: len(sent)]
    assert 0 < len(sent) < len(messages)


async def test_batches_and_sends_that_wait_for_room_lose_and_reorder_nothing_of_their_own(
    raw_peer: MakeRawPeer,
) -> None:
    def payload(sender: int, number: int) -> bytes:
        return struct.pack("!II", sender, number) * 40_000

    peer = raw_peer(reads_after_go)
    async with connect(peer.uri) as ws:

        async def one_by_one(sender: int) -> None:
            for number in range(12):
                await ws.send(payload(sender, number))

        tasks = [
            asyncio.ensure_future(ws.send_many([payload(sender, n) for n in range(12)]))
            for sender in range(3)
        ]
        tasks += [asyncio.ensure_future(one_by_one(sender)) for sender in range(3, 6)]
        await asyncio.sleep(0.05)
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 15)
    await peer.report()
    received = [frame.payload for frame in peer.sessions[0].frames[:-1]]
    for sender in range(6):
        own = [data for data in received if data[:4] == struct.pack("!I", sender)]
        assert own == [payload(sender, number) for number in range(12)]


async def test_a_batch_waits_until_a_fragmented_message_is_whole(raw_peer: MakeRawPeer) -> None:
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        yield "one "
        await gate.wait()
        yield "message"

    async def act(ws: ClientConnection) -> None:
        sending = asyncio.ensure_future(ws.send(slow()))
        await asyncio.sleep(0.02)
        batch = asyncio.ensure_future(ws.send_many(["a", "b"]))
        await asyncio.sleep(0.02)
        assert not batch.done()
        gate.set()
        await asyncio.gather(sending, batch)

    received = await sent_by(raw_peer, act)
    assert b"".join(frame.payload for frame in received) == b"one messageab"
    assert [frame.opcode for frame in received[-2:]] == [TEXT, TEXT]
    assert {frame.opcode for frame in received[1:-2]} == {CONTINUATION}


async def test_a_batch_is_compressed_as_single_sends_are(raw_peer: MakeRawPeer) -> None:
    messages = [b"again and again " * 20, b"short", b"again and again " * 3000]

    def script(session: Session) -> None:
        session.open(DEFLATE)

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        for message in messages:
            await ws.send(message)
        await ws.send_many(messages)
        await ws.send_many(messages, compress=False)
        await ws.send_many([messages[0], messages[2]], compress=True)
    await peer.report()
    received = peer.sessions[0].frames[:-1]
    flags = [bool(frame.rsv) for frame in received]
    assert flags == [True, False, True] * 2 + [False] * 3 + [True] * 2
    stream = zlib.decompressobj(-15)
    payloads = [
        stream.decompress(frame.payload + deflate.TAIL) if frame.rsv else frame.payload
        for frame in received
    ]
    assert payloads == [*messages * 3, messages[0], messages[2]]


async def test_after_close_it_raises_and_sends_nothing(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    await ws.close(1000, "bye")
    with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
        await ws.send_many(["a", "b"])
    assert raised.value.sent == aiowebsocket.Close(1000, "bye")
    await peer.report()
    assert [frame.opcode for frame in peer.sessions[0].frames] == [CLOSE]


async def test_one_that_waits_raises_when_the_connection_breaks(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.reset()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        sending = asyncio.ensure_future(ws.send_many([bytes(MEGABYTE)] * 40))
        await asyncio.wait([sending], timeout=0.1)
        assert not sending.done()
        peer.go.set()
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await asyncio.wait_for(sending, 5)


async def test_on_a_dead_connection_converse_drops_a_batch_with_one_warning(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close(1000)

    caplog.set_level(logging.WARNING)
    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        await peer.report()
        await asyncio.sleep(0.05)
        for _ in range(2):
            await converse.send_many(["dropped", "dropped too"])
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        with pytest.raises(ConnectionError):
            await converse.receive()
        with pytest.raises(ConnectionError):
            await converse.send_many(["refused"])


async def test_a_batch_that_converse_drops_waits_for_nothing(raw_peer: MakeRawPeer) -> None:
    """The peer has said Close, but has not read what was sent before: the output is still full."""
    full, seen = threading.Event(), threading.Event()

    def script(session: Session) -> None:
        session.open()
        assert full.wait(10)
        session.send_close(1000)
        assert seen.wait(10)

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        parked = asyncio.ensure_future(converse.send(bytes(64 * MEGABYTE)))
        await asyncio.wait([parked], timeout=0.1)
        assert not parked.done()
        full.set()
        while aws.state == 1:  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.01)
        try:
            await asyncio.wait_for(converse.send("dropped"), 2)
            await asyncio.wait_for(converse.send_many(["dropped", "too"]), 2)
        finally:
            seen.set()
        await asyncio.wait_for(parked, 10)
