"""COMPAT, the table of AioWebSocket: one test or more a row, each named after its row.

The rest of the contract is in test_compat_request.py (what goes out in the opening handshake),
test_compat_converse.py (the manipulator) and test_compat_idioms.py (how old scripts use it).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

import clock
from aiowebsocket.converses import AioWebSocket, Converse
from aiowebsocket.enumerations import SocketState
from aiowebsocket.exceptions import HandShakeError
from peers import frames
from peers.raw import EndOfStreamError, RawPeer, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer


def hello(session: Session) -> None:
    session.open()
    session.send(frames.text("hello"))


async def opened_then_failed(*arguments: Any, **options: Any) -> BaseException:
    """The error of constructing and entering."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 (the caller looks at it closely)
        await AioWebSocket(*arguments, **options).__aenter__()
    return raised.value


def test_row_constructor_does_no_io_and_needs_no_loop() -> None:
    aws = AioWebSocket("ws://127.0.0.1:1/")
    assert aws.uri == "ws://127.0.0.1:1/"
    assert (aws.timeout, aws.read_timeout) == (30, 120)
    assert (aws.headers, aws.union_header) == ([], {})
    assert aws.state == 0
    assert aws.converse is None


def test_row_constructor_keeps_names_and_order_of_its_arguments() -> None:
    aws = AioWebSocket("ws://127.0.0.1:1/", ["A: b"], {"C": "d"}, 3, 4)
    assert (aws.headers, aws.union_header) == (["A: b"], {"C": "d"})
    assert (aws.timeout, aws.read_timeout) == (3, 4)
    named = AioWebSocket(
        uri="ws://127.0.0.1:1/", headers=[], union_header={}, timeout=1, read_timeout=2
    )
    assert (named.timeout, named.read_timeout) == (1, 2)


def test_row_constructor_takes_new_options_by_keyword_only() -> None:
    AioWebSocket(
        "ws://127.0.0.1:1/",
        ssl=None,
        subprotocols=None,
        compression=None,
        max_size=2**26,
        close_timeout=10,
        ping_interval=None,
        ping_timeout=20,
    )
    with pytest.raises(TypeError):
        AioWebSocket("ws://127.0.0.1:1/", [], {}, 30, 120, True)  # type: ignore[call-arg]


async def test_row_ssl_none_goes_by_the_scheme(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(hello).uri) as aws:
        assert await aws.manipulator.receive() == b"hello"


@pytest.mark.only(scheme="wss")
async def test_row_ssl_none_with_wss_is_tls(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(hello).uri) as aws:
        assert await aws.manipulator.receive() == b"hello"


@pytest.mark.only(scheme="wss")
@pytest.mark.parametrize("written", ["ws", "wss"])
async def test_row_ssl_true_is_tls_whatever_the_scheme(raw_peer: MakeRawPeer, written: str) -> None:
    uri = raw_peer(hello).uri.replace("wss", written, 1)
    async with AioWebSocket(uri, ssl=True) as aws:
        assert await aws.manipulator.receive() == b"hello"


