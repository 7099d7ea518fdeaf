"""A fault of the server, and the judgement of what both ends see of it.

"_Fail the WebSocket Connection_" (RFC 6455 7.1.7): what arrived whole before the fault is handed
out, a Close says what is wrong, nothing behind the fault is looked at, and the client ends first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import aiowebsocket
from faces import FACES, as_bytes
from failures import assert_readable
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

MAX_SIZE = 1000


class Fault(NamedTuple):
    """What the server sends, and the close code that it must see.

    Attributes:
        whole: The messages within `sent` that come before the fault.
    """

    sent: bytes
    code: int
    whole: tuple[bytes, ...] = ()


async def judge(
    raw_peer: MakeRawPeer, face: str, fault: Fault, *fields: str, **options: Any
) -> None:
    """Commit the fault in the middle of one segment, and look at both ends.

    `fields` are more of the server's response, `options` more of the client's.
    """

    def script(session: Session) -> str:
        session.open(*fields)
        behind = frames.text("behind") + frames.ping(b"behind") + frames.close(4000)
        session.send(frames.text("before"), fault.sent, behind)
        return session.receive_ending()

    peer = raw_peer(script)
    client = FACES[face](peer.uri, max_size=MAX_SIZE, close_timeout=5, **options)
    await client.open()
    try:
        for message in (b"before", *fault.whole):
            assert as_bytes(await client.receive()) == message
        for _ in range(2):
            with pytest.raises(aiowebsocket.ConnectionClosed) as raised:
                await client.receive()
            assert_tells(raised.value, fault.code)
        assert client.close_code == 1006
        assert await peer.report() == "FIN"
        received = [(frame.opcode, frame.close_code) for frame in peer.sessions[0].frames]
        assert received == [(frames.CLOSE, fault.code)]
    finally:
        await client.close()


def assert_tells(error: aiowebsocket.ConnectionClosed, code: int) -> None:
    """The exception that the user gets, and what caused it."""
    assert type(error) is aiowebsocket.ConnectionClosedError
    assert (error.rcvd, error.rcvd_then_sent, error.code) == (None, None, 1006)
    assert error.sent is not None
    assert error.sent.code == code
    assert_readable(error, str(code), "no close frame received")
    too_big = code == aiowebsocket.CloseCode.MESSAGE_TOO_BIG
    expected = aiowebsocket.PayloadTooBig if too_big else aiowebsocket.ProtocolError
    cause = error.__cause__
    assert type(cause) is expected
    assert isinstance(cause, aiowebsocket.ProtocolError)
    assert cause.code == code
    assert_readable(cause)
