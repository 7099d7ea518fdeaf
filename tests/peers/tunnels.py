"""What a raw peer does as a proxy: it takes CONNECT, or SOCKS, and then leads to another server."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers.raw import RawPeer, Request, Session

CHUNK = 2**16
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def leads_to(server: RawPeer, answer: bytes = ESTABLISHED) -> Callable[[Session], Request]:
    """An HTTP proxy, whose every way leads to this server."""

    def script(session: Session) -> Request:
        request = session.read_request()
        with socket.create_connection(("127.0.0.1", server.port)) as onward:
            session.send(answer)
            splice(session.stream, onward)
        session.hang_up()
        return request

    return script


def socks5_leads_to(
    server: RawPeer, method: int = 0, verdict: int = 0
) -> Callable[[Session], tuple[bytes, ...]]:
    """A SOCKS5 proxy (RFC 1928); gives what it was told: methods, credentials, request."""

    def script(session: Session) -> tuple[bytes, ...]:
        stream = session.stream
        version, count = read_exactly(stream, 2)
        methods = read_exactly(stream, count)
        assert version == 5
        stream.sendall(bytes([5, method]))
        credentials = b""
        if method == 2:
            credentials = read_exactly(stream, 2)
            credentials += read_exactly(stream, credentials[1] + 1)
            credentials += read_exactly(stream, credentials[-1])
            stream.sendall(bytes([1, verdict]))
            if verdict:
                return methods, credentials
        request = read_exactly(stream, 4)
        request += read_exactly(stream, {1: 4, 4: 16}.get(request[3], 1))
        request += read_exactly(stream, request[4] if request[3] == 3 else 0)
        request += read_exactly(stream, 2)
        with socket.create_connection(("127.0.0.1", server.port)) as onward:
            stream.sendall(bytes([5, 0, 0, 1, 127, 0, 0, 1, 0, 80]))
            splice(stream, onward)
        session.hang_up()
        return methods, credentials, request

    return script


def socks4_leads_to(server: RawPeer) -> Callable[[Session], tuple[bytes, bytes, bytes]]:
    """A SOCKS4 and 4a proxy; gives what it was told: request, user and name."""

    def script(session: Session) -> tuple[bytes, bytes, bytes]:
        stream = session.stream
        request = read_exactly(stream, 8)
        user = read_until_nul(stream)
        named = request[4:7] == bytes(3)
        name = read_until_nul(stream) if named else b""
        with socket.create_connection(("127.0.0.1", server.port)) as onward:
            stream.sendall(bytes([0, 90, 0, 0, 0, 0, 0, 0]))
            splice(stream, onward)
        session.hang_up()
        return request, user, name

    return script


def splice(one: socket.socket, other: socket.socket) -> None:
    """Hands on what either of two sockets sends, until one has ended."""
    while True:
        for source, target in ((one, other), (other, one)):
            if is_readable(source):
                with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
                    if data := source.recv(CHUNK):
                        target.sendall(data)
                        continue
                # To TLS the session says goodbye.
                if not isinstance(target, ssl.SSLSocket):
                    with contextlib.suppress(OSError):
                        target.shutdown(socket.SHUT_WR)
                return
        if not (pending(one) or pending(other)):
            select.select([one, other], [], [], 0.05)


def is_readable(stream: socket.socket) -> bool:
    return pending(stream) or bool(select.select([stream], [], [], 0)[0])


def pending(stream: socket.socket) -> bool:
    return isinstance(stream, ssl.SSLSocket) and stream.pending() > 0


def read_exactly(stream: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = stream.recv(count - len(data))
        assert piece, "the client ended too early"
        data += piece
    return data


def read_until_nul(stream: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\0"):
        data += read_exactly(stream, 1)
    return data[:-1]
