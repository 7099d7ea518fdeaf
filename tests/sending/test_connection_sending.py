"""What `ClientConnection.send` puts on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import ClientConnection, connect
from peers import frames
from peers.frames import BINARY, CLOSE, CONTINUATION, TEXT, Frame
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer

pytestmark = pytest.mark.every("scheme")

Act = Callable[[ClientConnection], Awaitable[Any]]


async def sent_by(raw_peer: MakeRawPeer, act: Act) -> list[Frame]:
    """The frames that the peer got from `act`, without the Close of a good end."""
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        await act(ws)
    await peer.report()
    received = peer.sessions[0].frames
    assert (received[-1].opcode, received[-1].close_code) == (CLOSE, 1000)
    return received[:-1]


def shape(received: list[Frame]) -> list[tuple[int, bytes, bool]]:
    return [(frame.opcode, frame.payload, frame.fin) for frame in received]


@pytest.mark.parametrize(
    ("message", "opcode", "payload"),
    [
        ("", TEXT, b""),
        ("hello", TEXT, b"hello"),
        ("h\u00e9llo \u20ac \U0001f600", TEXT, "h\u00e9llo \u20ac \U0001f600".encode()),
        (b"", BINARY, b""),
        (b"hello", BINARY, b"hello"),
        (bytearray(b"hello"), BINARY, b"hello"),
        (memoryview(b"hello"), BINARY, b"hello"),
        (memoryview(b"abcdefgh").cast("I"), BINARY, b"abcdefgh"),
    ],
    ids=["empty str", "ascii", "unicode", "no bytes", "bytes", "bytearray", "memoryview", "words"],
)
async def test_str_goes_out_as_text_and_bytes_like_as_binary(
    raw_peer: MakeRawPeer, message: Any, opcode: int, payload: bytes
) -> None:
    received = await sent_by(raw_peer, lambda ws: ws.send(message))
    assert shape(received) == [(opcode, payload, True)]
    assert received[0].rsv == 0


@pytest.mark.parametrize("message", ["hello", b"hello"], ids=["str", "bytes"])
@pytest.mark.parametrize(("text", "opcode"), [(True, TEXT), (False, BINARY)])
async def test_text_true_and_false_decide_the_opcode(
    raw_peer: MakeRawPeer, message: str | bytes, text: bool, opcode: int
) -> None:
    received = await sent_by(raw_peer, lambda ws: ws.send(message, text=text))
    assert shape(received) == [(opcode, b"hello", True)]


@pytest.mark.parametrize(
    ("length", "length_field"),
    [(0, 0), (125, 0), (126, 126), (2**16 - 1, 126), (2**16, 127), (2**20 + 1, 127)],
)
async def test_lengths_are_written_in_their_minimal_form(
    raw_peer: MakeRawPeer, length: int, length_field: int
) -> None:
    message = bytes(index % 251 for index in range(length))
    (received,) = await sent_by(raw_peer, lambda ws: ws.send(message))
    assert received.length_field == length_field
    assert received.payload == message


async def test_every_frame_is_masked_with_a_fresh_key(raw_peer: MakeRawPeer) -> None:
    async def send_many(ws: ClientConnection) -> None:
        for _ in range(64):
            await ws.send("the same")

    keys = {frame.masking_key for frame in await sent_by(raw_peer, send_many)}
    assert len(keys) == 64
    assert None not in keys
    assert b"\0\0\0\0" not in keys


def pieces(*items: Any) -> Iterator[Any]:
    yield from items


async def async_pieces(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item


def joined(received: list[Frame]) -> bytes:
    return b"".join(frame.payload for frame in received)


@pytest.mark.parametrize("make", [pieces, async_pieces, lambda *items: list(items)])
@pytest.mark.parametrize(
    ("items", "opcode", "payloads"),
    [
        (("a", "\u20ac", "c"), TEXT, [b"a", "\u20ac".encode(), b"c"]),
        ((b"a", bytearray(b"b"), memoryview(b"c")), BINARY, [b"a", b"b", b"c"]),
        (("alone",), TEXT, [b"alone"]),
    ],
    ids=["str", "bytes", "one"],
)
async def test_the_items_of_an_iterable_are_the_fragments_of_one_message(
    raw_peer: MakeRawPeer, make: Any, items: Any, opcode: int, payloads: list[bytes]
) -> None:
    received = await sent_by(raw_peer, lambda ws: ws.send(make(*items)))
    assert [frame.payload for frame in received if frame.payload] == payloads
    assert received[0].opcode == opcode
    assert {frame.opcode for frame in received[1:]} <= {CONTINUATION}
    assert [frame.fin for frame in received] == [False] * (len(received) - 1) + [True]


@pytest.mark.parametrize("make", [pieces, async_pieces])
@pytest.mark.parametrize(("text", "opcode"), [(True, TEXT), (False, BINARY)])
async def test_text_decides_the_opcode_of_fragments_too(
    raw_peer: MakeRawPeer, make: Any, text: bool, opcode: int
) -> None:
    euro = "\u20ac".encode()
    received = await sent_by(raw_peer, lambda ws: ws.send(make(euro[:1], euro[1:]), text=text))
    assert received[0].opcode == opcode
    assert joined(received) == euro


@pytest.mark.parametrize("make", [pieces, async_pieces])
async def test_an_empty_iterable_sends_nothing(raw_peer: MakeRawPeer, make: Any) -> None:
    assert await sent_by(raw_peer, lambda ws: ws.send(make())) == []


@pytest.mark.parametrize(
    "message", [None, 1, 1.5, object(), {"a": 1}], ids=["None", "int", "float", "object", "dict"]
)
async def test_what_is_no_message_is_a_type_error_and_harms_nothing(
    raw_peer: MakeRawPeer, message: Any
) -> None:
    async def send_wrongly(ws: ClientConnection) -> None:
        with pytest.raises(TypeError):
            await ws.send(message)
        await ws.send("still open")

    assert shape(await sent_by(raw_peer, send_wrongly)) == [(TEXT, b"still open", True)]


async def test_a_str_that_utf_8_cannot_encode_is_an_error_and_harms_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    async def send_surrogate(ws: ClientConnection) -> None:
        with pytest.raises(UnicodeEncodeError):
            await ws.send("\ud800")
        await ws.send("still open")

    assert shape(await sent_by(raw_peer, send_surrogate)) == [(TEXT, b"still open", True)]


@pytest.mark.parametrize("make", [pieces, async_pieces])
@pytest.mark.parametrize("items", [("a", b"b"), (b"a", "b"), ("a", None)], ids=str)
async def test_fragments_of_different_types_are_a_type_error_and_close_with_1011(
    raw_peer: MakeRawPeer, make: Any, items: Any
) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    with pytest.raises((TypeError, aiowebsocket.ConnectionClosedError)) as raised:
        await ws.send(make(*items))
    chain = raised.value, raised.value.__context__, raised.value.__cause__
    assert any(isinstance(error, TypeError) for error in chain)
    await ws.close()
    await peer.report()
    assert peer.sessions[0].frames[-1].close_code == 1011


@pytest.mark.parametrize("make", [pieces, async_pieces])
@pytest.mark.parametrize("first", [None, 1, object()], ids=["None", "int", "object"])
async def test_a_first_fragment_of_a_wrong_type_is_a_type_error(
    raw_peer: MakeRawPeer, make: Any, first: Any
) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    with pytest.raises((TypeError, aiowebsocket.ConnectionClosedError)) as raised:
        await ws.send(make(first))
    assert isinstance(raised.value, TypeError) or isinstance(raised.value.__context__, TypeError)
    await ws.close()
    await peer.report()
    assert all(frame.opcode == CLOSE for frame in peer.sessions[0].frames)


async def test_an_async_iterable_that_fails_halfway_closes_with_1011(
    raw_peer: MakeRawPeer,
) -> None:
    async def failing() -> AsyncIterator[str]:
        yield "half"
        raise ZeroDivisionError

    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    with pytest.raises((ZeroDivisionError, aiowebsocket.ConnectionClosedError)) as raised:
        await ws.send(failing())
    chain = raised.value, raised.value.__context__, raised.value.__cause__
    assert any(isinstance(error, ZeroDivisionError) for error in chain)
    await peer.report()
    assert shape(peer.sessions[0].frames[:1]) == [(TEXT, b"half", False)]
    assert peer.sessions[0].frames[-1].close_code == 1011


async def test_another_send_waits_until_a_fragmented_message_is_whole(
    raw_peer: MakeRawPeer,
) -> None:
    gate = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        yield "one "
        await gate.wait()
        yield "message"

    async def interleave(ws: ClientConnection) -> None:
        sending = asyncio.ensure_future(ws.send(slow()))
        await asyncio.sleep(0.02)
        other = asyncio.ensure_future(ws.send("other"))
        await asyncio.sleep(0.02)
        assert not other.done()
        await ws.pong(b"control frames pass")
        gate.set()
        await asyncio.gather(sending, other)

    received = await sent_by(raw_peer, interleave)
    data = [frame for frame in received if frame.opcode != frames.PONG]
    assert joined(data) == b"one messageother"
    assert shape(data)[-1] == (TEXT, b"other", True)
    assert [frame.payload for frame in received[:2]] == [b"one ", b"control frames pass"]


async def test_sends_from_many_tasks_arrive_whole_and_in_the_order_of_their_start(
    raw_peer: MakeRawPeer,
) -> None:
    messages = [str(number) * (number * 37 % 300) for number in range(100)]
    received = await sent_by(
        raw_peer, lambda ws: asyncio.gather(*(ws.send(message) for message in messages))
    )
    assert [frame.payload.decode() for frame in received] == messages


async def test_a_bytearray_may_change_once_send_has_returned(raw_peer: MakeRawPeer) -> None:
    async def reuse(ws: ClientConnection) -> None:
        buffer = bytearray(b"before")
        await ws.send(buffer)
        buffer[:] = b"after!"
        buffer.extend(b"and longer")
        await ws.send(buffer)

    received = await sent_by(raw_peer, reuse)
    assert [frame.payload for frame in received] == [b"before", b"after!and longer"]


async def test_send_does_nothing_until_it_is_awaited(raw_peer: MakeRawPeer) -> None:
    async def prepare(ws: ClientConnection) -> None:
        later = ws.send("later")
        await ws.send("now")
        await later

    received = await sent_by(raw_peer, prepare)
    assert [frame.payload for frame in received] == [b"now", b"later"]


async def test_send_after_close_raises_and_sends_nothing(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    await ws.close(1000, "bye")
    for message in ("text", b"bytes", ["a", "b"]):
        with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
            await ws.send(message)
        assert raised.value.sent == aiowebsocket.Close(1000, "bye")
    await peer.report()
    assert [frame.opcode for frame in peer.sessions[0].frames] == [CLOSE]