async def test_row_ssl_false_with_wss_is_a_value_error(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(hello)
    error = await opened_then_failed(peer.uri.replace("ws", "wss", 1), ssl=False)
    assert isinstance(error, ValueError)
    assert peer.connections == 0


@pytest.mark.every("scheme")
async def test_row_schemes_http_is_ws_and_https_is_wss(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(hello).uri.replace("ws", "http", 1)) as aws:
        assert await aws.manipulator.receive() == b"hello"


@pytest.mark.parametrize("uri", ["ftp://127.0.0.1/", "127.0.0.1", "", "file:///etc/hosts"])
async def test_row_schemes_other_is_a_value_error(uri: str) -> None:
    assert isinstance(await opened_then_failed(uri), ValueError)


@pytest.mark.every("scheme")
async def test_row_timeout_covers_the_handshake_and_is_two_errors_in_one(
    raw_peer: MakeRawPeer,
) -> None:
    def stall(session: Session) -> None:
        session.read_request()
        session.receive_ending()

    peer = raw_peer(stall)
    with clock.measuring() as took:
        error = await opened_then_failed(peer.uri, timeout=1)
    assert took.seconds >= 1
    assert took.late(1) < clock.SLACK
    assert isinstance(error, ConnectionError)
    assert isinstance(error, TimeoutError)


async def test_row_read_timeout_is_inert(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.go.wait(0.2)
        session.send(frames.text("late"))

    async with AioWebSocket(raw_peer(script).uri, read_timeout=0.01) as aws:
        assert await aws.manipulator.receive() == b"late"


async def test_row_state_is_truthful_and_the_enums_own_ints(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.receive()
        session.wait_for_go()
        session.send_close(1000)
        session.hang_up()

    peer = raw_peer(script)
    aws = AioWebSocket(peer.uri)
    assert_state(aws, SocketState.zero, 0)
    await aws.create_connection()
    assert_state(aws, SocketState.opened, 1)
    closing = asyncio.ensure_future(aws.close_connection())
    await asyncio.sleep(0.05)
    assert_state(aws, SocketState.closing, 2)
    peer.go.set()
    await closing
    assert_state(aws, SocketState.closed, 3)


def assert_state(aws: AioWebSocket, state: SocketState, number: int) -> None:
    assert aws.state is state.value
    assert aws.state == state == number


async def test_row_state_follows_a_connection_that_the_peer_ended(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.close()

    peer = raw_peer(script)
    aws = AioWebSocket(peer.uri)
    await aws.create_connection()
    with pytest.raises(ConnectionError):
        await aws.manipulator.receive()
    assert aws.state == SocketState.closed
    await aws.close_connection()


async def test_row_manipulator_and_converse_are_none_before_connect(raw_peer: MakeRawPeer) -> None:
    aws = AioWebSocket(raw_peer(hello).uri)
    assert aws.manipulator is None
    assert aws.converse is None
    async with aws as entered:
        assert entered is aws
        assert isinstance(aws.manipulator, Converse)
        assert aws.manipulator is aws.converse


@pytest.mark.every("scheme")
async def test_row_create_connection_and_close_connection_without_async_with(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(hello)
    aws = AioWebSocket(peer.uri)
    await aws.create_connection()
    assert await aws.manipulator.receive() == b"hello"
    await aws.close_connection()
    await peer.report()
    assert peer.sessions[0].frames[-1].close_code == 1000


async def test_row_create_connection_twice_is_a_connection_error(raw_peer: MakeRawPeer) -> None:
    async with AioWebSocket(raw_peer(hello).uri) as aws:
        with pytest.raises(ConnectionError):
            await aws.create_connection()
        assert await aws.manipulator.receive() == b"hello"


async def test_row_close_connection_is_repeatable_and_a_no_op_before_connect(
    raw_peer: MakeRawPeer,
) -> None:
    aws = AioWebSocket(raw_peer(hello).uri)
    await aws.close_connection()
    assert aws.state == 0
    await aws.create_connection()
    await aws.close_connection()
    await aws.close_connection()
    await asyncio.gather(aws.close_connection(), aws.close_connection())


@pytest.mark.parametrize("end", [Session.finish, Session.reset, Session.hang_up])
async def test_row_close_connection_is_silent_on_a_dead_connection(
    raw_peer: MakeRawPeer, end: Callable[[Session], None]
) -> None:
    def script(session: Session) -> None:
        session.open()
        end(session)

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        await asyncio.sleep(0.05)
        await aws.close_connection()


async def test_row_refused_is_a_connection_refused_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = await opened_then_failed(f"ws://127.0.0.1:{port}/")
    assert isinstance(error, ConnectionRefusedError)
    assert str(port) in str(error)


async def test_row_refused_dns_is_a_gaierror() -> None:
    error = await opened_then_failed("ws://no-such-name.invalid/")
    assert isinstance(error, socket.gaierror)


async def test_row_refused_tls_is_an_ssl_error(tmp_path: Any) -> None:
    from peers.authority import Authority  # noqa: PLC0415 (a second CA, for this test alone)

    peer = RawPeer(hello, tls=Authority(tmp_path).server_context())
    error = await opened_then_failed(peer.uri)
    assert isinstance(error, ssl.SSLError)
    assert isinstance(error, ConnectionError)
    with pytest.raises((OSError, EndOfStreamError)):
        await peer.report()


async def test_row_refused_non_101_is_a_connection_error_with_status_and_body(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.read_request()
        session.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno entry")
        session.hang_up()

    peer = raw_peer(script)
    error = await opened_then_failed(peer.uri)
    assert isinstance(error, ConnectionError)
    for fact in (str(peer.port), "403", "no entry"):
        assert fact in str(error)


@pytest.mark.parametrize("response", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 101 X\r\nUpgr"])
async def test_row_garbage_or_eof_is_a_handshake_error_and_a_connection_error(
    raw_peer: MakeRawPeer, response: bytes
) -> None:
    def script(session: Session) -> None:
        session.read_request()
        session.send(response)
        session.hang_up()

    error = await opened_then_failed(raw_peer(script).uri, timeout=5)
    assert isinstance(error, HandShakeError)
    assert isinstance(error, ConnectionError)


@pytest.mark.every("scheme")
async def test_row_leaving_async_with_is_a_real_closing_handshake(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(hello)
    async with AioWebSocket(peer.uri) as aws:
        await aws.manipulator.receive()
    await peer.report()
    received = [(frame.opcode, frame.close_code) for frame in peer.sessions[0].frames]
    assert received == [(frames.CLOSE, 1000)]
    assert aws.state == SocketState.closed


async def test_row_leaving_async_with_is_bounded_by_close_timeout(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.receive_ending()

    async with AioWebSocket(raw_peer(script).uri, close_timeout=0.3) as aws:
        with clock.measuring() as took:
            await aws.close_connection()
    assert took.seconds >= 0.3
    assert took.late(0.3) < clock.SLACK


async def test_row_leaving_async_with_never_raises_because_the_peer_was_gone(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.reset()

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri):
        await peer.report()


@pytest.mark.parametrize("call", ["send", "receive"])
async def test_row_leaving_async_with_makes_the_manipulator_name_the_remedy(
    raw_peer: MakeRawPeer, call: str
) -> None:
    from aiowebsocket import ConnectionClosed  # noqa: PLC0415 (the original has none)

    async with AioWebSocket(raw_peer(hello).uri) as aws:
        converse = aws.manipulator
        await converse.receive()
    with pytest.raises(ConnectionClosed, match=r"create_connection\(\)"):
        await (converse.send("x") if call == "send" else converse.receive())


async def test_row_offers_closed_close_code_close_reason_subprotocol_and_response(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open("Sec-WebSocket-Protocol: chat", "X-Server: raw")
        session.wait_for_go()
        session.send_close(4000, "enough")

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri, subprotocols=["chat"]) as aws:
        faces: tuple[Any, Any] = (aws, aws.manipulator)
        for face in faces:
            assert face.subprotocol == "chat"
            assert face.response.headers["X-Server"] == "raw"
            assert (face.closed, face.close_code, face.close_reason) == (False, None, None)
        peer.go.set()
        with pytest.raises(ConnectionError):
            await aws.manipulator.receive()
        for face in faces:
            assert (face.closed, face.close_code, face.close_reason) == (True, 4000, "enough")
