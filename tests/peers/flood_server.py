"""A server that is faster than its clients. It runs as a process, so that it takes nothing from
their interpreter: see process.py.

- `/flood?size=N`: binary messages of N bytes, for as long as the client reads
- `/sink`: everything is read, nothing is answered but a Close
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from peers import frames
from peers.raw import EndOfStreamError, Session

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 2**17


def flood(session: Session, size: int) -> None:
    frame = frames.binary(bytes(size))
    block = frame * max(1, BLOCK // len(frame))
    session.stream.settimeout(None)
    while True:
        session.stream.sendall(block)


def sink(session: Session) -> None:
    """What is sent is not looked at, or this would be slower than a client."""
    session.stream.settimeout(None)
    while session.stream.recv(2**20):
        pass


def serve(stream: socket.socket, tls: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError, EndOfStreamError):
        if tls is not None:
            stream = tls.wrap_socket(stream, server_side=True)
        with stream:
            session = Session(stream, threading.Event())
            target = urlsplit(session.open().request_line.split()[1])
            if target.path == "/flood":
                flood(session, int(parse_qs(target.query)["size"][0]))
            else:
                sink(session)


def accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=serve, args=(stream,), daemon=True).start()


def main(certificate: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    ports = {}
    for scheme, context in (("ws", None), ("wss", tls)):
        listener = socket.create_server(("127.0.0.1", 0))
        ports[scheme] = listener.getsockname()[1]
        serving = functools.partial(serve, tls=context)
        threading.Thread(target=accept, args=(listener, serving), daemon=True).start()
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
