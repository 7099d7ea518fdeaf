"""What keeps an event loop from running, and how a test waits while it does run.

A sleep lets other threads have the interpreter, so a peer of our own process goes on meanwhile; a
long call of C does not.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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


def hold_the_interpreter(until_sent_to: socket.socket) -> None:
    """Block every thread of the process that wants Python, by a call that does not let go of it,
    until another process has sent something."""
    sockets = ctypes.PyDLL("ws2_32" if sys.platform == "win32" else None)
    byte = ctypes.create_string_buffer(1)
    count = sockets.recv(until_sent_to.fileno(), byte, 1, socket.MSG_PEEK)
    assert count == 1, "it did not happen while the interpreter was held"


async def until(condition: Callable[[], object]) -> None:
    """Wait for what nothing tells of; the loop runs on meanwhile."""
    while not condition():  # noqa: ASYNC110 (nothing tells of it)
        await asyncio.sleep(0.002)
