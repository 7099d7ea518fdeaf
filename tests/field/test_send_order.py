"""The order of calls is the order on the wire, whatever a send had to wait for, and room wakes the
first in line alone.

The peer reads nothing until it may, so the first send fills the network and the output, and those
behind it stand in line.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, connect
from blocking import block_until, sleep, until
from peers import frames

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session

SHORT = 10.0
# More than the kernel's buffers of both ends and the output take.
FILL = bytes(2**24)
OPTIONS: dict[str, Any] = {"compression": None, "write_limit": 2**15, "ping_interval": None}
both_drivers = pytest.mark.parametrize("driver", ["auto", "lifeline"])


def collects(session: Session) -> list[str]:
    """Once it may: each message but the fill, its fragments joined by a plus."""
    session.open()
    session.wait_for_go()
    messages: list[str] = []
    parts: list[str] = []
    while (frame := session.receive()).opcode != frames.CLOSE:
        if frame.opcode in (frames.PING, frames.PONG):
            continue
        assert (frame.opcode == frames.CONTINUATION) == bool(parts), "messages are interleaved"
        parts.append(f"fill {len(frame.payload)}" if len(frame.payload) > 99 else text_of(frame))
        if frame.fin:
            # A message in parts ends with an empty one.
            messages.append("+".join(filter(None, parts)))
            parts = []
    session.send_close()
    session.hang_up()
    return [message for message in messages if not message.startswith("fill")]


def text_of(frame: frames.Frame) -> str:
    return frame.payload.decode()


def task(operation: Any) -> asyncio.Task[Any]:
    async def awaits() -> Any:
        return await operation

    return asyncio.ensure_future(awaits())


async def filled(ws: Any) -> asyncio.Task[Any]:
    """A first send that has to wait."""
    fill = task(ws.send(FILL))
    await until(lambda: ws.stats.write_backlog > OPTIONS["write_limit"])
    await asyncio.sleep(0.02)
    assert not fill.done()
    return fill


async def done(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait_for(asyncio.gather(*tasks), SHORT)


def parts(name: str) -> Iterator[str]:
    yield from (f"{name}1", f"{name}2", f"{name}3")


async def parts_in_time(name: str) -> AsyncIterator[str]:
    for part in parts(name):
        await asyncio.sleep(0)
        yield part


WAYS: dict[str, tuple[Callable[[Any, str], Any], Callable[[str], list[str]]]] = {
    "send": (lambda ws, name: ws.send(name), lambda name: [name]),
    "iterable": (
        lambda ws, name: ws.send(parts(name)),
        lambda name: [f"{name}1+{name}2+{name}3"],
    ),
    "async iterable": (
        lambda ws, name: ws.send(parts_in_time(name)),
        lambda name: [f"{name}1+{name}2+{name}3"],
    ),
    "send_many": (lambda ws, name: ws.send_many(parts(name)), lambda name: list(parts(name))),
}


@both_drivers
@pytest.mark.parametrize("coalesce", [False, True])
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_a_send_that_waits_is_not_overtaken(
    raw_peer: MakeRawPeer, first: str, second: str, driver: str, coalesce: bool
) -> None:
    """The later one is called when there is room again, and the earlier one not yet awake."""
    peer = raw_peer(collects)
    async with connect(peer.uri, driver=driver, coalesce=coalesce, **OPTIONS) as ws:
        fill = await filled(ws)
        tasks = [fill, task(WAYS[first][0](ws, "a"))]
        await asyncio.sleep(0.01)
        peer.go.set()
        await make_room(ws)
        tasks.append(task(WAYS[second][0](ws, "b")))
        tasks.append(task(ws.send("c")))
        await done(*tasks)
    expected = [*WAYS[first][1]("a"), *WAYS[second][1]("b"), "c"]
    assert await peer.report() == expected


async def make_room(ws: Any) -> None:
    """The output is written while the loop is blocked, so that nobody has woken who waits for room.

    A Pong writes what is there to be written; where the lifeline serves the link, it does so.
    """
    deadline = time.monotonic() + SHORT
    while ws.stats.write_backlog > OPTIONS["write_limit"] // 2:
        assert time.monotonic() < deadline
        ws._pong(b"")
        sleep(0.005)


@both_drivers
async def test_many_that_wait_leave_in_the_order_of_their_calls(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    peer = raw_peer(collects)
    expected = []
    async with connect(peer.uri, driver=driver, **OPTIONS) as ws:
        tasks = [await filled(ws)]
        for number in range(200):
            send, wire = list(WAYS.values())[number % len(WAYS)]
            tasks.append(task(send(ws, f"{number}-")))
            expected += wire(f"{number}-")
        await asyncio.sleep(0.01)
        peer.go.set()
        await done(*tasks)
    assert await peer.report() == expected


@both_drivers
async def test_a_conversations_fragments_keep_their_place(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    peer = raw_peer(collects)
    async with AioWebSocket(peer.uri, driver=driver) as aws:
        converse = aws.manipulator
        tasks = [await filled(converse)]
        tasks.append(task(converse.send("a1", fin=False)))
        tasks.append(task(converse.send("a2")))
        tasks.append(task(converse.send("b")))
        await asyncio.sleep(0.01)
        peer.go.set()
        await make_room(converse)
        tasks.append(task(converse.send("c")))
        await done(*tasks)
    assert await peer.report() == ["a1+a2", "b", "c"]


@both_drivers
async def test_when_the_first_in_line_is_cancelled_the_next_one_goes(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    """At each place of the line, and all at once."""
    peer = raw_peer(collects)
    async with connect(peer.uri, driver=driver, **OPTIONS) as ws:
        fill = await filled(ws)
        tasks = [task(ws.send(name)) for name in "abcdef"]
        await asyncio.sleep(0.01)
        for place in (0, 2, 3):
            tasks[place].cancel()
        await asyncio.wait([tasks[0], tasks[2], tasks[3]], timeout=SHORT)
        assert all(tasks[place].cancelled() for place in (0, 2, 3))
        peer.go.set()
        await done(fill, tasks[1], tasks[4], tasks[5])
    assert await peer.report() == ["b", "e", "f"]


async def test_one_that_is_cancelled_as_it_is_woken_hands_the_room_on(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(collects)
    async with connect(peer.uri, **OPTIONS) as ws:
        fill = await filled(ws)
        tasks = [task(ws.send(name)) for name in "abc"]
        await asyncio.sleep(0.01)
        peer.go.set()
        await done(fill)
        # Its room is there; whether it has been woken already is for the engine to know.
        was_done = tasks[0].done()
        tasks[0].cancel()
        await done(*tasks[1:])
    assert await peer.report() == (["a", "b", "c"] if was_done else ["b", "c"])


async def test_threads_stand_in_the_same_line(raw_peer: MakeRawPeer) -> None:
    """A thread's call that waits is not overtaken by a later one, of a thread or of the loop."""
    peer = raw_peer(collects)
    begun = [threading.Event() for _ in range(4)]
    async with connect(peer.uri, **OPTIONS) as ws:
        tasks = [await filled(ws)]

        def in_thread(number: int) -> None:
            begun[number].set()
            ws.send_threadsafe(f"thread {number}")

        threads = []
        for number, event in enumerate(begun):
            threads.append(threading.Thread(target=in_thread, args=(number,)))
            threads[-1].start()
            block_until(event.is_set)
            sleep(0.05)
            tasks.append(task(ws.send(f"task {number}")))
            await asyncio.sleep(0.01)
        peer.go.set()
        await done(*tasks)
        for thread in threads:
            await asyncio.to_thread(thread.join, SHORT)
            assert not thread.is_alive()
    expected = [f"{kind} {number}" for number in range(4) for kind in ("thread", "task")]
    assert await peer.report() == expected


