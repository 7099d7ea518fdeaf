"""The kinds of event loop that are installed, and a block on a loop of its own.

It knows nothing of WebSockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Patch = Callable[[asyncio.AbstractEventLoop], object]

ResultT = TypeVar("ResultT")
# What a table says of one who needs no event loop; where asyncio serves only to call it.
NONE = "none"
# Seconds after which a block is given up: a peer that hangs must not hang the run.
STUCK = 120.0


def installed() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The kinds of event loop, by name."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415

        loops["uvloop"] = uvloop.new_event_loop
    return loops


LOOPS = installed()


def new(kind: str, patch: Patch | None = None) -> asyncio.AbstractEventLoop:
    """A loop of that kind, patched as its peer wants it."""
    loop = LOOPS.get(kind, asyncio.new_event_loop)()
    if patch is not None:
        patch(loop)
    return loop


def close(loop: asyncio.AbstractEventLoop) -> None:
    """Ends a loop, and the threads that it may have started."""
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def run(
    kind: str, patch: Patch | None, block: Callable[[], Coroutine[None, None, ResultT]]
) -> ResultT:
    """Runs a block on an event loop of its own, with the garbage of others taken away."""
    loop = new(kind, patch)
    gc.collect()
    try:
        return loop.run_until_complete(asyncio.wait_for(block(), STUCK))
    finally:
        close(loop)
