"""What keeps an event loop from running, and how a test waits while it does run.

A sleep lets other threads have the interpreter, so a peer of our own process goes on meanwhile; a
long call of C does not.
"""

from __future__ import annotations

import asyncio
import ctypes
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

_PATIENCE = 10.0


def sleep(seconds: float) -> None:
    """Block this thread, and so its loop, and nobody else."""
    time.sleep(seconds)


def block_until(condition: Callable[[], object]) -> None:
    """Block this thread, and so its loop, until something has happened without it."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen while the loop was blocked"
        time.sleep(0.005)


class _Polled(ctypes.Structure):
    """struct pollfd, poll(2)."""

    _fields_ = (
        ("fd", ctypes.c_int),
        ("events", ctypes.c_short),
        ("revents", ctypes.c_short),
    )


def hold_the_interpreter(until_readable: socket.socket) -> None:
    """Block every thread of the process that wants Python, by a call that does not let go of it,
    until something comes that only another process can have sent."""
    polled = _Polled(until_readable.fileno(), select.POLLIN)
    ready = ctypes.PyDLL(None).poll(ctypes.byref(polled), 1, int(_PATIENCE * 1000))
    assert ready == 1, "it did not happen while the interpreter was held"


async def until(condition: Callable[[], object]) -> None:
    """Wait for what nothing tells of; the loop runs on meanwhile."""
    while not condition():  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.002)
