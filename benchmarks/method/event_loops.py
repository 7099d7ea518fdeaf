"""The kinds of event loop that are installed, and a block on a loop of its own.

It knows nothing of WebSockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Patch = Callable[[asyncio.AbstractEventLoop], object]

    class Guest(Protocol):
        """Who is measured, as far as a loop is concerned."""

        @property
        def patch(self) -> Patch | None:
            """What it does to a loop before it runs there."""

        @property
        def finish(self) -> Callable[[], Coroutine[None, None, None]] | None:
            """What it shared on a loop and now gives up."""


ResultT = TypeVar("ResultT")
# What a table says of one who needs no event loop; where asyncio serves only to call it.
NONE = "none"
# Seconds after which a block is given up: a peer that hangs must not hang the run.
STUCK = 45.0


def installed() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The kinds of event loop, by name."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415

        loops["uvloop"] = uvloop.new_event_loop
    return loops


LOOPS = installed()


def new(kind: str, guest: Guest) -> asyncio.AbstractEventLoop:
    """A loop of that kind, patched as its guest wants it."""
    loop = LOOPS.get(kind, asyncio.new_event_loop)()
    if guest.patch is not None:
        guest.patch(loop)
    return loop


def close(loop: asyncio.AbstractEventLoop, guest: Guest) -> None:
    """Ends a loop, what its guest shared there, and the threads that it may have started."""
    if guest.finish is not None:
        loop.run_until_complete(guest.finish())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def run(kind: str, guest: Guest, block: Callable[[], Coroutine[None, None, ResultT]]) -> ResultT:
    """Runs a block on an event loop of its own, with the garbage of others taken away."""
    loop = new(kind, guest)
    gc.collect()
    try:
        return loop.run_until_complete(asyncio.wait_for(block(), STUCK))
    finally:
        close(loop, guest)
