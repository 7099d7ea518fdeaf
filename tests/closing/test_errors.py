"""What breaks an open connection: the exception, its cause, and the close code on the wire.

Each fault of a server is in hostile/. The exceptions of opening are in test_errors_opening.py and
test_errors_handshake.py; the last test here sees to it that none of the package's exceptions is
left without a test of its own.
"""

from __future__ import annotations

import asyncio
import pathlib
import pickle
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import clock
from aiowebsocket import Close, connect
from failures import assert_readable
from peers import frames
from peers.frames import TEXT, frame
from peers.raw import Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer


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
    with clock.measuring() as took:
        async with connect(peer.uri, close_timeout=0.3):
            assert await peer.report() in ("FIN", "RST")
    assert took.late(0.3) < clock.SLACK


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


def test_every_exception_of_the_package_is_raised_by_a_test() -> None:
    """Each leaf by its name in a file of ours; a class without users would be dead weight."""
    folder = pathlib.Path(__file__).parents[1]
    files = [
        *folder.rglob("test_errors*.py"),
        *folder.rglob("test_proxies.py"),
        folder / "hostile" / "faults.py",
    ]
    tests = "\n".join(path.read_text() for path in files)
    classes = {
        value
        for name in aiowebsocket.__all__
        if isinstance(value := getattr(aiowebsocket, name), type)
        and issubclass(value, aiowebsocket.AioWebSocketError)
    }
    leaves = {kind for kind in classes if not classes & set(kind.__subclasses__())}
    missing = {kind.__name__ for kind in leaves if f"aiowebsocket.{kind.__name__}" not in tests}
    # Only a bug of the engine's raises it; src/drive/link/tests.rs has one.
    assert missing == {"EngineError"}
