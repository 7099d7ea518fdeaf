"""permessage-deflate (RFC 7692) as a user meets it: what is offered, agreed on, compressed and not.

The peer's zlib is Python's. Hostile uses of compression are tested in tests/hostile.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, NegotiationError, PerMessageDeflate, connect
from peers.frames import BINARY, CONTINUATION, TEXT, Frame, frame
from peers.raw import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
TAIL = b"\x00\x00\xff\xff"
RSV1 = 0b100


class Context:
    """One side's compression of its messages, and the other side's undoing of it."""

    def __init__(self, bits: int = 15) -> None:
        self._deflate = zlib.compressobj(wbits=-bits)
        self._inflate = zlib.decompressobj(wbits=-bits)

    def compress(self, message: bytes) -> bytes:
        compressed = self._deflate.compress(message) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        assert compressed.endswith(TAIL)
        return compressed[: -len(TAIL)]

    def inflate(self, payload: bytes) -> bytes:
        return self._inflate.decompress(payload + TAIL)


def compressed(opcode: int, payload: bytes) -> bytes:
    return frame(opcode, payload, rsv=RSV1)


def echo(*parameters: str) -> Callable[[Session], None]:
    """Agree to compression, then send each message back, compressed."""

    def serve(session: Session) -> None:
        session.open("; ".join([DEFLATE, *parameters]))
        theirs, ours = Context(), Context()
        while (received := session.receive()).opcode in {TEXT, BINARY}:
            message = theirs.inflate(received.payload) if received.rsv else received.payload
            session.send(compressed(received.opcode, ours.compress(message)))
        session.send_close()
        session.hang_up()

    return serve


async def sent_frames(
    make_peer: MakeRawPeer, *messages: Any, extra: str = DEFLATE, **options: Any
) -> list[Frame]:
    """What a client with these options puts on the wire for messages or (message, options)."""
    peer = make_peer(lambda session: session.open(extra))
    async with connect(peer.uri, **options) as ws:
        for message in messages:
            content, how = message if isinstance(message, tuple) else (message, {})
            await ws.send(content, **how)
    await peer.report()
    frames = peer.sessions[0].frames
    return [sent for sent in frames if sent.opcode in {TEXT, BINARY, CONTINUATION}]


@pytest.mark.parametrize(
    ("compression", "offer"),
    [
        ("deflate", "permessage-deflate; client_max_window_bits"),
        (PerMessageDeflate(), "permessage-deflate; client_max_window_bits"),
        (PerMessageDeflate(client_max_window_bits=None), "permessage-deflate"),
        (
            PerMessageDeflate(
                server_no_context_takeover=True,
                client_no_context_takeover=True,
                server_max_window_bits=10,
                client_max_window_bits=12,
            ),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
            " server_max_window_bits=10; client_max_window_bits=12",
        ),
        (None, None),
    ],
)
async def test_each_option_makes_its_offer(
    raw_peer: MakeRawPeer, compression: Any, offer: str | None
) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri, compression=compression) as ws:
        assert ws.request.headers.get("Sec-WebSocket-Extensions") == offer
        assert ws.compression is None


async def test_the_original_face_offers_compression_only_when_asked(raw_peer: MakeRawPeer) -> None:
    every_options: list[dict[str, Any]] = [
        {},
        {"compression": "deflate"},
        {"union_header": {"Sec-WebSocket-Extensions": "permessage-deflate; x, permessage-deflate"}},
        {"headers": ["Sec-WebSocket-Extensions: permessage-deflate", "Accept: */*"]},
    ]
    peer = raw_peer(*[Session.open] * len(every_options))
    for options in every_options:
        async with AioWebSocket(peer.uri, **options):
            pass
    offers = [request.all("Sec-WebSocket-Extensions") for request in await peer.report()]
    any_window = "permessage-deflate; client_max_window_bits"
    assert offers == [[], [any_window], ["permessage-deflate"], ["permessage-deflate"]]


@pytest.mark.every("face")
async def test_headers_pasted_from_a_browser_negotiate_compression(
    raw_peer: MakeRawPeer, face: str
) -> None:
    pasted = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    peer = raw_peer(echo("client_max_window_bits=10"))
    message = "pasted " * 100
    if face == "connect":
        async with connect(peer.uri, additional_headers=pasted, compression=None) as ws:
            await ws.send(message)
            assert await ws.recv() == message
    else:
        async with AioWebSocket(peer.uri, union_header=pasted) as aws:
            await aws.manipulator.send(message)
            assert await aws.manipulator.receive() == message.encode()
    assert peer.sessions[0].frames[0].rsv == RSV1


async def test_what_was_agreed_on_is_shown(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(echo("server_no_context_takeover", "client_max_window_bits=9"))
    async with connect(peer.uri, compression=PerMessageDeflate(level=2)) as ws:
        assert ws.compression == PerMessageDeflate(
            server_no_context_takeover=True,
            server_max_window_bits=15,
            client_max_window_bits=9,
            level=2,
        )


async def test_messages_of_all_kinds_go_through(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(echo())
    messages: list[str | bytes] = [
        "",
        "short",
        "long " * 5000,
        b"",
        bytes(range(256)) * 300,
        json.dumps([1] * 999),
    ]
    async with connect(peer.uri) as ws:
        for message in messages * 3:
            await ws.send(message)
            assert await ws.recv() == message


async def test_a_repeated_message_costs_a_few_bytes(raw_peer: MakeRawPeer) -> None:
    tick = json.dumps({"symbol": "EURUSD", "bid": 1.08431, "ask": 1.08433, "volume": 250_000})
    first, second = await sent_frames(raw_peer, tick, tick)
    assert len(second.payload) < 10 < len(first.payload)


async def test_without_context_takeover_each_message_stands_alone(raw_peer: MakeRawPeer) -> None:
    compression = PerMessageDeflate(client_no_context_takeover=True)
    frames = await sent_frames(raw_peer, "again " * 50, "again " * 50, compression=compression)
    assert [Context().inflate(sent.payload) for sent in frames] == [b"again " * 50] * 2


@pytest.mark.parametrize("asked", [True, False])
async def test_a_server_may_ask_for_no_context_takeover(raw_peer: MakeRawPeer, asked: bool) -> None:
    extra = DEFLATE + ("; client_no_context_takeover" if asked else "")
    _, second = await sent_frames(raw_peer, "again " * 50, "again " * 50, extra=extra)
    if asked:
        assert Context().inflate(second.payload) == b"again " * 50
    else:
        with pytest.raises(zlib.error):
            Context().inflate(second.payload)


async def test_our_window_is_as_small_as_was_agreed_on(raw_peer: MakeRawPeer) -> None:
    """A window of 9 bits reaches 512 bytes back: what repeats further away is not found."""
    block = bytes(zlib.crc32(bytes([n])) % 256 for n in range(250)) * 4
    message = block[:250] + bytes(600) + block[:250]
    (wide,) = await sent_frames(raw_peer, message)
    (narrow,) = await sent_frames(raw_peer, message, extra=f"{DEFLATE}; client_max_window_bits=9")
    assert Context(9).inflate(narrow.payload) == message
    assert len(narrow.payload) > len(wide.payload) + 200


async def test_with_a_window_of_8_bits_our_messages_go_uncompressed(raw_peer: MakeRawPeer) -> None:
    message = "plain " * 100
    extra = f"{DEFLATE}; client_max_window_bits=8"
    (sent,) = await sent_frames(raw_peer, (message, {"compress": True}), extra=extra)
    assert (sent.rsv, sent.payload) == (0, message.encode())


async def test_short_messages_go_uncompressed(raw_peer: MakeRawPeer) -> None:
    compression = PerMessageDeflate(threshold=20)
    frames = await sent_frames(raw_peer, "x" * 19, "x" * 20, compression=compression)
    assert [sent.rsv for sent in frames] == [0, RSV1]


async def test_a_message_can_be_sent_with_and_without_compression(raw_peer: MakeRawPeer) -> None:
    secret = "token=5f2b " * 20
    frames = await sent_frames(
        raw_peer,
        (secret, {"compress": False}),
        ("s" * 20, {"compress": True}),
        (secret, {"compress": None}),
        (["two ", "parts"], {"compress": False}),
        (["two ", "parts"], {}),
    )
    assert [sent.rsv for sent in frames] == [0, RSV1, RSV1, 0, 0, 0, RSV1, 0, 0]
    assert frames[0].payload == secret.encode()
    context = Context()
    assert context.inflate(frames[1].payload) == b"s" * 20
    assert context.inflate(frames[2].payload) == secret.encode()
    assert context.inflate(b"".join(sent.payload for sent in frames[6:])) == b"two parts"


async def test_what_would_get_longer_goes_uncompressed_and_is_not_referred_to(
    raw_peer: MakeRawPeer,
) -> None:
    random, text = os.urandom(5000), b"the same, the same, " * 10
    frames = await sent_frames(raw_peer, text, random, random + text, text, text)
    assert [sent.rsv for sent in frames] == [RSV1, 0, 0, RSV1, RSV1]
    context = Context()
    inflated = [context.inflate(frames[n].payload) for n in (0, 3, 4)]
    assert inflated == [text] * 3


async def test_compress_without_an_agreement_changes_nothing(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        await ws.send("x" * 1000, compress=True)
    assert peer.sessions[0].frames[0].rsv == 0


async def test_the_original_face_compresses_as_told(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(echo())
    async with AioWebSocket(peer.uri, compression="deflate") as aws:
        for compress, rsv in [(True, RSV1), (False, 0), (None, RSV1)]:
            await aws.manipulator.send("message " * 20, compress=compress)
            assert await aws.manipulator.receive() == b"message " * 20
            assert peer.sessions[0].frames[-1].rsv == rsv


async def test_uncompressed_messages_are_taken_as_they_are(raw_peer: MakeRawPeer) -> None:
    def serve(session: Session) -> None:
        session.open(DEFLATE)
        context = Context()
        session.send(
            compressed(TEXT, context.compress(b"one")),
            frame(BINARY, b"two"),
            compressed(TEXT, context.compress(b"one")),
        )

    peer = raw_peer(serve)
    async with connect(peer.uri) as ws:
        assert [await ws.recv() for _ in range(3)] == ["one", b"two", "one"]


async def test_a_compressed_message_streams_in_parts(raw_peer: MakeRawPeer) -> None:
    text = "".join(f"é{n} " for n in range(20_000))

    def serve(session: Session) -> None:
        session.open(DEFLATE)
        payload = Context().compress(text.encode())
        pieces = [payload[at : at + 5000] for at in range(0, len(payload), 5000)]
        session.send(frame(TEXT, pieces[0], fin=False, rsv=RSV1))
        for piece in pieces[1:]:
            session.send(frame(CONTINUATION, piece, fin=False))
        session.send(frame(CONTINUATION, b""))

    peer = raw_peer(serve)
    async with connect(peer.uri) as ws:
        parts = [part async for part in ws.recv_streaming()]
    assert "".join(parts) == text  # type: ignore[arg-type]


async def test_a_full_queue_holds_back_inflating_and_loses_nothing(raw_peer: MakeRawPeer) -> None:
    """One read brings far more than may wait; what was not inflated yet is when there is room."""
    count = 60

    def serve(session: Session) -> None:
        session.open(DEFLATE)
        context = Context()
        wire = [compressed(BINARY, context.compress(bytes([n]) * 500_000)) for n in range(count)]
        session.send(*wire, frame(TEXT, b"last"))

    peer = raw_peer(serve)
    async with connect(peer.uri, max_buffered=2**20) as ws:
        await asyncio.sleep(0.3)
        assert ws._queued <= 4
        for n in range(count):
            assert await ws.recv() == bytes([n]) * 500_000
        assert await ws.recv() == "last"


async def test_the_end_comes_after_messages_that_waited_to_be_inflated(
    raw_peer: MakeRawPeer,
) -> None:
    def serve(session: Session) -> None:
        session.open(DEFLATE)
        context = Context()
        session.send(*(compressed(BINARY, context.compress(bytes(500_000))) for _ in range(20)))
        session.finish()
        session.receive_ending()

    peer = raw_peer(serve)
    async with connect(peer.uri, max_buffered=2**20) as ws:
        await asyncio.sleep(0.3)
        received = [len(await ws.recv()) for _ in range(20)]
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await ws.recv()
    assert received == [500_000] * 20


async def test_closing_while_messages_wait_to_be_inflated_ends_in_order(
    raw_peer: MakeRawPeer,
) -> None:
    def serve(session: Session) -> None:
        session.open(DEFLATE)
        context = Context()
        session.send(*(compressed(BINARY, context.compress(bytes(500_000))) for _ in range(40)))

    peer = raw_peer(serve)
    async with connect(peer.uri, max_buffered=2**20, close_timeout=5) as ws:
        await asyncio.sleep(0.2)
    assert ws.close_code == 1000


async def test_compressing_much_lets_other_threads_run(raw_peer: MakeRawPeer) -> None:
    """Deflating some megabytes takes a while, in which another thread of Python gets its turns."""
    peer = raw_peer(lambda session: session.open(DEFLATE))
    turns: list[float] = []
    done = threading.Event()

    def count() -> None:
        while not done.is_set():
            turns.append(time.monotonic())
            time.sleep(0.0005)

    message = json.dumps([n * n for n in range(250_000)])
    async with connect(peer.uri, compression=PerMessageDeflate(level=6), write_limit=2**26) as ws:
        thread = threading.Thread(target=count)
        thread.start()
        began = time.monotonic()
        await ws.send(message)
        ended = time.monotonic()
        done.set()
        thread.join()
    within = sum(began < turn < ended for turn in turns)
    assert ended - began > 0.02, "too short to tell"
    assert within >= 5


@pytest.mark.parametrize(
    ("extension", "fault"),
    [
        ("permessage-deflate; server_max_window_bits=16", "server_max_window_bits the invalid"),
        ("x-webkit-deflate-frame", "'x-webkit-deflate-frame', which was not offered"),
        ("permessage-deflate, permessage-deflate", "more than one extension"),
    ],
)
async def test_a_bad_agreement_is_refused(
    raw_peer: MakeRawPeer, extension: str, fault: str
) -> None:
    peer = raw_peer(lambda session: session.open(f"Sec-WebSocket-Extensions: {extension}"))
    with pytest.raises(NegotiationError) as caught:
        await connect(peer.uri)
    assert fault.replace("'", '"') in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"level": 10}, ValueError),
        ({"level": True}, TypeError),
        ({"mem_level": 0}, ValueError),
        ({"threshold": -1}, ValueError),
        ({"threshold": 1.5}, TypeError),
        ({"server_max_window_bits": 7}, ValueError),
        ({"client_max_window_bits": 16}, ValueError),
        ({"client_max_window_bits": "15"}, TypeError),
        ({"server_no_context_takeover": 1}, TypeError),
    ],
    ids=str,
)
def test_a_wrong_option_is_refused_where_it_is_written(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error, match=next(iter(options))):
        PerMessageDeflate(**options)


@pytest.mark.parametrize("make", [connect, AioWebSocket])
@pytest.mark.parametrize(
    ("compression", "error"), [("gzip", ValueError), (True, TypeError), (15, TypeError)], ids=str
)
def test_another_compression_is_refused(
    make: Callable[..., object], compression: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match="compression is 'deflate', None or PerMessageDeflate"):
        make("ws://localhost", compression=compression)


def test_options_are_values() -> None:
    assert PerMessageDeflate() == PerMessageDeflate(threshold=PerMessageDeflate().threshold)
    assert len({PerMessageDeflate(), PerMessageDeflate(), PerMessageDeflate(level=9)}) == 2
    assert "level=9" in repr(PerMessageDeflate(level=9))
