"""websocket-client: no event loop, every call blocks its thread."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from websocket import WebSocket, create_connection

from . import Peer, accelerated_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust

accelerated_by("wsaccel.utf8validator", "wsaccel.xormask")


class Client:
    """Every job by `send` and `recv`; the coroutines never wait."""

    def __init__(self, connection: WebSocket) -> None:
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        send, recv = self.connection.send_binary, self.connection.recv
        times = []
        for _ in range(count):
            send(payload)
            recv()
            times.append(perf_counter())
        return times

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages."""
        recv = self.connection.recv
        self.connection.send("go")
        message: bytes | str = ""
        for _ in range(count):
            message = recv()
        return message

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other, receives the count of their bytes."""
        send_binary, send = self.connection.send_binary, self.connection.send
        for message in messages:
            if isinstance(message, bytes):
                send_binary(message)
            else:
                send(message)
        return int(self.connection.recv())

    async def close(self) -> None:
        """Says goodbye."""
        self.connection.close()


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection that does nothing but what is measured, used by one thread alone."""
    options = {} if trust is None else {"context": trust.context}
    return Client(create_connection(uri, sslopt=options, enable_multithread=False))


PEERS = (
    Peer(
        "websocket-client",
        ("websocket-client", "wsaccel"),
        "import websocket",
        open_client,
        blocking=True,
        never_resumes="it passes no session to the ssl module",
    ),
)
