"""The clients that are measured, one short file each, all through the same jobs.

A peer is a module with a `NAME`, a `PACKAGE` (whose version is printed) and a coroutine function
`open_client(uri)` whose result has `echo(payload, count)`, `flood(count)` and `close()`. One that
compresses has `open_deflating(uri)` too, whose result has `feed(count)` and `pour(messages)`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

NAMES = (
    "aiowebsocket_connect",
    "aiowebsocket_converse",
    "picows_callbacks",
    "picows_websockets",
    "websockets_connect",
    "aiohttp_session",
)
# Who compresses; picows does not.
DEFLATING = (
    "aiowebsocket_connect",
    "websockets_connect",
    "websockets_without_c",
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


class DeflatingClient(Protocol):
    """One open connection with permessage-deflate."""

    async def feed(self, count: int) -> str:
        """Asks for a feed and receives its `count` texts, of which the last is the result."""

    async def pour(self, messages: Iterable[str]) -> int:
        """Sends the texts, then receives how many bytes their payloads were on the wire."""

    async def close(self) -> None:
        """Ends the connection by the closing handshake."""


class Peer(Protocol):
    """What each module in `NAMES` offers."""

    NAME: str
    PACKAGE: str

    async def open_client(self, uri: str) -> Client:
        """Opens a connection without compression and without keepalive."""


class DeflatingPeer(Protocol):
    """What each module in `DEFLATING` offers."""

    NAME: str
    PACKAGE: str

    async def open_deflating(self, uri: str) -> DeflatingClient:
        """Opens a connection with compression, as it is by default, and without keepalive."""


def load(name: str) -> Peer | None:
    """The peer of that name in `NAMES`, or none where its package is not installed."""
    return cast("Peer | None", _module(name))


def load_deflating(name: str) -> DeflatingPeer | None:
    """The peer of that name in `DEFLATING`, or none where its package is not installed."""
    return cast("DeflatingPeer | None", _module(name))


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ImportError:
        return None
