"""The clients that are measured, one short file each, all through the same two jobs.

A peer is a module with a `NAME`, a `PACKAGE` (whose version is printed) and a coroutine function
`open_client(uri)` whose result has `echo(payload, count)`, `flood(count)` and `close()`.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

NAMES = (
    "aiowebsocket_connect",
    "aiowebsocket_converse",
    "picows_callbacks",
    "picows_websockets",
    "websockets_connect",
    "aiohttp_session",
)


class Client(Protocol):
    """One open connection; after `echo` or `flood` nothing of that job is left on the way."""

    async def echo(self, payload: bytes, count: int) -> None:
        """Sends the payload and receives it back, `count` times, one after the other."""

    async def flood(self, count: int) -> None:
        """Asks for a flood and receives its `count` messages, each as bytes of its own."""

    async def close(self) -> None:
        """Ends the connection by the closing handshake."""


class Peer(Protocol):
    """What a module of this package offers."""

    NAME: str
    PACKAGE: str

    async def open_client(self, uri: str) -> Client:
        """Opens a connection without compression and without keepalive."""


def load(name: str) -> Peer | None:
    """The peer of that name, or none where its package is not installed."""
    try:
        return cast("Peer", importlib.import_module(f"{__name__}.{name}"))
    except ImportError:
        return None
