"""A peer made of a socket and a script: it sends exactly the bytes that a test wrote down.

Each connection is served by the test's own function on a thread of its own; what the client sent,
and how it ended the connection, is kept for the test to look at. Every wait is bounded.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peers.frames import CLOSE, Frame, close, read_frame

PATIENCE = 20.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class EndOfStreamError(Exception):
    """The client ended the connection: `how` is FIN or RST."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the client ended the connection with {how}")
        self.how = how


@dataclass(frozen=True)
class Request:
    """The client's opening handshake as it stood on the wire."""

    raw: bytes
    request_line: str
    fields: list[tuple[str, str]]

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name} appears {len(values)} times in the request"
        return values[0]

    def all(self, name: str) -> list[str]:
        """Every value of a field, its name compared without case."""
        return [value for spelled, value in self.fields if spelled.lower() == name.lower()]


class Session:
    """One connection with a client."""

    def __init__(self, stream: socket.socket, go: threading.Event) -> None:
        stream.settimeout(PATIENCE)
        if stream.family != getattr(socket, "AF_UNIX", None):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = stream
        self.go = go
        # Set by every send.
        self.sent = threading.Event()
        self.request: Request | None = None
        self.frames: list[Frame] = []
        self.ending: str | None = None
        self._closed = False
        # What comes after that is TLS's, and nobody takes it apart any more.
        self._without_tls = False
        self._close_sent = False
        self._unread = b""

    def read_request(self) -> Request:
        """Read the opening handshake."""
        while b"\r\n\r\n" not in self._unread:
            self._read_more()
        raw, self._unread = self._unread.split(b"\r\n\r\n", 1)
        request_line, *lines = raw.decode("latin-1").split("\r\n")
        fields = [(name, value.strip()) for name, _, value in (ln.partition(":") for ln in lines)]
        self.request = Request(raw + b"\r\n\r\n", request_line, fields)
        return self.request

    def open(self, *extra: str, without: str = "", early: bytes = b"") -> Request:
        """Take the opening handshake; `early` goes out in the same segment as the 101."""
        request = self.read_request()
        self.send(self.response(request, *extra, without=without) + early)
        return request

    def response(self, request: Request, *extra: str, without: str = "") -> bytes:
        """A good response, but for the field named `without` and the lines of `extra`."""
        lines = [
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_value(request['Sec-WebSocket-Key'])}",
        ]
        if without:
            lines = [line for line in lines if not line.startswith(f"{without}:")]
        head = "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, *extra])
        return head.encode("latin-1") + b"\r\n\r\n"

    def send(self, *pieces: bytes) -> None:
        """Send bytes, all of them in one call."""
        self.stream.sendall(b"".join(pieces))
        self.sent.set()

    def send_close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin the closing handshake; `see_off` then ends it without a second Close."""
        self.send(close(code, reason))
        self._close_sent = True

    def receive(self) -> Frame:
        """The client's next frame."""
        frame = read_frame(self._read_exactly)
        self.frames.append(frame)
        return frame

    def receive_ending(self) -> str:
        """Read on until the client ends the connection: FIN or RST."""
        try:
            while True:
                self.receive()
        except EndOfStreamError as end:
            return end.how

    def wait_for_end(self) -> str:
        """Wait until the client ends TCP, FIN or RST; what comes before is read below TLS."""
        try:
            while socket.socket.recv(self.stream, 2**16):
                pass
        except (ConnectionResetError, BrokenPipeError):
            self.ending = "RST"
        else:
            self.ending = "FIN"
        return self.ending

    def finish(self) -> None:
        """End our direction of the TCP connection: FIN, and nothing of TLS's before it."""
        self._without_tls = isinstance(self.stream, ssl.SSLSocket)
        self.stream.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the TCP connection with RST."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Close the socket; nothing more is read from the client."""
        self._closed = True
        self.stream.close()

    def wait_for_go(self) -> None:
        """Wait until the test calls `peer.go.set()`."""
        assert self.go.wait(PATIENCE), "the test never said go"

    def see_off(self) -> None:
        """What a good server does at the end: answer the client's Close, then close first."""
        if self._without_tls and not self._closed:
            self.wait_for_end()
            return
        try:
            while not self._closed:
                frame = self.receive()
                if frame.opcode == CLOSE:
                    if not self._close_sent:
                        self.send_close(frame.close_code)
                    self.hang_up()
        except EndOfStreamError:
            pass

    def hang_up(self) -> None:
        """End TLS and TCP in order, read what is still under way, and close."""
        if isinstance(self.stream, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self.stream = self.stream.unwrap()
        with contextlib.suppress(OSError):
            self.finish()
            while self.stream.recv(2**16):
                pass
        self.close()

    def _read_exactly(self, count: int) -> bytes:
        pieces = [self._unread]
        missing = count - len(self._unread)
        while missing > 0:
            self._unread = b""
            self._read_more()
            pieces.append(self._unread)
            missing -= len(self._unread)
        data = b"".join(pieces)
        self._unread = data[count:]
        return data[:count]

    def _read_more(self) -> None:
        try:
            data = self.stream.recv(2**18)
        except (ConnectionResetError, BrokenPipeError):
            self.ending = "RST"
            raise EndOfStreamError("RST") from None
        if not data:
            self.ending = "FIN"
            raise EndOfStreamError("FIN")
        self._unread += data


Script = Callable[[Session], Any]


class RawPeer:
    """A listening socket; its first connection is served by the first script, and so on."""

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        ipv6: bool = False,
        path: str = "",
    ) -> None:
        self.go = threading.Event()
        self.sessions: list[Session] = []
        self.connections = 0
        self._scripts = scripts
        self._tls = tls
        self._stopped = threading.Event()
        self._outcomes: list[Any] = []
        self._failure: BaseException | None = None
        if path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen()
        else:
            family = socket.AF_INET6 if ipv6 else socket.AF_INET
            address = ("::1" if ipv6 else "127.0.0.1", 0)
            self._listener = socket.create_server(address, family=family)
        self._listener.settimeout(0.05)
        self.port = 0 if path else self._listener.getsockname()[1]
        self.host = f"[::1]:{self.port}" if ipv6 else f"127.0.0.1:{self.port}"
        self.uri = f"{'wss' if tls else 'ws'}://{self.host}/"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    async def report(self) -> Any:
        """What the scripts returned, without holding up the client's event loop."""
        return await asyncio.get_running_loop().run_in_executor(None, self.result)

    def result(self) -> Any:
        """What the scripts returned (one script: its value); a script's failure is raised here."""
        self._thread.join(PATIENCE * 2)
        assert not self._thread.is_alive(), "the raw peer's script did not end"
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._outcomes[0] if len(self._scripts) == 1 else self._outcomes

    def stop(self) -> None:
        """End whatever is under way; a failure that nobody asked for is raised."""
        self._stopped.set()
        self.go.set()
        self._thread.join(PATIENCE * 2)
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        try:
            with self._listener:
                for script in self._scripts:
                    stream = self._accept()
                    if stream is None:
                        return
                    self._outcomes.append(self._converse(stream, script))
        except BaseException as failure:  # noqa: BLE001 (the test raises it again)
            self._failure = failure

    def _accept(self) -> socket.socket | None:
        while not self._stopped.is_set():
            try:
                stream, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            return stream
        return None

    def _converse(self, stream: socket.socket, script: Script) -> Any:
        with stream:
            stream.settimeout(PATIENCE)
            if self._tls is not None:
                stream = self._tls.wrap_socket(stream, server_side=True)
            with stream:
                session = Session(stream, self.go)
                self.sessions.append(session)
                outcome = script(session)
                session.see_off()
                return outcome


def accept_value(key: str) -> str:
    """Sec-WebSocket-Accept for a key (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
