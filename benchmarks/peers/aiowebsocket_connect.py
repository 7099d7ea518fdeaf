"""Ours, by the face for new code."""

from __future__ import annotations

from aiowebsocket import ClientConnection, connect

NAME = "aiowebsocket connect"
PACKAGE = "aiowebsocket"


class Client:
    """Echo and flood by `await send` and `await recv`."""

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

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()


async def open_client(uri: str) -> Client:
    """A connection that does nothing but what is measured."""
    return Client(await connect(uri, compression=None, ping_interval=None, max_size=None))
