"""A task that wants its turn every 10 ms, and how long it waited for it.

What the machine took from the loop's thread meanwhile, to run others, is not counted: on Linux the
kernel tells it for each thread, elsewhere the thread's CPU time stands in.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

INTERVAL = 0.01


class Ticker:
    """The waits for a turn, in seconds, since `restart`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.restart()

    def restart(self) -> None:
        """Forget what was."""
        self._waits: list[float] = []
        self._last = self._clock()

    def tick(self) -> None:
        """It has its turn."""
        now = self._clock()
        self._waits.append(now - self._last)
        self._last = now

    @property
    def worst(self) -> float:
        """The longest wait, that for a turn still to come among them."""
        return max([*self._waits, self._clock() - self._last])


@contextlib.contextmanager
def undisturbed_clock() -> Iterator[Callable[[], float]]:
    """Seconds that went by for this thread: less those in which it could run and another did."""
    if sys.platform != "linux":
        yield time.thread_time
        return
    with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:

        def clock() -> float:
            file.seek(0)
            _, waited_for_a_core, _ = map(int, file.read().split())
            return time.monotonic() - waited_for_a_core / 1e9

        yield clock


@contextlib.asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    """A ticker on the running loop."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            ticker.tick()

    with undisturbed_clock() as clock:
        ticker = Ticker(clock)
        ticks = asyncio.ensure_future(tick())
        # A full collection goes through all that the tests before have left in this process.
        gc.freeze()
        try:
            yield ticker
        finally:
            gc.unfreeze()
            ticks.cancel()
            await asyncio.wait([ticks])
