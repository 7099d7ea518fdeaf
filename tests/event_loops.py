"""How a test's coroutine is run: on a fresh event loop of the kind asked for, in a limited time.

What the loop complains of (an exception that nobody awaited, a callback that failed) fails the
test.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

TIME_LIMIT = 40.0


class BlindEventLoop(asyncio.SelectorEventLoop):
    """A loop that watches no sockets for others, as Windows' proactor loop does not."""

    def add_reader(self, *_: Any) -> None:  # type: ignore[override]
        raise NotImplementedError

    def add_writer(self, *_: Any) -> None:  # type: ignore[override]
        raise NotImplementedError

    # What the loop watches for itself it may let go of.

    def remove_reader(self, fd: Any) -> bool:
        if super().remove_reader(fd):
            return True
        raise NotImplementedError

    def remove_writer(self, fd: Any) -> bool:
        if super().remove_writer(fd):
            return True
        raise NotImplementedError


KINDS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "blind": BlindEventLoop,
}
MISSING: list[str] = []

try:
    import uvloop
except ImportError:
    MISSING.append("uvloop")
else:
    KINDS["uvloop"] = uvloop.new_event_loop

WATCHING = [kind for kind in (*KINDS, *MISSING) if kind != "blind"]


@contextlib.contextmanager
def fresh_loop(kind: str) -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that is emptied and closed at the end, as asyncio.run does it."""
    loop = KINDS[kind]()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        try:
            cancel_what_is_left(loop)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
    assert not complaints, complaints


def cancel_what_is_left(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that the test left behind, and let them end."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=TIME_LIMIT))
    stuck = [task for task in tasks if not task.done()]
    assert not stuck, f"cannot be cancelled: {stuck}"


def run(kind: str, coroutine: Coroutine[Any, Any, T], time_limit: float = TIME_LIMIT) -> T:
    """Run a coroutine to its end on a fresh event loop."""
    with fresh_loop(kind) as loop:
        return loop.run_until_complete(asyncio.wait_for(coroutine, time_limit))
