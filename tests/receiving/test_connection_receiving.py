"""What `recv`, `recv_streaming` and `async for` hand out, and that nothing is ever lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import ClientConnection, connect
from peers import frames
from peers.scripts import sends

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from conftest import MakeRawPeer
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme")

EURO = "\u20ac"


async def collect(source: AsyncIterable[Any], seen: list[Any]) -> None:
    """Keep what was seen, also where the source then raises."""
    async for item in source:
        seen.append(item)  # noqa: PERF401


@pytest.mark.parametrize("decode", [None, True, False])
async def test_text_is_str_and_binary_is_bytes_unless_decode_says_otherwise(
    raw_peer: MakeRawPeer, decode: bool | None
) -> None:
    peer = raw_peer(sends(frames.text(EURO), frames.binary(EURO.encode())))
    async with connect(peer.uri) as ws:
        received = [await ws.recv(decode), await ws.recv(decode=decode)]
    if decode is None:
        assert received == [EURO, EURO.encode()]
    else:
        assert received == [EURO if decode else EURO.encode()] * 2


async def test_received_messages_are_exactly_str_and_bytes(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(frames.text("a"), frames.binary(b"a"), frames.binary(b"b" * 2**16)))
    async with connect(peer.uri) as ws:
        types = [type(await ws.recv()) for _ in range(3)]
    assert types == [str, bytes, bytes]


async def test_empty_messages_are_messages(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(frames.text(""), frames.binary(b""), frames.text("end")))
    async with connect(peer.uri) as ws:
        assert [await ws.recv() for _ in range(3)] == ["", b"", "end"]


async def test_fragments_become_one_message(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        first, *others = (bytes([byte]) for byte in EURO.encode())
        session.send(frames.frame(frames.TEXT, first, fin=False))
        for piece in others:
            session.send(frames.continuation(piece, fin=False))
        session.send(frames.continuation(b"", fin=False), frames.continuation(b"!"))
        session.send(frames.binary(b"", fin=False), frames.continuation(b""))

    async with connect(raw_peer(script).uri) as ws:
        assert await ws.recv() == EURO + "!"
        assert await ws.recv() == b""


async def test_control_frames_between_fragments_change_nothing(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> bytes:
        session.open()
        session.send(frames.text("a", fin=False), frames.ping(b"between"), frames.pong(b"?"))
        answer = session.receive()
        session.send(frames.continuation(b"b"))
        return answer.payload

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        assert await ws.recv() == "ab"
    assert await peer.report() == b"between"


async def test_frames_cut_at_every_byte_are_the_same_messages(raw_peer: MakeRawPeer) -> None:
    stream = (
        frames.text(EURO * 50)
        + frames.binary(bytes(200), fin=False)
        + frames.ping(b"p")
        + frames.continuation(b"end")
    )

    def script(session: Session) -> None:
        session.open()
        for byte in stream:
            session.send(bytes([byte]))

    async with connect(raw_peer(script).uri) as ws:
        assert await ws.recv() == EURO * 50
        assert await ws.recv() == bytes(200) + b"end"


async def test_many_frames_in_one_segment_come_out_in_order(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(*(frames.text(str(number)) for number in range(1000))))
    async with connect(peer.uri) as ws:
        assert [await ws.recv() for _ in range(1000)] == [str(number) for number in range(1000)]


async def test_decode_true_on_binary_that_is_not_utf_8_closes_with_1007(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sends(frames.binary(b"\xff")))
    async with connect(peer.uri) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv(decode=True)
    assert raised.value.sent is not None
    assert raised.value.sent.code == 1007
    assert isinstance(raised.value.__cause__, UnicodeDecodeError)


async def test_async_for_yields_messages_and_ends_with_a_good_close(raw_peer: MakeRawPeer) -> None:
    for code in (1000, 1001, None):

        def script(session: Session, code: int | None = code) -> None:
            session.open()
            session.send(frames.text("a"), frames.binary(b"b"))
            session.send_close(code)

        async with connect(raw_peer(script).uri) as ws:
            assert [message async for message in ws] == ["a", b"b"]


async def test_async_for_raises_after_the_messages_when_the_end_is_bad(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("a"))
        session.send_close(1011, "oops")

    seen: list[Any] = []
    async with connect(raw_peer(script).uri) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await collect(ws, seen)
    assert seen == ["a"]


@pytest.mark.parametrize("decode", [None, True, False])
async def test_recv_streaming_yields_parts_as_they_come(
    raw_peer: MakeRawPeer, decode: bool | None
) -> None:
    """No part of text ends within a code point, wherever the fragments were cut."""
    euro = EURO.encode()

    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("1", fin=False))
        session.wait_for_go()
        session.send(frames.continuation(euro[:2], fin=False))
        session.send(frames.continuation(euro[2:], fin=False), frames.continuation(b"2"))
        session.send(frames.text("next"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        parts: list[Any] = []
        async for part in ws.recv_streaming(decode):
            parts.append(part)
            peer.go.set()
        if decode is False:
            assert (parts[0], b"".join(parts)) == (b"1", b"1" + euro + b"2")
        else:
            assert (parts[0], "".join(parts)) == ("1", f"1{EURO}2")
        assert await ws.recv() == "next"


async def test_recv_streaming_of_a_whole_message_yields_it(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends(frames.text("whole"), frames.binary(b"bytes"), frames.text("next")))
    async with connect(peer.uri) as ws:
        assert [piece async for piece in ws.recv_streaming()] == ["whole"]
        assert [piece async for piece in ws.recv_streaming()] == [b"bytes"]
        assert await ws.recv() == "next"


async def test_recv_streaming_raises_when_the_connection_ends_in_the_message(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("1", fin=False))
        session.send_close(1001)

    pieces: list[Any] = []
    async with connect(raw_peer(script).uri) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosed):
            await collect(ws.recv_streaming(), pieces)
    assert pieces == ["1"]


async def test_two_receivers_at_once_are_a_concurrency_error(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("for the first"), frames.text("for the next"))

    async def stream(ws: ClientConnection) -> list[str | bytes]:
        return [piece async for piece in ws.recv_streaming()]

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        first = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.02)
        with pytest.raises(aiowebsocket.ConcurrencyError, match="recv"):
            await ws.recv()
        with pytest.raises(aiowebsocket.ConcurrencyError, match="recv"):
            await stream(ws)
        assert not first.done()
        peer.go.set()
        assert await first == "for the first"
        assert await ws.recv() == "for the next"


async def test_a_cancelled_recv_loses_nothing_whenever_it_is_cancelled(
    raw_peer: MakeRawPeer,
) -> None:
    count = 300

    def script(session: Session) -> None:
        session.open()
        for number in range(count):
            message = frames.text(f"{number}:", fin=False) + frames.continuation(b"x" * 200)
            cut = number % len(message)
            session.send(message[:cut])
            session.send(message[cut:])

    generator = random.Random(1)
    received: list[str | bytes] = []
    cancelled = 0
    async with connect(raw_peer(script).uri) as ws:
        while len(received) < count:
            receiving = asyncio.ensure_future(ws.recv())
            for _ in range(generator.randrange(4)):
                await asyncio.sleep(0)
            receiving.cancel()
            try:
                received.append(await receiving)
            except asyncio.CancelledError:
                cancelled += 1
    assert received == [f"{number}:" + "x" * 200 for number in range(count)]
    assert cancelled


async def test_a_recv_that_timed_out_loses_nothing(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        for number in range(40):
            session.go.wait(0.003)
            session.send(frames.text(str(number)))

    received: list[str | bytes] = []
    async with connect(raw_peer(script).uri) as ws:
        while len(received) < 40:
            with contextlib.suppress(asyncio.TimeoutError):
                received.append(await asyncio.wait_for(ws.recv(), 0.003))
    assert received == [str(number) for number in range(40)]


async def test_a_recv_cancelled_in_the_moment_its_message_arrives_loses_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("kept"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.02)
        peer.go.set()
        await peer_has_sent()
        receiving.cancel()
        try:
            message = await receiving
        except asyncio.CancelledError:
            message = await asyncio.wait_for(ws.recv(), 5)
        assert message == "kept"


async def peer_has_sent() -> None:
    """Hold up the loop so long that the message lies in the socket when the cancellation comes."""
    time_to_send = asyncio.get_running_loop().time() + 0.05
    while asyncio.get_running_loop().time() < time_to_send:
        pass


async def test_a_cancelled_stream_before_its_first_fragment_loses_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("kept"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ws.recv_streaming().__anext__(), 0.02)
        peer.go.set()
        assert await ws.recv() == "kept"


async def test_messages_that_arrived_before_the_end_come_out_before_the_error(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*(frames.text(str(number)) for number in range(10)))
        session.send_close(1000, "that is all")

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        await peer.report()
        assert [await ws.recv() for _ in range(10)] == [str(number) for number in range(10)]
        with pytest.raises(aiowebsocket.ConnectionClosedOK) as raised:
            await ws.recv()
    assert raised.value.rcvd == aiowebsocket.Close(1000, "that is all")


async def test_messages_come_out_before_the_error_of_a_peer_that_broke_off(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("whole"), frames.text("cut")[:3])
        session.close()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        await peer.report()
        assert await ws.recv() == "whole"
        for _ in range(2):
            with pytest.raises(aiowebsocket.ConnectionClosedError):
                await ws.recv()


async def test_text_is_the_same_whether_all_of_it_is_ascii_or_not(raw_peer: MakeRawPeer) -> None:
    ascii_only = ["", "a", "\0", "\x7f", *("~" * length for length in (2, 7, 8, 9, 31, 33, 1000))]
    others = [
        f"{text[:position]}{other}{text[position:]}"
        for text in ascii_only
        for position in {0, len(text) // 2, len(text)}
        for other in ("\x80", "\xff", "€", "😀")
    ]
    texts = ascii_only + others

    def script(session: Session) -> None:
        session.open()
        session.send(*map(frames.text, texts))

    async with connect(raw_peer(script).uri) as ws:
        for text in texts:
            received = await ws.recv()
            assert type(received) is str
            assert (received, hash(received)) == (text, hash(text))
            assert (received.isascii(), received.encode()) == (text.isascii(), text.encode())
