"""Ours, by the face for new code."""

from __future__ import annotations

import itertools
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aiowebsocket import ClientConnection, TLSConfig, connect

from . import DEFLATING, Peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust

ATTEMPT = itertools.count()


class Client:
    """Every job by `await send` and `await recv`."""

    def __init__(self, connection: ClientConnection) -> None:
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


def tls(trust: Trust | None) -> TLSConfig | None:
    """Connections with equal configurations resume each other's sessions: a fresh one is unlike."""
    if trust is None:
        return None
    if trust.fresh:
        return TLSConfig(ca_data=f"{trust.ca_file.read_text()}\n{next(ATTEMPT)}\n")
    return TLSConfig(ca_file=trust.ca_file)


async def opened(uri: str, trust: Trust | None, **options: Any) -> ClientConnection:
    """A connection without compression and limit; its keepalive is on, as it is by default."""
    return await connect(uri, ssl=tls(trust), compression=None, max_size=None, **options)


async def open_client(uri: str, trust: Trust | None) -> Client:
    """The connection, ready for a job."""
    return Client(await opened(uri, trust))


async def open_deflating(uri: str) -> Client:
    """A connection that compresses as it does by default."""
    return Client(await connect(uri, max_size=None))


PEERS = (
    Peer(
        "aiowebsocket connect",
        ("aiowebsocket",),
        "import aiowebsocket",
        open_client,
        role="ours",
        jobs=DEFLATING,
        open_deflating=open_deflating,
    ),
)
