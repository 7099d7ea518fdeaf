"""The descriptors of this process. It knows nothing of connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


def count() -> int:
    """How many are open."""
    return len(os.listdir(_OPEN)) - 1  # the folder itself was open


async def settled(base: int, patience: float = 5.0) -> int:
    """How many are open when there are no more than `base`, or when patience ends."""
    end = time.monotonic() + patience
    while (now := count()) > base and time.monotonic() < end:  # noqa: ASYNC110 (nothing tells)
        await asyncio.sleep(0.01)
    return now


@contextlib.contextmanager
def limited_to(most: int) -> Iterator[None]:
    """No more than these for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def allow(count: int) -> bool:
    """Raise the limit to so many, the hard one too where we may; whether there is room now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return True
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(count, hard)))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= count
