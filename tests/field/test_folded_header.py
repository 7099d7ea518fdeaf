"""A header line that a server folds is one line (RFC 9112 5.2: MUST be replaced by spaces)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import aiowebsocket
from aiowebsocket import connect
from failures import assert_readable, refusal

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session


@pytest.mark.parametrize("in_single_bytes", [False, True])
async def test_a_folded_field_is_used(raw_peer: MakeRawPeer, *, in_single_bytes: bool) -> None:
    def script(session: Session) -> None:
        request = session.read_request()
        folded = "Sec-WebSocket-Protocol:\r\n\tchat \r\n ", "X-Device: a=1;\r\n\tb=2", "X: y"
        head = session.response(request, *folded)
        for piece in [bytes([byte]) for byte in head] if in_single_bytes else [head]:
            session.send(piece)

    async with connect(raw_peer(script).uri, subprotocols=["chat"]) as ws:
        assert ws.subprotocol == "chat"
        assert ws.response is not None
        assert ws.response.headers["X-Device"] == "a=1; b=2"
        assert ws.response.headers["X"] == "y"


async def test_the_fields_that_agree_may_be_folded(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        good = session.response(session.read_request())
        session.send(good.replace(b": ", b":\r\n "), b"\x81\x05hello")

    async with connect(raw_peer(script).uri) as ws:
        assert await ws.recv() == "hello"


async def test_a_refusal_may_be_folded(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.read_request()
        session.send(b"HTTP/1.1 403 No\r\nContent-Length:\r\n 5\r\nX: a\r\n b\r\n\r\nlater")
        session.hang_up()

    error = await refusal(raw_peer(script).uri)
    assert isinstance(error, aiowebsocket.InvalidStatus)
    assert (error.response.headers["X"], error.response.body) == ("a b", b"later")


@pytest.mark.parametrize(
    "lines",
    [" first: v", "X: a\r\n b\0c", "X: a\r\n b\rc", "X\r\n : v", "X: a\r\n b\r\nY : v"],
    ids=["before the first field", "a NUL", "a bare CR", "in a name", "a space before the colon"],
)
async def test_what_stays_illegal_is_refused(raw_peer: MakeRawPeer, lines: str) -> None:
    def script(session: Session) -> str:
        session.read_request()
        session.send(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n\r\n".encode())
        return session.receive_ending()

    error = await refusal(raw_peer(script).uri)
    assert type(error) is aiowebsocket.InvalidMessage
    assert_readable(error)


async def test_folds_without_end_meet_the_limit_of_a_head(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> str:
        session.read_request()
        session.send(b"HTTP/1.1 101 Switching Protocols\r\nX: a", b"\r\n b" * 2**15)
        return session.receive_ending()

    error = await refusal(raw_peer(script).uri)
    assert type(error) is aiowebsocket.InvalidMessage
    assert_readable(error, "65536 bytes")
