"""websockets: the client whose API most people know."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect

from . import DEFLATING, Peer, accelerated_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust

accelerated_by("websockets.speedups")


class Client:
    """Every job by `await send` and `await recv`."""

    def __init__(self, connection: Any) -> None:
        # Of websockets, or of those who took its shape.
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        send, recv = self.connection.send, self.connection.recv
        times = []
        for _ in range(count):
            await send(payload)
            await recv()
            times.append(perf_counter())
        return times

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages."""
        recv = self.connection.recv
        await self.connection.send("go")
        message: bytes | str = ""
        for _ in range(count):
            message = await recv()
        return message

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other, receives the count of their bytes."""
        send = self.connection.send
        for message in messages:
            await send(message)
        return int(await self.connection.recv())

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection that does nothing but what is measured."""
    context = None if trust is None else trust.context
    return Client(
        await connect(
            uri, ssl=context, compression=None, ping_interval=None, max_size=None, proxy=None
        )
    )


async def open_deflating(uri: str) -> Client:
    """A connection that compresses as it does by default."""
    return Client(await connect(uri, ping_interval=None, max_size=None, proxy=None))


PEERS = (
    Peer(
        "websockets",
        ("websockets",),
        "from websockets.asyncio.client import connect",
        open_client,
        jobs=DEFLATING,
        open_deflating=open_deflating,
        never_resumes="asyncio resumes no TLS session",
    ),
)
