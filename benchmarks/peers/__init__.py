"""The clients that are measured, one short file each, all through the same jobs.

A file offers `PEERS`: who it adds, each with what it can do. A package that is not installed, or
lacks the C that makes it fast, fails the file's import, and its peers are left out by name.
"""

from __future__ import annotations

import importlib
import ssl
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
    from pathlib import Path

# Every file, in the order of the tables; the last line's are of the detailed compression alone.
NAMES = (
    "aiowebsocket_connect",
    "aiowebsocket_converse",
    "aiowebsocket_doors",
    "picows_callbacks",
    "picows_websockets",
    "websockets_connect",
    "aiohttp_session",
    "on_aiofastnet",
    "tornado_client",
    "wreq_client",
    "websocket_client",
    "bare_protocol",
    "native_client",
    "aiowebsocket_levels",
    "websockets_without_c",
)
JOBS = frozenset(("echo", "flood", "sink", "crowd", "connect", "idle", "import"))
DEFLATING = JOBS | {"receive deflated", "send deflated"}


class Client(Protocol):
    """One open connection; after a job nothing of it is left on the way."""

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """Sends the payload and receives it back, `count` times, one after the other.

        The result is the time at which each came back.
        """

    async def flood(self, count: int, text: bool) -> bytes | str | memoryview:
        """Asks for a flood and receives its `count` messages, each an object of its own.

        The result is the last.
        """

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends the messages, one `await` each, then receives how many bytes the server got."""

    async def close(self) -> None:
        """Ends the connection by the closing handshake."""


@dataclass(frozen=True)
class Trust:
    """The authority that vouches for the server; a fresh one has no session to resume."""

    ca_file: Path
    fresh: bool = False

    @cached_property
    def context(self) -> ssl.SSLContext:
        """For those who build on the ssl module."""
        return ssl.create_default_context(cafile=str(self.ca_file))


@dataclass(frozen=True)
class Peer:
    """A client, in its fastest documented configuration: what it is called and how it is opened."""

    name: str
    # The distributions that it stands on, its own first; their versions are told.
    packages: tuple[str, ...]
    # What a program has to import.
    imports: str
    open: Callable[[str, Trust | None], Awaitable[Client]]
    # "ours", "door" (ours, by a way of its own), "peer" or "floor".
    role: str = "peer"
    jobs: frozenset[str] = JOBS
    open_deflating: Callable[[str], Awaitable[Client]] | None = None
    # What it does to an event loop before it runs on it.
    patch: Callable[[asyncio.AbstractEventLoop], object] | None = None
    # What its connections share on a loop, given up when they are closed.
    finish: Callable[[], Coroutine[None, None, None]] | None = None
    # Its coroutines never wait: it blocks the thread that it is called in.
    blocking: bool = False
    # Why its TLS connections are full handshakes even when it has been there before.
    never_resumes: str = ""
    # Why it cannot take part, or nothing.
    missing: str = ""
    # The file of this package that offers it; `load` says so.
    file: str = ""


@dataclass(frozen=True)
class Outside:
    """A client that is a program of its own, measured by itself."""

    name: str
    # URI without a resource, CA file, job, size, count: to seconds and CPU seconds of the whole.
    run: Callable[[str, Path, str, int, int], tuple[float, float]]
    jobs: frozenset[str]
    role: str = "floor"
    packages: tuple[str, ...] = ()
    never_resumes: str = ""
    missing: str = ""
    file: str = ""


Contender = Peer | Outside


def accelerated_by(*modules: str) -> None:
    """Without its C a client is not at its fastest: then it is left out, by an ImportError."""
    for module in modules:
        importlib.import_module(module)


def load(names: Sequence[str]) -> tuple[list[Contender], list[str]]:
    """The contenders of those files, and why others are left out."""
    found: list[Contender] = []
    left_out = []
    for name in names:
        try:
            offered = importlib.import_module(f"{__name__}.{name}").PEERS
        except ImportError as error:
            left_out.append(f"{name}: {error}")
            continue
        found += [replace(peer, file=name) for peer in offered if not peer.missing]
        left_out += [f"{peer.name}: {peer.missing}" for peer in offered if peer.missing]
    return found, left_out
