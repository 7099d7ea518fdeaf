"""Both faces of the package as one client, so that a table of cases is judged for each of them.

Knows the public names of the package; knows nothing of peers.
"""

from __future__ import annotations

from typing import Any, Protocol

import aiowebsocket


class Client(Protocol):
    """A connection that is to be opened, used and closed."""

    def __init__(self, uri: str, *, open_timeout: float = 10, **options: Any) -> None: ...

    async def open(self) -> None: ...

    async def receive(self) -> Any: ...

    async def send(self, message: bytes) -> None: ...

    async def close(self) -> None: ...

    @property
    def close_code(self) -> int | None: ...


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


FACES: dict[str, type[Client]] = {"connect": ByConnect, "AioWebSocket": ByAioWebSocket}


def as_bytes(message: str | bytes | None) -> bytes:
    """The payload, whichever way a face hands it out: the original's has None for an empty one."""
    return message.encode() if isinstance(message, str) else message or b""
