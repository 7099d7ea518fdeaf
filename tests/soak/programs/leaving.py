"""A program that ends, at some moment and in some way, in the midst of what it does.

    python -m soak.programs.leaving '<order as JSON>'

It says when it is busy, and when it begins to end if that is its own decision. It never closes a
connection. Without an activity it does the same without the package.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from faces import Client

THREADS = 3


@dataclass(frozen=True)
class Order:
    """What to do, and how to end it.

    Attributes:
        moment: Seconds after the beginning at which it ends, where that is its own decision.
        stalled_uri: Where a connection is accepted and nothing ever answered.
    """

    way: str
    kind: str
    activity: str
    face: str
    uri: str
    stalled_uri: str
    moment: float


def say(what: str) -> None:
    """One line; in one write, for there may be threads."""
    os.write(1, f"{json.dumps([what, time.monotonic()])}\n".encode())


def new_loop(kind: str) -> asyncio.AbstractEventLoop:
    """A loop of this kind, the blind one but in name; nothing is imported that it does not need."""
    if kind == "uvloop":
        import uvloop  # noqa: PLC0415

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def new_client(order: Order, uri: str) -> Client:
    """A client; the package is imported here."""
    from faces import FACES  # noqa: PLC0415

    # What the engine does for a loop that watches no sockets, it does for any that wants it.
    return FACES[order.face](uri, driver="lifeline" if order.kind == "blind" else "auto")


async def echo(order: Order) -> None:
    """Send and receive."""
    client = new_client(order, order.uri)
    await client.open()
    say("busy")
    while True:
        await client.send(b"hello")
        await client.receive()


async def receive(order: Order) -> None:
    """Receive a flood."""
    client = new_client(order, f"{order.uri}flood")
    await client.open()
    say("busy")
    while True:
        await client.receive()


async def open_one_after_the_other(order: Order) -> None:
    """Open connections, and leave them to the collector."""
    say("busy")
    while True:
        await new_client(order, order.uri).open()


async def wait_for_an_answer(order: Order) -> None:
    """Open a connection to a server that does not answer."""
    say("busy")
    await new_client(order, order.stalled_uri).open()


async def do_without(_: Order) -> None:
    """Nothing of ours: what it takes Python to end."""
    say("busy")
    while True:  # noqa: ASYNC110 (nothing is waited for)
        await asyncio.sleep(0.001)


ACTIVITIES: dict[str, Callable[[Order], Coroutine[Any, Any, None]]] = {
    "echo": echo,
    "flood": receive,
    "opening": open_one_after_the_other,
    "stalled": wait_for_an_answer,
    "nothing": do_without,
}
# These take no task: a connection is open, and what arrives is received by nobody.
TASKLESS = {"echo": "", "flood": "flood"}


@contextlib.contextmanager
def loop_of(order: Order) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop; its tasks are cancelled at the end, and it is closed, as asyncio.run does it."""
    loop = new_loop(order.kind)
    try:
        yield loop
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def exit_in_a_callback(order: Order) -> None:
    """sys.exit() while the loop runs."""

    def leave() -> None:
        say("leaves")
        sys.exit(EXPECTED[order.way])

    with loop_of(order) as loop:
        loop.call_later(order.moment, leave)
        loop.run_until_complete(ACTIVITIES[order.activity](order))


def return_from_main(order: Order) -> None:
    """The program's coroutine ends, and with it the program."""

    async def main() -> None:
        task = asyncio.ensure_future(ACTIVITIES[order.activity](order))
        await asyncio.wait([task], timeout=order.moment)
        say("leaves")

    with loop_of(order) as loop:
        loop.run_until_complete(main())


def be_interrupted(order: Order) -> None:
    """SIGINT, as Ctrl-C sends it, in a program that asyncio.run would run."""
    activity = ACTIVITIES[order.activity](order)
    try:
        if sys.version_info >= (3, 11):
            with asyncio.Runner(loop_factory=lambda: new_loop(order.kind)) as runner:
                runner.run(activity)
        else:
            with loop_of(order) as loop:
                loop.run_until_complete(activity)
    except KeyboardInterrupt:
        sys.exit(EXPECTED[order.way])


def be_terminated(order: Order) -> None:
    """SIGTERM, of which the program knows nothing."""
    with loop_of(order) as loop:
        loop.run_until_complete(ACTIVITIES[order.activity](order))


def be_asked_to_end(order: Order) -> None:
    """SIGTERM, upon which the program ends in order."""
    with loop_of(order) as loop:
        task = loop.create_task(ACTIVITIES[order.activity](order))
        loop.add_signal_handler(signal.SIGTERM, loop.stop)
        loop.run_forever()
        task.cancel()
    sys.exit(EXPECTED[order.way])


def stop_the_loop(order: Order) -> None:
    """The loop is stopped; what it did is cancelled, but no connection closed."""
    with loop_of(order) as loop:
        loop.create_task(ACTIVITIES[order.activity](order))
        loop.call_later(order.moment, loop.stop)
        loop.run_forever()
        say("leaves")
    sys.exit(EXPECTED[order.way])


def close_the_loop_early(order: Order) -> None:
    """The loop is closed under an open connection, which then is let go."""
    loop = new_loop(order.kind)
    kept = [run_for_the_moment(loop, order)]
    loop.close()
    say("leaves")
    kept.clear()
    gc.collect()


def never_close_the_loop(order: Order) -> None:
    """Neither the loop nor the connection is ever closed; both are kept to the very end."""
    loop = new_loop(order.kind)
    KEPT.append((loop, run_for_the_moment(loop, order)))
    say("leaves")


def run_for_the_moment(loop: asyncio.AbstractEventLoop, order: Order) -> object:
    """Have a connection open while the loop runs, and no task."""

    async def opened() -> Client | None:
        if order.activity == "nothing":
            return None
        client = new_client(order, order.uri + TASKLESS[order.activity])
        await client.open()
        return client

    client = loop.run_until_complete(opened())
    say("busy")
    loop.run_until_complete(asyncio.sleep(order.moment))
    return client


def leave_threads_behind(order: Order) -> None:
    """The program ends while threads of its own run loops."""
    for _ in range(THREADS):
        threading.Thread(target=be_terminated, args=[order], daemon=True).start()
    # Each has to import and to connect first, and they do so by turns.
    time.sleep(order.moment * THREADS)
    say("leaves")
    sys.exit(EXPECTED[order.way])


KEPT: list[object] = []
WAYS: dict[str, Callable[[Order], None]] = {
    "sys.exit": exit_in_a_callback,
    "return": return_from_main,
    "SIGINT": be_interrupted,
    "SIGTERM": be_terminated,
    "SIGTERM, handled": be_asked_to_end,
    "loop stopped": stop_the_loop,
    "loop closed early": close_the_loop_early,
    "loop never closed": never_close_the_loop,
    "threads with loops": leave_threads_behind,
}
# What the process is to end with. Each its own, so that none is taken for another.
EXPECTED = {
    "sys.exit": 11,
    "return": 0,
    "SIGINT": 12,
    "SIGTERM": -signal.SIGTERM,
    "SIGTERM, handled": 13,
    "loop stopped": 14,
    "loop closed early": 0,
    "loop never closed": 0,
    "threads with loops": 15,
}
WITHOUT_TASKS = {"loop closed early", "loop never closed"}


if __name__ == "__main__":
    order = Order(**json.loads(sys.argv[1]))
    WAYS[order.way](order)
