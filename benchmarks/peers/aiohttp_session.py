"""aiohttp's client session: the WebSocket client that many applications already carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import ClientSession, ClientWebSocketResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "aiohttp"
PACKAGE = "aiohttp"


class Client:
    """Every job by `await send_bytes` and `await receive_bytes`."""

    def __init__(self, session: ClientSession, connection: ClientWebSocketResponse[bool]) -> None:
        self.session = session
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> None:
        """One message at a time, there and back."""
        send, receive = self.connection.send_bytes, self.connection.receive_bytes
        for _ in range(count):
            await send(payload)
            await receive()

    async def flood(self, count: int) -> None:
        """Asks once, receives `count` messages."""
        receive = self.connection.receive_bytes
        await self.connection.send_bytes(b"go")
        for _ in range(count):
            await receive()

    async def feed(self, count: int) -> str:
        """Asks once, receives `count` texts."""
        receive_str = self.connection.receive_str
        await self.connection.send_str("go")
        message = ""
        for _ in range(count):
            message = cast("str", await receive_str())
        return message

    async def pour(self, messages: Iterable[str]) -> int:
        """Sends one text after the other, receives the count of their bytes."""
        send = self.connection.send_str
        for message in messages:
            await send(message)
        return int(await self.connection.receive_str())

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()
        await self.session.close()


async def open_client(uri: str) -> Client:
    """A connection that does nothing but what is measured."""
    session = ClientSession()
    return Client(session, await session.ws_connect(uri, compress=0, max_msg_size=0))


async def open_deflating(uri: str) -> Client:
    """A connection that compresses with the full window: aiohttp does so only if it is told to."""
    session = ClientSession()
    return Client(session, await session.ws_connect(uri, compress=15, max_msg_size=0))
