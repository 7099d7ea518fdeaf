"""What an operation does where a caller is careless: awaits it twice, steps it by hand, cancels it
with an object of its own, or blocks its own loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import ConcurrencyError, connect
from blocking import until
from field import children
from peers import frames
from peers.scripts import echo, sends

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import MakeRawPeer
    from peers.raw import Session

SHORT = 5.0
both_drivers = pytest.mark.parametrize("driver", ["auto", "lifeline"])


async def task_of(operation: Any) -> Any:
    return await operation


def answers_after_go(session: Session) -> None:
    session.open()
    session.wait_for_go()
    session.send(frames.text("x"))


@both_drivers
async def test_a_second_await_raises_and_the_first_goes_on(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    peer = raw_peer(answers_after_go)
    async with connect(peer.uri, driver=driver) as ws:
        operation = ws.recv()
        first = asyncio.ensure_future(task_of(operation))
        await asyncio.sleep(0.01)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="await"):
                await asyncio.wait_for(task_of(operation), SHORT)
        assert not first.done()
        peer.go.set()
        assert await asyncio.wait_for(first, SHORT) == "x"


async def test_a_second_await_of_a_send_that_waits_raises_too(raw_peer: MakeRawPeer) -> None:
    def reads_late(session: Session) -> None:
        session.open()
        session.wait_for_go()

    peer = raw_peer(reads_late)
    async with connect(peer.uri, write_limit=2**15, compression=None) as ws:
        fill = asyncio.ensure_future(task_of(ws.send(bytes(2**24))))
        await until(lambda: ws.stats.write_backlog > 2**15)
        operation = ws.send("x")
        first = asyncio.ensure_future(task_of(operation))
        await asyncio.sleep(0.01)
        with pytest.raises(RuntimeError, match="await"):
            await asyncio.wait_for(task_of(operation), SHORT)
        assert not first.done()
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(fill, first), SHORT)


async def test_a_step_from_within_its_own_step_raises(raw_peer: MakeRawPeer) -> None:
    """An iterable is asked for its next part in the midst of the step that sends it."""

    def parts() -> Any:
        yield "a"
        with pytest.raises(ValueError, match="already"):
            operation.send(None)
        yield "b"

    async with connect(raw_peer(collects).uri) as ws:
        operation = ws.send(parts())
        await asyncio.wait_for(operation, SHORT)
        assert await asyncio.wait_for(ws.recv(), SHORT) == "ab"


def collects(session: Session) -> None:
    session.open()
    text, fin = "", False
    while not fin:
        frame = session.receive()
        text, fin = text + frame.payload.decode(), frame.fin
    session.send(frames.text(text))


async def test_a_stop_iteration_has_no_traceback_but_its_own(raw_peer: MakeRawPeer) -> None:
    """From 3.12 on the exception is used again, and each `next` used to add an entry."""
    async with connect(raw_peer(sends(*[frames.text("x")] * 50)).uri) as ws:
        await until(lambda: ws.stats.queued_messages == 50)
        lengths = {length_of(stop_of(ws.recv().__await__())) for _ in range(50)}
    assert lengths == {1}


def stop_of(steps: Any) -> StopIteration:
    """The exception that carries the value of a receive that need not wait."""
    try:
        next(steps)
    except StopIteration as stop:
        return stop
    raise AssertionError("it had to wait")


def length_of(error: BaseException) -> int:
    length, traceback = 0, error.__traceback__
    while traceback is not None:
        length, traceback = length + 1, traceback.tb_next
    return length


@both_drivers
async def test_one_that_is_cancelled_with_an_object_that_looks_back_does_not_deadlock(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    """CancelledError is made of the object; whatever that runs may ask the waiter."""
    peer = raw_peer(answers_after_go)
    async with connect(peer.uri, driver=driver) as ws:
        receiving: list[asyncio.Task[Any]] = []

        class Curious:
            def __repr__(self) -> str:
                return repr(receiving)

            def __del__(self) -> None:
                repr(receiving)

        receiving.append(asyncio.ensure_future(task_of(ws.recv())))
        await asyncio.sleep(0.01)
        receiving[0].cancel(msg=Curious())
        with pytest.raises(asyncio.CancelledError) as raised:
            await receiving[0]
        if sys.version_info >= (3, 11):  # Before, a task keeps the object to itself.
            assert "Task" in repr(raised.value)
        del raised
        peer.go.set()
        assert await asyncio.wait_for(ws.recv(), SHORT) == "x"


MADE_UNDER_A_LOCK = """
import asyncio, sys
from aiowebsocket import connect