class Steps:
    """An awaitable that counts how often whoever awaits it is woken."""

    count = 0

    def __init__(self, operation: Any) -> None:
        self._operation = operation

    def __await__(self) -> Generator[Any, None, Any]:
        steps = self._operation.__await__()
        value = None
        while True:
            try:
                yielded = steps.send(value)
            except StopIteration as stop:
                return stop.value
            value = yield yielded
            Steps.count += 1


@both_drivers
@pytest.mark.parametrize("count", [400, 4000])
async def test_room_wakes_the_first_in_line_alone(
    raw_peer: MakeRawPeer, driver: str, count: int
) -> None:
    """Each send is woken about once, not once for each of those before it."""
    peer: RawPeer = raw_peer(collects)
    Steps.count = 0
    async with connect(peer.uri, driver=driver, **OPTIONS) as ws:
        fill = await filled(ws)
        tasks = [task(Steps(ws.send(f"{number:<99}"))) for number in range(count)]
        await asyncio.sleep(0.05)
        assert not any(sending.done() for sending in tasks)
        peer.go.set()
        await done(fill, *tasks)
    assert [int(message) for message in await peer.report()] == list(range(count))
    # One for each, and for the few that found the room gone again; woken all together, a line of
    # 4,000 costs dozens each.
    assert count <= Steps.count <= 2 * count
