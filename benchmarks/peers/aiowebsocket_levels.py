"""Ours, told how thorough to be in compressing: 1 is aiohttp's level, 6 is websockets'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiowebsocket import PerMessageDeflate, connect

from . import Peer
from .aiowebsocket_connect import Client, open_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def at_level(level: int) -> Callable[[str], Awaitable[Client]]:
    """A way to open a connection that compresses so thoroughly."""

    async def open_deflating(uri: str) -> Client:
        compression = PerMessageDeflate(level=level)
        return Client(await connect(uri, compression=compression, max_size=None))

    return open_deflating


PEERS = tuple(
    Peer(
        f"aiowebsocket, level {level}",
        ("aiowebsocket",),
        "import aiowebsocket",
        open_client,
        role="door",
        jobs=frozenset(("send deflated",)),
        open_deflating=at_level(level),
    )
    for level in (3, 6)
)
