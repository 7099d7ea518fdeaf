"""aiohttp's client session: the WebSocket client that many applications already carry."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector

from . import DEFLATING, Peer, accelerated_by

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust

accelerated_by("aiohttp._websocket.mask", "aiohttp._websocket.reader_c")


SESSIONS: dict[asyncio.AbstractEventLoop, ClientSession] = {}


class Client:
    """Every job by `await send_bytes` and `await receive_bytes`, or their like for text."""

    def __init__(self, connection: ClientWebSocketResponse[bool]) -> None:
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        send, receive = self.connection.send_bytes, self.connection.receive_bytes
        times = []
        for _ in range(count):
            await send(payload)
            await receive()
            times.append(perf_counter())
        return times

    async def flood(self, count: int, text: bool) -> bytes | str:
        """Asks once, receives `count` messages."""
        receive = self.connection.receive_str if text else self.connection.receive_bytes
        await self.connection.send_str("go")
        message: bytes | str = ""
        for _ in range(count):
            message = await receive()
        return message

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other, receives the count of their bytes."""
        send_bytes, send_str = self.connection.send_bytes, self.connection.send_str
        for message in messages:
            if isinstance(message, bytes):
                await send_bytes(message)
            else:
                await send_str(message)
        return int(await self.connection.receive_str())

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()


def session() -> ClientSession:
    """One for all connections of a loop, as its documentation advises."""
    loop = asyncio.get_running_loop()
    if loop not in SESSIONS:
        # Without a limit: the crowd has more connections than the hundred that are its default.
        SESSIONS[loop] = ClientSession(connector=TCPConnector(limit=0))
    return SESSIONS[loop]


async def finish() -> None:
    """Closes the session of this loop."""
    await SESSIONS.pop(asyncio.get_running_loop()).close()


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection that does nothing but what is measured."""
    context = True if trust is None else trust.context
    return Client(await session().ws_connect(uri, ssl=context, compress=0, max_msg_size=0))


async def open_deflating(uri: str) -> Client:
    """A connection that compresses with the full window: aiohttp does so only if it is told to."""
    return Client(await session().ws_connect(uri, compress=15, max_msg_size=0))


PEERS = (
    Peer(
        "aiohttp",
        ("aiohttp",),
        "import aiohttp",
        open_client,
        jobs=DEFLATING,
        open_deflating=open_deflating,
        finish=finish,
        never_resumes="asyncio resumes no TLS session",
    ),
)
