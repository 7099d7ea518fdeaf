"""Ours, by the face of the original: what a script from 2019 calls."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from aiowebsocket.converses import AioWebSocket

from . import JOBS, Peer
from .aiowebsocket_connect import tls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust


class Client:
    """Every job by `await send` and `await receive`."""

    def __init__(self, aws: AioWebSocket) -> None:
        self.aws = aws
        self.converse = aws.manipulator

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        send, receive = self.converse.send, self.converse.receive
        times = []
        for _ in range(count):
            await send(payload)
            await receive()
            times.append(perf_counter())
        return times

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages."""
        receive = self.converse.receive
        await self.converse.send("go")
        message: bytes | str = ""
        for _ in range(count):
            message = await receive()
        return message

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other, receives the count of their bytes."""
        send = self.converse.send
        for message in messages:
            await send(message)
        return int(await self.converse.receive())

    async def close(self) -> None:
        """Says goodbye."""
        await self.aws.close_connection()


async def opened(uri: str, trust: Trust | None, **options: Any) -> AioWebSocket:
    """A connection without a limit; its keepalive is on, as in `connect`."""
    keepalive: dict[str, Any] = {"ping_interval": 20, "ping_timeout": 20}
    aws = AioWebSocket(uri, ssl=tls(trust), max_size=None, **keepalive, **options)
    await aws.create_connection()
    return aws


async def open_client(uri: str, trust: Trust | None) -> Client:
    """The connection, ready for a job."""
    return Client(await opened(uri, trust))


PEERS = (
    Peer(
        "aiowebsocket Converse",
        ("aiowebsocket",),
        "from aiowebsocket.converses import AioWebSocket",
        open_client,
        role="ours",
        jobs=JOBS,
    ),
)