async def main():
    async with connect(sys.argv[1]) as ws:
        operation = ws.recv()
        steps = operation.__await__()
        waiter = next(steps)

        class Curious(asyncio.CancelledError):
            def __init__(self, *arguments):
                # What is made of a cancellation looks at who was cancelled.
                waiter.cancelled(), waiter.done(), repr(waiter)
                super().__init__(*arguments)

        asyncio.CancelledError = asyncio.exceptions.CancelledError = Curious
        assert waiter.cancel("why")
        try:
            waiter.result()
        except BaseException as error:
            assert "Cancelled" in repr(type(error)) or isinstance(error, Curious), repr(error)
            print("cancelled")
        steps.close()

asyncio.run(main())
"""


def test_a_cancelled_error_is_made_under_no_lock(raw_peer: MakeRawPeer) -> None:
    assert children.succeed(MADE_UNDER_A_LOCK, raw_peer(echo).uri) == "cancelled\n"


@both_drivers
async def test_the_loops_own_thread_does_not_wait_for_its_own_fragments(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    """Only the loop could end the message, and it would be blocked: it is told at once."""

    async def parts() -> AsyncIterator[str]:
        yield "a"
        with pytest.raises(ConcurrencyError):
            ws.send_threadsafe("whole", timeout=SHORT)
        # Without a limit it would be for ever.
        with pytest.raises(ConcurrencyError):
            ws.send_threadsafe("whole")
        yield "b"

    async with connect(raw_peer(collects).uri, driver=driver) as ws:
        await asyncio.wait_for(ws.send(parts()), SHORT)
        assert await asyncio.wait_for(ws.recv(), SHORT) == "ab"


@both_drivers
async def test_nor_for_sends_that_wait_before_it(raw_peer: MakeRawPeer, driver: str) -> None:
    """They are the loop's to go on with, and come first."""

    def reads_late(session: Session) -> list[bytes]:
        session.open()
        session.wait_for_go()
        while session.receive().opcode != frames.CLOSE:
            pass
        session.send_close()
        session.hang_up()
        return [one.payload for one in session.frames if len(one.payload) < 99]

    peer = raw_peer(reads_late)
    options: dict[str, Any] = {"write_limit": 2**15, "compression": None, "driver": driver}
    async with connect(peer.uri, **options) as ws:
        fill = asyncio.ensure_future(task_of(ws.send(bytes(2**24))))
        await until(lambda: ws.stats.write_backlog > 2**15)
        parked = asyncio.ensure_future(task_of(ws.send("parked")))
        await asyncio.sleep(0.01)
        with pytest.raises(ConcurrencyError):
            ws.send_threadsafe("whole")
        peer.go.set()
        await asyncio.wait_for(asyncio.gather(fill, parked), SHORT)
    assert (await peer.report())[0] == b"parked"


async def test_another_thread_waits_for_the_fragments(raw_peer: MakeRawPeer) -> None:
    begun = threading.Event()

    async def parts() -> AsyncIterator[str]:
        yield "a"
        thread.start()
        await asyncio.to_thread(begun.wait, SHORT)
        await asyncio.sleep(0.05)
        yield "b"

    def send() -> None:
        begun.set()
        with contextlib.suppress(TimeoutError):
            ws.send_threadsafe("whole", timeout=SHORT)

    thread = threading.Thread(target=send)
    async with connect(raw_peer(collects).uri) as ws:
        await asyncio.wait_for(ws.send(parts()), SHORT)
        assert await asyncio.wait_for(ws.recv(), SHORT) == "ab"
        await asyncio.to_thread(thread.join, SHORT)
        assert not thread.is_alive()
