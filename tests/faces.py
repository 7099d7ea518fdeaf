"""Each face of the package as one client, so that a test is written once for all of them.

Knows the public names of the package; knows nothing of peers. Which faces there are is told here,
and nowhere else: a test asks for each of them by the axis `face` (axes.py).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiowebsocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Client(Protocol):
    """A connection that is to be opened, used and closed."""

    def __init__(self, uri: str, *, open_timeout: float = 10, **options: Any) -> None: ...

    async def open(self) -> None: ...

    async def receive(self) -> Any: ...

    async def send(self, message: bytes) -> None: ...

    async def close(self) -> None: ...

    @property
    def close_code(self) -> int | None: ...

    @property
    def stats(self) -> aiowebsocket.Stats: ...


class ByConnect:
    """The face for new code."""

    def __init__(self, uri: str, *, open_timeout: float = 10, **options: Any) -> None:
        self._opening = aiowebsocket.connect(uri, open_timeout=open_timeout, **options)

    async def open(self) -> None:
        self._ws = await self._opening

    async def receive(self) -> Any:
        return await self._ws.recv()

    async def send(self, message: bytes) -> None:
        await self._ws.send(message)

    async def close(self) -> None:
        await self._ws.close()

    @property
    def close_code(self) -> int | None:
        return self._ws.close_code

    @property
    def stats(self) -> aiowebsocket.Stats:
        return self._ws.stats


class ByAioWebSocket:
    """The original's face."""

    def __init__(self, uri: str, *, open_timeout: float = 10, **options: Any) -> None:
        self._aws = aiowebsocket.AioWebSocket(uri, timeout=open_timeout, **options)

    async def open(self) -> None:
        await self._aws.create_connection()

    async def receive(self) -> Any:
        return await self._aws.manipulator.receive()

    async def send(self, message: bytes) -> None:
        await self._aws.manipulator.send(message)

    async def close(self) -> None:
        await self._aws.close_connection()

    @property
    def close_code(self) -> int | None:
        return self._aws.close_code

    @property
    def stats(self) -> aiowebsocket.Stats:
        stats: aiowebsocket.Stats = self._aws.manipulator.stats
        return stats


FACES: dict[str, type[Client]] = {"connect": ByConnect, "AioWebSocket": ByAioWebSocket}


class Opened(NamedTuple):
    """What the faces call differently; `connection` has the rest."""

    connection: Any
    recv: Callable[[], Any]
    recv_many: Callable[..., Any]
    send: Callable[[str | bytes], Any]


@contextlib.asynccontextmanager
async def opened(face: str, uri: str, **options: Any) -> AsyncIterator[Opened]:
    """An open connection, which is closed at the end."""
    if face == "connect":
        async with aiowebsocket.connect(uri, **options) as ws:
            yield Opened(ws, ws.recv, ws.recv_many, ws.send)
    else:
        async with aiowebsocket.AioWebSocket(uri, **options) as aws:
            converse = aws.manipulator
            yield Opened(converse, converse.receive, converse.receive_many, converse.send)


def as_bytes(message: str | bytes | None) -> bytes:
    """The payload, whichever way a face hands it out: the original's has None for an empty one."""
    return message.encode() if isinstance(message, str) else message or b""


def handed_out(face: str, message: str | bytes) -> str | bytes | None:
    """What `recv` of the face gives for a message: the original's knows no str and no empty one."""
    return message if face == "connect" else as_bytes(message) or None
