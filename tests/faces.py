"""A connection of either face, and its `recv` and `send` under one name each."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from aiowebsocket import AioWebSocket, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

both_faces = pytest.mark.parametrize("face", ["connect", "AioWebSocket"])


class Opened(NamedTuple):
    """What either face calls differently; `connection` has the rest."""

    connection: Any
    recv: Callable[[], Any]
    send: Callable[[str | bytes], Any]


@contextlib.asynccontextmanager
async def opened(face: str, uri: str, **options: Any) -> AsyncIterator[Opened]:
    """An open connection, which is closed at the end."""
    if face == "connect":
        async with connect(uri, **options) as ws:
            yield Opened(ws, ws.recv, ws.send)
    else:
        async with AioWebSocket(uri, **options) as aws:
            converse = aws.manipulator
            yield Opened(converse, converse.receive, converse.send)
