"""websockets: the client whose API most people know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from websockets.asyncio.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "websockets"
PACKAGE = "websockets"


class Client:
    """Every job by `await send` and `await recv`."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> None:
        """One message at a time, there and back."""
        send, recv = self.connection.send, self.connection.recv
        for _ in range(count):
            await send(payload)
            await recv()

    async def flood(self, count: int) -> None:
        """Asks once, receives `count` messages."""
        recv = self.connection.recv
        await self.connection.send(b"go")
        for _ in range(count):
            await recv()

    async def feed(self, count: int) -> str:
        """Asks once, receives `count` texts."""
        recv = self.connection.recv
        await self.connection.send("go")
        message = ""
        for _ in range(count):
            message = cast("str", await recv())
        return message

    async def pour(self, messages: Iterable[str]) -> int:
        """Sends one text after the other, receives the count of their bytes."""
        send = self.connection.send
        for message in messages:
            await send(message)
        return int(await self.connection.recv())

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()


async def open_client(uri: str) -> Client:
    """A connection that does nothing but what is measured."""
    return Client(
        await connect(uri, compression=None, ping_interval=None, max_size=None, proxy=None)
    )


async def open_deflating(uri: str) -> Client:
    """A connection that compresses as it does by default."""
    return Client(await connect(uri, ping_interval=None, max_size=None, proxy=None))
