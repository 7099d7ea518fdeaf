"""A server that pings, and fails a client that does not answer in time. It runs as a process, so it
goes on while the client's interpreter is held: see process.py.

What a connection gets is read off its path:

- `/pings?count=N&as=NAME`: so many times a Ping and a message, each Pong awaited with patience, and
  "survived" at the end
- `/silence?as=NAME`: no Ping of the client's is answered

On the port `told` it speaks no WebSocket: whoever sends a name and a line feed is told what became
of that connection, as soon as it is known: "survived", or the code of the client's Close.
"""

from __future__ import annotations

import collections
import functools
import json
import queue
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from peers import frames
from peers.frames import CLOSE, PONG
from peers.raw import PATIENCE, Session

if TYPE_CHECKING:
    from collections.abc import Callable

told: dict[str, queue.SimpleQueue[str]] = collections.defaultdict(queue.SimpleQueue)


def pings(session: Session, query: dict[str, str]) -> None:
    for number in range(int(query["count"])):
        session.send(frames.ping(b"%d" % number), frames.text(str(number)))
        try:
            while (frame := session.receive()).opcode != PONG:
                pass
        except TimeoutError:
            session.send_close(1011, f"no pong for ping {number}")
            return
        assert frame.payload == b"%d" % number
    session.send(frames.text("survived"))
    told[query["as"]].put("survived")


def silence(session: Session, query: dict[str, str]) -> None:
    while (frame := session.receive()).opcode != CLOSE:
        pass
    told[query["as"]].put(str(frame.close_code))
    session.close()


def serve(stream: socket.socket, tls: ssl.SSLContext | None) -> None:
    if tls is not None:
        stream = tls.wrap_socket(stream, server_side=True)
    with stream:
        session = Session(stream, threading.Event())
        target = urlsplit(session.open().request_line.split()[1])
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        if target.path == "/pings":
            pings(session, query)
        else:
            silence(session, query)
        session.see_off()


def tell(stream: socket.socket) -> None:
    with stream, stream.makefile("r") as lines:
        stream.sendall(told[lines.readline().strip()].get(timeout=2 * PATIENCE).encode())


def accept(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=serve, args=(stream,), daemon=True).start()


def main(certificate: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    kinds = {
        "ws": functools.partial(serve, tls=None),
        "wss": functools.partial(serve, tls=tls),
        "told": tell,
    }
    ports = {}
    for kind, serving in kinds.items():
        listener = socket.create_server(("127.0.0.1", 0))
        ports[kind] = listener.getsockname()[1]
        threading.Thread(target=accept, args=(listener, serving), daemon=True).start()
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
