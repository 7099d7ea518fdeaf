"""What keeps an event loop from running, and how a test waits while it does run.

A sleep lets other threads have the interpreter, so a peer of our own process goes on meanwhile; a
long call of C does not.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = 10**6


def sleep(seconds: float) -> None:
    """Block this thread, and so its loop, and nobody else."""
    time.sleep(seconds)


def hold_the_interpreter(seconds: float) -> None:
    """Block every thread of the process that wants Python, by one call at least so long."""
    began = time.perf_counter()
    sum(range(_NUMBERS))
    count = int(_NUMBERS * seconds / (time.perf_counter() - began))
    sum(range(count))
    missing = seconds - (time.perf_counter() - began)
    if missing > 0:
        hold_the_interpreter(missing)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what nothing tells of; the loop runs on meanwhile."""
    while not condition():  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.002)
