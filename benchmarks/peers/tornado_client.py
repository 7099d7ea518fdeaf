"""tornado's client, on asyncio's loop as it always is by now."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from . import DEFLATING, Peer, accelerated_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust

accelerated_by("tornado.speedups")

# Its limit cannot be taken away, only raised.
LIMIT = 2**30


class Client:
    """Every job by `write_message` and `read_message`."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        write, read = self.connection.write_message, self.connection.read_message
        times = []
        for _ in range(count):
            await write(payload, binary=True)
            await read()
            times.append(perf_counter())
        return times

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages."""
        read = self.connection.read_message
        await self.connection.write_message("go")
        message: bytes | str | None = ""
        for _ in range(count):
            message = await read()
        return message or ""

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other, receives the count of their bytes."""
        write = self.connection.write_message
        for message in messages:
            await write(message, binary=isinstance(message, bytes))
        return int(await self.connection.read_message() or 0)

    async def close(self) -> None:
        """Says goodbye, and waits for the answer."""
        self.connection.close()
        while await self.connection.read_message() is not None:
            pass


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection that does nothing but what is measured."""
    context = None if trust is None else trust.context
    request = HTTPRequest(uri, ssl_options=context)
    return Client(await websocket_connect(request, max_message_size=LIMIT))


async def open_deflating(uri: str) -> Client:
    """A connection that compresses as it does if it is told to."""
    return Client(await websocket_connect(uri, compression_options={}, max_message_size=LIMIT))


PEERS = (
    Peer(
        "tornado",
        ("tornado",),
        "from tornado.websocket import websocket_connect",
        open_client,
        jobs=DEFLATING,
        open_deflating=open_deflating,
        never_resumes="it passes no session to the ssl module",
    ),
)
