"""aiohttp's client session: the WebSocket client that many applications already carry."""

from __future__ import annotations

from aiohttp import ClientSession, ClientWebSocketResponse

NAME = "aiohttp"
PACKAGE = "aiohttp"


class Client:
    """Echo and flood by `await send_bytes` and `await receive_bytes`."""

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

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()
        await self.session.close()


async def open_client(uri: str) -> Client:
    """A connection that does nothing but what is measured."""
    session = ClientSession()
    return Client(session, await session.ws_connect(uri, compress=0, max_msg_size=0))
