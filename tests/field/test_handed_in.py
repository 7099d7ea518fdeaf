"""A socket that is handed in: what cannot be used is refused, and stays its caller's."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import ConnectError, connect
from peers import frames
from peers.raw import accept_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import MakeRawPeer
    from peers.authority import Authority
    from peers.raw import Session

PATIENCE = 20.0


def greet(session: Session) -> None:
    session.open()
    session.send(frames.text("hello"))


@pytest.fixture
def wire() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connected pair over TCP: ours, and the other end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


def nothing_has_come(peer: socket.socket) -> bool:
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)
    return True


@pytest.mark.parametrize("wrong", [7, "127.0.0.1:9", b"", object(), asyncio.Event()])
def test_what_is_no_socket_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"sock is a socket\.socket, not"):
        connect("ws://h/", sock=wrong)


@pytest.mark.parametrize("uri", ["ws://me:hunter2@localhost/", "wss://localhost/"])
def test_a_socket_that_speaks_tls_is_refused_before_a_byte(authority: Authority, uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        below: list[bytes] = []
        context = authority.server_context()
        done = threading.Event()

        def serve() -> None:
            stream, _ = listener.accept()
            with stream.dup() as copy, context.wrap_socket(stream, server_side=True):
                done.wait(PATIENCE)
                try:
                    below.append(copy.recv(4096, socket.MSG_DONTWAIT))
                except BlockingIOError:
                    below.append(b"")

        thread = threading.Thread(target=serve)
        thread.start()
        trusting = ssl.create_default_context(cafile=str(authority.ca_file))
        plain = socket.create_connection(listener.getsockname())
        with trusting.wrap_socket(plain, server_hostname="localhost") as tls:
            with pytest.raises(TypeError, match=r"ssl\.SSLSocket.*hand in the socket without it"):
                connect(uri, sock=tls)
            done.set()
            thread.join(PATIENCE)
            assert below == [b""]
            assert tls.fileno() != -1


@pytest.mark.parametrize(
    ("family", "kind"),
    [(socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_DGRAM)],
)
def test_what_is_no_stream_is_refused(family: int, kind: int) -> None:
    with socket.socket(family, kind) as sock:
        with pytest.raises(ValueError, match="SOCK_DGRAM; it is a stream"):
            connect("ws://h/", sock=sock)
        assert sock.fileno() != -1


async def test_one_that_is_closed_is_refused() -> None:
    sock = socket.socket()
    sock.close()
    with pytest.raises(ValueError, match="sock is closed"):
        await connect("ws://h/", sock=sock)


async def test_one_that_is_not_connected_is_refused_and_stays_its_callers() -> None:
    with socket.socket() as sock:
        with pytest.raises(ValueError, match="sock is not connected"):
            await connect("ws://h/", sock=sock)
        assert sock.fileno() != -1


async def test_one_may_be_connected_after_it_was_handed_in(raw_peer: MakeRawPeer) -> None:
    sock = socket.socket()
    connecting = connect("ws://h/", sock=sock)
    sock.connect(("127.0.0.1", raw_peer(greet).port))
    async with connecting as ws:
        assert await ws.recv() == "hello"


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "no URI": ("ftp://h/", {}),
    "a fragment": ("ws://h/#part", {}),
    "a line's end in a header": ("ws://h/", {"additional_headers": {"X": "a\r\nb"}}),
    "a name that is no token": ("ws://h/", {"additional_headers": {"X Y": "a"}}),
    "a subprotocol that is no token": ("ws://h/", {"subprotocols": ["a b"]}),
    "no TLS with wss": ("wss://h/", {"ssl": False}),
    "a name for TLS without TLS": ("ws://h/", {"server_hostname": "h"}),
    "a character that no header holds": ("ws://h/", {"origin": "\ud800"}),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_whatever_is_refused_the_socket_stays_its_callers(
    wire: tuple[socket.socket, socket.socket], what: str
) -> None:
    sock, peer = wire
    uri, options = REFUSED[what]
    with pytest.raises(ValueError, match=r"."):
        await connect(uri, sock=sock, **options)
    assert sock.fileno() != -1
    assert nothing_has_come(peer)
    sock.sendall(b"still mine")
    peer.setblocking(True)
    assert peer.recv(100) == b"still mine"


async def test_a_second_use_says_that_it_was_given_away(raw_peer: MakeRawPeer) -> None:
    sock = socket.create_connection(("127.0.0.1", raw_peer(greet).port))
    connecting = connect("ws://h/", sock=sock)
    async with connecting as ws:
        assert await ws.recv() == "hello"
        with pytest.raises(ValueError, match="was given away"):
            await connecting
        with pytest.raises(ValueError, match="was given away"):
            await connect("ws://h/", sock=sock)
        await ws.send("still open")


async def test_the_second_turn_of_async_for_says_so_too(raw_peer: MakeRawPeer) -> None:
    sock = socket.create_connection(("127.0.0.1", raw_peer(greet).port))
    turns = []

    async def each_turn() -> None:
        async for ws in connect("ws://h/", sock=sock):
            message = await ws.recv()
            turns.append(message)

    with pytest.raises(ValueError, match="was given away"):
        await each_turn()
    assert turns == ["hello"]


async def test_two_awaits_at_once_share_no_socket(raw_peer: MakeRawPeer) -> None:
    sock = socket.create_connection(("127.0.0.1", raw_peer(greet).port))
    connecting = connect("ws://h/", sock=sock)

    async def attempt() -> Any:
        return await connecting

    outcomes: Any = await asyncio.gather(attempt(), attempt(), return_exceptions=True)
    first, second = outcomes
    assert isinstance(second, ValueError)
    async with first as ws:
        assert await ws.recv() == "hello"


async def test_one_that_the_peer_has_left_is_a_connect_error(
    wire: tuple[socket.socket, socket.socket],
) -> None:
    sock, peer = wire
    peer.close()
    with pytest.raises((ConnectError, ValueError)):
        await connect("ws://h/", sock=sock, open_timeout=5)


@pytest.mark.parametrize("timeout", [None, 0, 5])
async def test_one_of_any_timeout_is_used(raw_peer: MakeRawPeer, timeout: float | None) -> None:
    sock = socket.create_connection(("127.0.0.1", raw_peer(greet).port))
    sock.settimeout(timeout)
    async with connect("ws://h/", sock=sock) as ws:
        assert await ws.recv() == "hello"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no such sockets here")
async def test_a_unix_socket_is_used() -> None:
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with theirs:
            request = b""
            while b"\r\n\r\n" not in request:
                request += theirs.recv(4096)
            key = next(line for line in request.split(b"\r\n") if b"Sec-WebSocket-Key" in line)
            accept = accept_value(key.partition(b": ")[2].decode())
            theirs.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n" + frames.text("hello")
            )
            theirs.recv(4096)

    thread = threading.Thread(target=answer)
    thread.start()
    async with connect("ws://h/", sock=ours) as ws:
        assert await ws.recv() == "hello"
    thread.join(PATIENCE)
