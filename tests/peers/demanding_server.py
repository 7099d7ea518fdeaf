"""A server that pings, and fails a client that does not answer in time. It runs as a process, so it
goes on while the client's interpreter is held: see process.py.

What a connection gets is read off its path:

- `/pings?count=N&interval=S&patience=S`: so many times a Ping and a message, the Pong awaited with
  patience, and "survived" at the end
- `/silence`: no Ping of the client's is answered
- `/told`: what became of that connection: the code of the client's Close and when it came, in
  seconds of the system's monotonic clock
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

from peers import frames
from peers.frames import CLOSE, PONG
from peers.raw import Session

told: dict[str, object] = {}


def pings(session: Session, query: dict[str, str]) -> None:
    session.stream.settimeout(float(query["patience"]))
    for number in range(int(query["count"])):
        session.send(frames.ping(b"%d" % number), frames.text(str(number)))
        try:
            while (frame := session.receive()).opcode != PONG:
                pass
        except TimeoutError:
            session.send_close(1011, f"no pong for ping {number}")
            return
        assert frame.payload == b"%d" % number
        time.sleep(float(query["interval"]))
    session.send(frames.text("survived"))


def silence(session: Session) -> None:
    while (frame := session.receive()).opcode != CLOSE:
        pass
    told.update(code=frame.close_code, at=time.monotonic())
    session.close()


def serve(stream: socket.socket, tls: ssl.SSLContext | None) -> None:
    if tls is not None:
        stream = tls.wrap_socket(stream, server_side=True)
    with stream:
        session = Session(stream, threading.Event())
        target = urlsplit(session.open().request_line.split()[1])
        if target.path == "/pings":
            pings(session, {name: values[0] for name, values in parse_qs(target.query).items()})
        elif target.path == "/silence":
            silence(session)
        else:
            session.send(frames.text(json.dumps(told)))
        session.see_off()


def accept(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=serve, args=(stream, tls), daemon=True).start()


def main(certificate: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    ports = {}
    for scheme, context in (("ws", None), ("wss", tls)):
        listener = socket.create_server(("127.0.0.1", 0))
        ports[scheme] = listener.getsockname()[1]
        threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    print(json.dumps(ports), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
