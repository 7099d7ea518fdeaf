"""What breaks an open connection: the exception, its cause, and the close code on the wire.

The exceptions of opening are in test_errors_opening.py and test_errors_handshake.py; the last test
here sees to it that none of the package's exceptions is left without a test of its own.
"""

from __future__ import annotations

import asyncio
import pathlib
import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, Close, connect
from failures import assert_readable
from peers import frames
from peers.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer

MAX_SIZE = 1000
KEY = b"\1\2\3\4"
EURO = "\u20ac".encode()

# What the peer sends, and the close code that RULES ask for on the wire.
VIOLATIONS: dict[str, tuple[bytes, int]] = {
    "masked text": (frame(TEXT, b"x", masking_key=KEY), 1002),
    "masked ping": (frame(PING, b"x", masking_key=KEY), 1002),
    "masked close": (frame(CLOSE, b"\x03\xe8", masking_key=KEY), 1002),
    "RSV1": (frame(TEXT, b"x", rsv=4), 1002),
    "RSV2": (frame(TEXT, b"x", rsv=2), 1002),
    "RSV3": (frame(TEXT, b"x", rsv=1), 1002),
    "RSV1 on a ping": (frame(PING, rsv=4), 1002),
    "RSV1 on a continuation": (frames.text("a", fin=False) + frame(CONTINUATION, rsv=4), 1002),
    "opcode 3": (frame(3), 1002),
    "opcode 7": (frame(7), 1002),
    "opcode 11": (frame(11), 1002),
    "opcode 15": (frame(15), 1002),
    "a 16-bit length for 125 bytes": (frame(TEXT, b"x" * 125, length_field=126), 1002),
    "a 64-bit length for 126 bytes": (frame(TEXT, b"x" * 126, length_field=127), 1002),
    "a 64-bit length for 65535 bytes": (frame(TEXT, b"x" * 65535, length_field=127), 1002),
    "a length with its top bit set": (b"\x82\x7f\x80" + bytes(7), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a fragmented ping": (frame(PING, b"x", fin=False), 1002),
    "a fragmented close": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "a continuation of nothing": (frames.continuation(b"x"), 1002),
    "a continuation after the end": (frames.text("a") + frames.continuation(b"x"), 1002),
    "a new message within a message": (frames.text("a", fin=False) + frames.text("b"), 1002),
    "a close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close code 0": (frames.close(0), 1002),
    "close code 999": (frames.close(999), 1002),
    "close code 1004": (frames.close(1004), 1002),
    "close code 1005": (frames.close(1005), 1002),
    "close code 1006": (frames.close(1006), 1002),
    "close code 1015": (frames.close(1015), 1002),
    "close code 1016": (frames.close(1016), 1002),
    "close code 2999": (frames.close(2999), 1002),
    "close code 5000": (frames.close(5000), 1002),
    "close code 65535": (frames.close(65535), 1002),
    "a close reason that is not UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "text that is not UTF-8": (frame(TEXT, b"abc\xff"), 1007),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "an overlong form": (frame(TEXT, b"\xc0\xaf"), 1007),
    "a code point beyond U+10FFFF": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "text cut within a code point": (frame(TEXT, EURO[:2]), 1007),
    "fragments cut within a code point at the end": (
        frame(TEXT, EURO[:1], fin=False) + frames.continuation(EURO[1:2]),
        1007,
    ),
    "a wrong byte before the message is whole": (frame(TEXT, b"ab\xff", fin=False), 1007),
    "a wrong byte before the frame is whole": (frame(TEXT, b"ab\xff" + b"x" * 97)[:50], 1007),
    "a frame over max_size": (frame(BINARY, bytes(MAX_SIZE + 1)), 1009),
    "a frame over max_size, its header only": (b"\x82\x7f" + (2**40).to_bytes(8, "big"), 1009),
    "fragments over max_size": (
        frames.binary(bytes(600), fin=False) + frames.continuation(bytes(401)),
        1009,
    ),
    "fragments over max_size, the header only": (
        frames.binary(bytes(600), fin=False) + frame(CONTINUATION, bytes(401))[:4],
        1009,
    ),
}


@pytest.mark.parametrize("name", VIOLATIONS)
async def test_a_violation_fails_the_connection_with_its_code(
    raw_peer: MakeRawPeer, name: str
) -> None:
    data, code = VIOLATIONS[name]

    def script(session: Session) -> list[int | None]:
        session.open()
        session.send(frames.text("whole"), data, frames.text("never handed out"))
        codes = [session.receive().close_code]
        session.receive_ending()
        return codes

    peer = raw_peer(script)
    async with connect(peer.uri, max_size=MAX_SIZE, close_timeout=0.5) as ws:
        assert await ws.recv() == "whole"
        if name == "a continuation after the end":
            assert await ws.recv() == "a"
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv()
    error = raised.value
    assert type(error) is aiowebsocket.ConnectionClosedError
    assert (error.rcvd, error.rcvd_then_sent) == (None, None)
    assert error.sent is not None
    assert error.sent.code == code
    assert error.code == 1006
    assert_readable(error, str(code), "no close frame received")
    expected = aiowebsocket.PayloadTooBig if code == 1009 else aiowebsocket.ProtocolError
    assert type(error.__cause__) is expected
    assert isinstance(error.__cause__, aiowebsocket.FrameError)
    assert error.__cause__.code == code
    assert_readable(error.__cause__)
    assert await peer.report() == [code]
    assert [frame.opcode for frame in peer.sessions[0].frames] == [CLOSE]


async def test_the_reason_on_the_wire_tells_the_peer_what_is_wrong(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> str:
        session.open()
        session.send(frame(TEXT, b"secret payload", rsv=2))
        return session.receive().close_reason

    peer = raw_peer(script)
    async with connect(peer.uri, close_timeout=0.5) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv()
    reason = await peer.report()
    assert reason
    assert "secret" not in reason + str(raised.value) + str(raised.value.__cause__)


async def test_a_failed_connection_ends_its_side_of_tcp_at_once(raw_peer: MakeRawPeer) -> None:
    """Nothing more is parsed, and the peer is not waited for beyond close_timeout."""

    def script(session: Session) -> str:
        session.open()
        session.send(frame(3))
        return session.receive_ending()

    peer = raw_peer(script)
    start = time.monotonic()
    async with connect(peer.uri, close_timeout=0.3):
        assert await peer.report() in ("FIN", "RST")
    assert time.monotonic() - start < 5


async def test_a_message_of_exactly_max_size_is_welcome(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.binary(bytes(MAX_SIZE)))
        session.send(frames.binary(bytes(600), fin=False), frames.continuation(bytes(400)))

    async with connect(raw_peer(script).uri, max_size=MAX_SIZE) as ws:
        assert [await ws.recv(), await ws.recv()] == [bytes(MAX_SIZE)] * 2


@pytest.mark.parametrize("fragment", [b"", b"x"], ids=["empty", "one byte"])
async def test_fragments_without_end_are_bounded(raw_peer: MakeRawPeer, fragment: bytes) -> None:
    def script(session: Session) -> int | None:
        session.open()
        session.send(frames.binary(b"", fin=False))
        block = frames.continuation(fragment, fin=False) * 2**14
        try:
            for _ in range(2**10):
                session.send(block)
        except OSError:
            pass
        return session.receive().close_code

    peer = raw_peer(script)
    async with connect(peer.uri, close_timeout=5) as ws:
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv()
    assert isinstance(raised.value.__cause__, aiowebsocket.PayloadTooBig)
    assert raised.value.sent is not None
    assert raised.value.sent.code == 1009


async def test_connection_closed_is_all_that_scripts_catch(raw_peer: MakeRawPeer) -> None:
    for code, kind in (
        (1000, aiowebsocket.ConnectionClosedOK),
        (1011, aiowebsocket.ConnectionClosedError),
    ):

        def script(session: Session, code: int = code) -> None:
            session.open()
            session.send_close(code, "why")

        async with connect(raw_peer(script).uri) as ws:
            with pytest.raises(kind) as raised:
                await ws.recv()
        error = raised.value
        assert isinstance(error, aiowebsocket.ConnectionClosed)
        assert isinstance(error, aiowebsocket.AioWebSocketError)
        assert isinstance(error, aiowebsocket.WebSocketException)
        assert isinstance(error, asyncio.IncompleteReadError)
        assert isinstance(error, EOFError)
        assert isinstance(error, ConnectionResetError)
        assert isinstance(error, OSError)
        assert (error.partial, error.expected) == (b"", None)
        assert error.rcvd == Close(code, "why")
        assert_readable(error, str(code), "why")
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.rcvd) == (type(error), str(error), error.rcvd)


async def test_concurrency_error_is_a_runtime_error_that_says_what_to_avoid(
    raw_peer: MakeRawPeer,
) -> None:
    async with connect(raw_peer(Session.open).uri) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.01)
        with pytest.raises(aiowebsocket.ConcurrencyError) as raised:
            await ws.recv()
        assert type(raised.value) is aiowebsocket.ConcurrencyError
        assert isinstance(raised.value, RuntimeError)
        assert_readable(raised.value, "recv")
        receiving.cancel()


