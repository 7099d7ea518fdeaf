"""Ours, by the doors that no asyncio peer has: many messages at once, and a bounded spin."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aiowebsocket import ClientConnection, connect
from aiowebsocket.converses import AioWebSocket, Converse

from . import Peer, aiowebsocket_connect, aiowebsocket_converse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from . import Client, Trust

# A batch that fills a system call with small messages, and what a program would gather itself.
BATCH = 256


class ReceivesMany(aiowebsocket_connect.Client):
    """A flood by `await recv_many`."""

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages in lists."""
        connection: Any = self.connection
        return await _many(connection.send, connection.recv_many, count)


class ConverseReceivesMany(aiowebsocket_converse.Client):
    """A flood by `await receive_many`."""

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages in lists."""
        return await _many(self.converse.send, self.converse.receive_many, count)


class SendsMany(aiowebsocket_connect.Client):
    """A sink by `await send_many`."""

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends lists, receives the count of their bytes."""
        connection: Any = self.connection
        batch = []
        for message in messages:
            batch.append(message)
            if len(batch) == BATCH:
                await connection.send_many(batch)
                batch = []
        await connection.send_many(batch)
        return int(await connection.recv())


async def _many(
    send: Callable[[str], Awaitable[None]],
    receive_many: Callable[[], Awaitable[list[bytes | str]]],
    count: int,
) -> bytes | str:
    await send("go")
    messages: list[bytes | str] = []
    while count > 0:
        messages = await receive_many()
        count -= len(messages)
    return messages[-1]


def opener(
    client: type[aiowebsocket_connect.Client], **options: Any
) -> Callable[[str, Trust | None], Awaitable[Client]]:
    """A way to open such a client with such options."""

    async def open_client(uri: str, trust: Trust | None) -> Client:
        return client(await aiowebsocket_connect.opened(uri, trust, **options))

    return open_client


async def open_converse_many(uri: str, trust: Trust | None) -> Client:
    """The original's face, receiving lists."""
    return ConverseReceivesMany(await aiowebsocket_converse.opened(uri, trust))


async def open_converse_spinning(uri: str, trust: Trust | None) -> Client:
    """The original's face, with the spin."""
    return aiowebsocket_converse.Client(
        await aiowebsocket_converse.opened(uri, trust, busy_poll=20)
    )


def door(
    name: str, job: str, open_client: Callable[[str, Trust | None], Awaitable[Client]], there: bool
) -> Peer:
    """A contender of one job, left out where this build does not have the door."""
    return Peer(
        f"aiowebsocket {name}",
        ("aiowebsocket",),
        "import aiowebsocket",
        open_client,
        role="door",
        jobs=frozenset((job,)),
        missing="" if there else "this build of aiowebsocket does not have it",
    )


OPTIONS = inspect.signature(connect).parameters
PEERS = (
    door("recv_many", "flood", opener(ReceivesMany), hasattr(ClientConnection, "recv_many")),
    door("receive_many", "flood", open_converse_many, hasattr(Converse, "receive_many")),
    door("send_many", "sink", opener(SendsMany), hasattr(ClientConnection, "send_many")),
    door(
        "coalesce",
        "sink",
        opener(aiowebsocket_connect.Client, coalesce=True),
        "coalesce" in OPTIONS,
    ),
    door(
        "busy_poll=20",
        "echo 256 B",
        opener(aiowebsocket_connect.Client, busy_poll=20),
        "busy_poll" in OPTIONS,
    ),
    door(
        "Converse busy_poll=20",
        "echo 256 B",
        open_converse_spinning,
        "busy_poll" in inspect.signature(AioWebSocket).parameters,
    ),
)
