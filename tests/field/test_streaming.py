"""`recv_streaming` gives the peer's fragments one by one, as an answer that is streamed was sent,
however the network put them together.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import ClientConnection, connect
from blocking import until
from peers import deflate, frames
from peers.frames import BINARY, CONTINUATION, TEXT, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conftest import MakeRawPeer
    from peers.raw import Session

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
EURO = "\u20ac"


def fragmented(opcode: int, pieces: Sequence[bytes], rsv: int = 0) -> list[bytes]:
    """One message, a frame for each piece."""
    last = len(pieces) - 1
    return [
        frame(CONTINUATION if n else opcode, piece, fin=n == last, rsv=0 if n else rsv)
        for n, piece in enumerate(pieces)
    ]


def compressed(opcode: int, pieces: Sequence[bytes]) -> list[bytes]:
    """The same, compressed: the sender flushes after each fragment."""
    stream = deflate.compressor()
    flushed = [stream.compress(piece) + stream.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    flushed[-1] = flushed[-1].removesuffix(deflate.TAIL)
    return fragmented(opcode, flushed, deflate.RSV1)


def sends_together(*pieces: bytes) -> Callable[[Session], None]:
    """All in one segment, behind an agreement to compress."""

    def script(session: Session) -> None:
        session.open(DEFLATE)
        session.send(*pieces)

    return script


async def streamed(ws: ClientConnection) -> list[Any]:
    return [part async for part in ws.recv_streaming()]


async def queued(ws: ClientConnection, count: int) -> None:
    await asyncio.wait_for(until(lambda: ws.stats.queued_messages == count), 10)


@pytest.mark.parametrize("make", [fragmented, compressed])
async def test_fragments_of_one_segment_come_one_by_one(
    raw_peer: MakeRawPeer, make: Callable[..., list[bytes]]
) -> None:
    text, binary = [b"one", b"two ", b"three"], [b"\0", b"\1" * 200, b"\2" * 20_000]
    peer = raw_peer(sends_together(*make(TEXT, text), *make(BINARY, binary), frames.text("next")))
    async with connect(peer.uri) as ws:
        await queued(ws, 3)
        assert await streamed(ws) == ["one", "two ", "three"]
        assert await streamed(ws) == binary
        assert ws.stats.queued_messages == 1
        assert ws.stats.queued_bytes == 32 + 4
        assert await ws.recv() == "next"


@pytest.mark.parametrize("make", [fragmented, compressed])
async def test_fragments_that_come_apart_come_one_by_one(
    raw_peer: MakeRawPeer, make: Callable[..., list[bytes]]
) -> None:
    words = [str(number) for number in range(20)]

    def script(session: Session) -> None:
        session.open(DEFLATE)
        for fragment in make(TEXT, [word.encode() for word in words]):
            session.send(fragment)
            session.wait_for_go()
            session.go.clear()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        parts = []
        async for part in ws.recv_streaming():
            parts.append(part)
            peer.go.set()
        assert parts == words


@pytest.mark.parametrize("make", [fragmented, compressed])
async def test_a_code_point_over_two_fragments_comes_with_the_second(
    raw_peer: MakeRawPeer, make: Callable[..., list[bytes]]
) -> None:
    first, middle, last = (bytes([byte]) for byte in EURO.encode())
    pieces = [b"a" + first, middle, last + b"b", b"c" + first + middle, last]
    peer = raw_peer(sends_together(*make(TEXT, pieces), *make(BINARY, pieces)))
    async with connect(peer.uri) as ws:
        await queued(ws, 2)
        assert await streamed(ws) == ["a", f"{EURO}b", "c", EURO]
        assert await streamed(ws) == pieces


async def test_empty_fragments_give_no_part_and_an_empty_message_one(
    raw_peer: MakeRawPeer,
) -> None:
    pieces = [b"", b"a", b"", b"b", b""]
    peer = raw_peer(
        sends_together(*fragmented(TEXT, pieces), *fragmented(TEXT, [b"", b""]), frames.binary(b""))
    )
    async with connect(peer.uri) as ws:
        await queued(ws, 3)
        assert [await streamed(ws) for _ in range(3)] == [["a", "b"], [""], [b""]]


async def test_a_part_of_a_fragment_comes_before_its_end(raw_peer: MakeRawPeer) -> None:
    second = b"x" * 1000

    def script(session: Session) -> None:
        session.open()
        cut = frames.continuation(second)
        session.send(frames.binary(b"first", fin=False), cut[:-400])
        session.wait_for_go()
        session.send(cut[-400:])

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        parts = ws.recv_streaming()
        assert [await anext(parts), await anext(parts)] == [b"first", second[:600]]
        peer.go.set()
        assert [part async for part in parts] == [second[:400]]


async def test_who_takes_the_message_whole_gets_it_whole(raw_peer: MakeRawPeer) -> None:
    wire = [*fragmented(TEXT, [b"a", b"b"]), *fragmented(BINARY, [b"c"] * 1000)]
    peer = raw_peer(sends_together(*wire, *fragmented(TEXT, [b"d", b"e"])))
    async with connect(peer.uri) as ws:
        await queued(ws, 3)
        assert await ws.recv_many(2) == ["ab", b"c" * 1000]
        assert await streamed(ws) == ["d", "e"]
        assert ws.stats.queued_bytes == 0


async def test_what_is_streamed_while_others_are_dropped_is_whole(raw_peer: MakeRawPeer) -> None:
    """The message that is taken in parts stays, and its fragments stay its own."""

    def script(session: Session) -> None:
        session.open()
        session.send(*fragmented(TEXT, [b"a", b"b", b"c"]))
        session.wait_for_go()
        session.send(*(piece for n in range(100) for piece in fragmented(TEXT, [b"x", b"%d" % n])))

    peer = raw_peer(script)
    async with connect(peer.uri, max_buffered=200, overflow="drop_oldest") as ws:
        await queued(ws, 1)
        parts = ws.recv_streaming()
        assert await anext(parts) == "a"
        peer.go.set()
        await asyncio.wait_for(until(lambda: ws.stats.dropped_messages > 0), 10)
        assert [part async for part in parts] == ["b", "c"]
        assert (await streamed(ws))[0] == "x"


async def test_any_fragments_are_the_message(raw_peer: MakeRawPeer) -> None:
    generator = random.Random(7)
    text = "".join(generator.choice("ab\u00e9\u20ac\U0001f600") for _ in range(5000)).encode()
    cuts = sorted(generator.sample(range(len(text)), 700))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    peer = raw_peer(sends_together(*fragmented(TEXT, pieces), *compressed(TEXT, pieces)))
    async with connect(peer.uri) as ws:
        for _ in range(2):
            parts = await streamed(ws)
            assert "".join(parts) == text.decode()
            assert all(parts)
