"""Ours, by the face of the original: what a script from 2019 calls."""

from __future__ import annotations

from aiowebsocket.converses import AioWebSocket

NAME = "aiowebsocket Converse"
PACKAGE = "aiowebsocket"


class Client:
    """Echo and flood by `await send` and `await receive`."""

    def __init__(self, aws: AioWebSocket) -> None:
        self.aws = aws
        converse = aws.manipulator
        if converse is None:
            raise ConnectionError("AioWebSocket has connected but offers no manipulator")
        self.converse = converse

    async def echo(self, payload: bytes, count: int) -> None:
        """One message at a time, there and back."""
        send, receive = self.converse.send, self.converse.receive
        for _ in range(count):
            await send(payload)
            await receive()

    async def flood(self, count: int) -> None:
        """Asks once, receives `count` messages."""
        receive = self.converse.receive
        await self.converse.send(b"go")
        for _ in range(count):
            await receive()

    async def close(self) -> None:
        """Says goodbye."""
        await self.aws.close_connection()


async def open_client(uri: str) -> Client:
    """A connection that does nothing but what is measured."""
    aws = AioWebSocket(uri, max_size=None)
    await aws.create_connection()
    return Client(aws)