@pytest.mark.parametrize("name", ["opcode 3", "text that is not UTF-8", "a frame over max_size"])
async def test_the_originals_face_raises_the_same_with_the_same_cause(
    raw_peer: MakeRawPeer, name: str
) -> None:
    data, code = VIOLATIONS[name]

    def script(session: Session) -> int | None:
        session.open()
        session.send(data)
        return session.receive().close_code

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri, max_size=MAX_SIZE, close_timeout=0.5) as aws:
        converse: Any = aws.manipulator
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await converse.receive()
    assert isinstance(raised.value.__cause__, aiowebsocket.FrameError)
    assert await peer.report() == code


def test_every_exception_of_the_package_is_raised_by_a_test() -> None:
    """Each leaf by its name in a file of ours; a class without users would be dead weight."""
    folder = pathlib.Path(__file__).parent
    tests = "\n".join(path.read_text() for path in folder.glob("test_errors*.py"))
    classes = {
        value
        for name in aiowebsocket.__all__
        if isinstance(value := getattr(aiowebsocket, name), type)
        and issubclass(value, aiowebsocket.AioWebSocketError)
    }
    leaves = {kind for kind in classes if not classes & set(kind.__subclasses__())}
    missing = {kind.__name__ for kind in leaves if f"aiowebsocket.{kind.__name__}" not in tests}
    assert not missing
