"""An error in the middle of what follows a change: nothing is lost, everybody is woken, and the
error is seen once.

It comes from the event loop, from a logger, or from the task that is woken. Seen is what a call of
ours raised, and what the loop's exception handler was told.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest

import event_loops
from aiowebsocket import connect
from blocking import until
from field import children
from peers import frames
from peers.scripts import echo, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from conftest import MakeRawPeer
    from peers.raw import Session

COUNT = 400
MUCH = 20
SHORT = 5.0


class InjectedError(Exception):
    """What fails."""


class FailingLoop(asyncio.SelectorEventLoop):
    """A loop of which a method fails, the next time that the engine calls it."""

    failing = ""
    after = 0
    failures = 0

    def fail_once(self, method: str, after: int = 0) -> None:
        """It may be called `after` times more, and then fails once."""
        self.failing, self.after = method, after

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:  # type: ignore[override]
        self._perhaps_fail("add_reader", callback)
        return super().add_reader(fd, callback, *args)

    def add_writer(self, fd: Any, callback: Any, *args: Any) -> Any:  # type: ignore[override]
        self._perhaps_fail("add_writer", callback)
        return super().add_writer(fd, callback, *args)

    def remove_reader(self, fd: Any) -> bool:
        done = super().remove_reader(fd)
        self._perhaps_fail("remove_reader", None)
        return done

    def call_soon(self, callback: Any, *args: Any, **context: Any) -> Any:  # type: ignore[override]
        self._perhaps_fail("call_soon", callback)
        return super().call_soon(callback, *args, **context)

    def _perhaps_fail(self, method: str, callback: Any) -> None:
        """Calls of asyncio's own are left alone: what they make of an error is not ours."""
        if method == self.failing and is_ours(callback):
            if self.after:
                self.after -= 1
                return
            self.failing = ""
            self.failures += 1
            raise InjectedError(method)


def is_ours(callback: Any) -> bool:
    """Whether the engine handed that in; a removal has none, and only the engine removes here."""
    owner = getattr(callback, "__self__", callback)
    return callback is None or "aiowebsocket" in type(owner).__module__


class FailingLogger(logging.Logger):
    """A logger that fails once, with the record that has some text."""

    def __init__(self) -> None:
        super().__init__("failing", logging.DEBUG)
        self.failing = ""
        self.failures = 0

    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: N802
        record = super().makeRecord(*args, **kwargs)
        if self.failing and self.failing in record.getMessage():
            self.failing = ""
            self.failures += 1
            raise InjectedError("the logger")
        return record

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nobody reads it."""


class Seen:
    """The errors that somebody was told of."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: self.errors.append(
                context.get("exception") or AssertionError(context["message"])
            )
        )

    async def attempt(self, operation: Coroutine[Any, Any, Any]) -> Any:
        """What it gives; None where it raised."""
        try:
            return await asyncio.wait_for(operation, SHORT)
        except InjectedError as error:
            self.errors.append(error)
            return None

    def assert_one(self) -> None:
        assert [type(error) for error in self.errors] == [InjectedError], self.errors


def run(main: Callable[[FailingLoop], Coroutine[Any, Any, None]]) -> None:
    """On a loop that fails; its own teardown is asyncio's."""
    loop = FailingLoop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.wait_for(main(loop), event_loops.TIME_LIMIT))
        event_loops.cancel_what_is_left(loop)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def sends_much(session: Session) -> None:
    """Enough to fill the queue, and again when the test says go."""
    session.open()
    for first in range(0, COUNT, MUCH):
        numbers = range(first, first + MUCH)
        session.send(*[frames.binary(b"%04d" % number + bytes(1000)) for number in numbers])
        session.wait_for_go()
        session.go.clear()


@pytest.mark.parametrize("after", range(3))
@pytest.mark.parametrize("method", ["add_reader", "remove_reader"])
def test_a_loop_that_fails_to_watch_loses_no_message(
    raw_peer: MakeRawPeer, method: str, after: int
) -> None:
    """The queue is full again and again, so the loop is told to stop and to watch again."""
    peer = raw_peer(sends_much)

    async def main(loop: FailingLoop) -> None:
        seen = Seen()
        ws = await connect(peer.uri, max_buffered=10_000, compression=None)
        await until(lambda: ws.stats.queued_bytes >= 10_000)
        # It begins to watch when there is room, and stops when there is none.
        loop.fail_once(method, after)
        got: list[int] = []
        while len(got) < COUNT:
            message = await seen.attempt(ws.recv())
            if message is not None:
                got.append(int(message[:4]))
                if len(got) % MUCH == 0:
                    peer.go.set()
            elif len(seen.errors) > 1:
                break
        assert got == list(range(COUNT))
        assert loop.failures == 1
        await ws.close()
        seen.assert_one()

    run(main)


def reads_late(session: Session) -> None:
    session.open()
    session.wait_for_go()
    while (frame := session.receive()).opcode != frames.CLOSE:
        if len(frame.payload) < 100:
            session.send(frames.frame(frame.opcode, frame.payload))
    session.send_close()
    session.hang_up()


def test_a_loop_that_fails_to_watch_for_room_loses_no_message(raw_peer: MakeRawPeer) -> None:
    """The message that met the error is on its way, and so are those behind it."""
    peer = raw_peer(reads_late)

    async def main(loop: FailingLoop) -> None:
        seen = Seen()
        ws = await connect(peer.uri, compression=None, write_limit=2**20)
        loop.fail_once("add_writer")
        sending = [
            asyncio.ensure_future(seen.attempt(ws.send(message)))
            for message in (bytes(2**24), "second", "third")
        ]
        await until(lambda: loop.failures)
        peer.go.set()
        assert await asyncio.wait_for(asyncio.gather(*sending), SHORT) == [None] * 3
        assert [await asyncio.wait_for(ws.recv(), SHORT) for _ in "23"] == ["second", "third"]
        await ws.close()
        seen.assert_one()

    run(main)
    received = peer.sessions[0].frames
    assert [len(frame.payload) for frame in received[:3]] == [2**24, 6, 5]


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
@pytest.mark.parametrize("after", range(3))
def test_a_loop_that_fails_to_call_soon_leaves_nobody_asleep(
    raw_peer: MakeRawPeer, driver: str, after: int
) -> None:
    peer = raw_peer(echo)

    async def main(loop: FailingLoop) -> None:
        seen = Seen()
        async with connect(peer.uri, driver=driver, coalesce=True, compression=None) as ws:
            await ws.send("before")
            assert await asyncio.wait_for(ws.recv(), SHORT) == "before"
            loop.fail_once("call_soon", after)
            for number in range(20):
                receiving = asyncio.ensure_future(ws.recv())
                await asyncio.sleep(0)
                assert await seen.attempt(ws.send(str(number))) is None
                assert await asyncio.wait_for(receiving, SHORT) == str(number)
            loop.fail_once("")
        assert len(seen.errors) == loop.failures
        assert all(type(error) is InjectedError for error in seen.errors)

    run(main)


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
@pytest.mark.parametrize("message", ["short", b"short", "x" * 1000], ids=["text", "binary", "long"])
async def test_a_logger_that_fails_does_not_fail_a_send_that_has_gone(
    raw_peer: MakeRawPeer, driver: str, message: str | bytes
) -> None:
    """Raised by `send`, the error would have the caller send it again."""
    seen, logger = Seen(), FailingLogger()
    async with connect(raw_peer(echo).uri, logger=logger, driver=driver, compression=None) as ws:
        logger.failing = "> TEXT" if isinstance(message, str) else "> BINARY"
        await asyncio.wait_for(ws.send(message), SHORT)
        assert await asyncio.wait_for(ws.recv(), SHORT) == message
        assert logger.failures == 1
        await ws.send("next")
        assert await asyncio.wait_for(ws.recv(), SHORT) == "next"
    seen.assert_one()


@pytest.mark.parametrize("way", ["send_many", "fragments", "threadsafe"])
async def test_nor_any_other_way_of_sending(raw_peer: MakeRawPeer, way: str) -> None:
    seen, logger = Seen(), FailingLogger()
    async with connect(raw_peer(collects).uri, logger=logger, compression=None) as ws:
        logger.failing = "> TEXT"
        if way == "send_many":
            await ws.send_many(["1", "2", "3"])
        elif way == "fragments":
            await ws.send(["1", "2", "3"])
        else:
            sends = [asyncio.to_thread(ws.send_threadsafe, text) for text in "123"]
            for sending in sends:
                await sending
        await ws.send("end")
        assert await asyncio.wait_for(ws.recv(), SHORT) == "123"
        assert logger.failures == 1
    seen.assert_one()


def collects(session: Session) -> None:
    """Answers "end" with all that came before."""
    session.open()
    text = ""
    while (frame := session.receive()).payload != b"end":
        text += frame.payload.decode()
    session.send(frames.text(text))


async def test_a_logger_that_fails_wakes_the_receiver(raw_peer: MakeRawPeer) -> None:
    seen, logger = Seen(), FailingLogger()
    async with connect(raw_peer(echo).uri, logger=logger) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        logger.failing = "< TEXT"
        await ws.send("x")
        assert await asyncio.wait_for(receiving, SHORT) == "x"
        assert logger.failures == 1
    seen.assert_one()


async def test_a_logger_that_fails_with_each_message_loses_none(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(*numbered(100))

    peer = raw_peer(script)
    seen, logger = Seen(), FailingLogger()
    async with connect(peer.uri, logger=logger) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        logger.failing = "< TEXT '50'"
        peer.go.set()
        got = [await asyncio.wait_for(receiving, SHORT)]
        got += [await asyncio.wait_for(ws.recv(), SHORT) for _ in range(99)]
        assert got == [str(number) for number in range(100)]
    assert len(seen.errors) == logger.failures


@pytest.mark.parametrize("record", ["> PING", "< PONG"])
async def test_a_ping_completes_though_a_logger_fails(raw_peer: MakeRawPeer, record: str) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.pong(session.receive().payload))

    seen, logger = Seen(), FailingLogger()
    async with connect(raw_peer(script).uri, logger=logger) as ws:
        logger.failing = record
        answered = await asyncio.wait_for(ws.ping("x"), SHORT)
        assert await asyncio.wait_for(answered, SHORT) >= 0
        assert logger.failures == 1
    seen.assert_one()


@pytest.mark.parametrize("record", ["> CLOSE", "< CLOSE"])
async def test_a_close_completes_though_a_logger_fails(raw_peer: MakeRawPeer, record: str) -> None:
    seen, logger = Seen(), FailingLogger()
    ws = await connect(raw_peer(echo).uri, logger=logger)
    receiving = asyncio.ensure_future(ws.recv())
    await asyncio.sleep(0)
    logger.failing = record
    await asyncio.wait_for(ws.close(), SHORT)
    assert ws.close_code == 1000
    await asyncio.wait([receiving], timeout=SHORT)
    assert type(receiving.exception()).__name__ == "ConnectionClosedOK"
    assert logger.failures == 1
    seen.assert_one()


STOPPED = """
import asyncio, sys
from aiowebsocket import connect

stop = {"KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit}[sys.argv[3]]
woken = []

async def stops(ws):
    await ws.recv()
    raise stop

async def is_answered(answered):
    await answered
    woken.append("pong")

async def begin():
    ws = await connect(sys.argv[1], driver=sys.argv[2])
    answered = await ws.ping("x")
    tasks = [asyncio.ensure_future(stops(ws)), asyncio.ensure_future(is_answered(answered))]
    return ws, tasks

async def go(ws):
    await ws.send("go")
    await asyncio.sleep(5)

async def go_on(ws, tasks):
    await asyncio.wait_for(tasks[1], 5)
    assert await asyncio.wait_for(ws.recv(), 5) == "next"
    await ws.close()

loop = asyncio.new_event_loop()
ws, tasks = loop.run_until_complete(begin())
try:
    loop.run_until_complete(go(ws))
except stop:
    print("it came out")
loop.run_until_complete(go_on(ws, tasks))
assert woken == ["pong"], woken
assert isinstance(tasks[0].exception(), stop)
loop.close()
"""


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
@pytest.mark.parametrize("stop", ["KeyboardInterrupt", "SystemExit"])
def test_what_a_woken_task_raises_for_the_loop_comes_out_and_the_others_are_woken(
    raw_peer: MakeRawPeer, driver: str, stop: str
) -> None:
    """One change wakes several: a receiver, and one who waits for a Pong."""

    def script(session: Session) -> None:
        session.open()
        payload = session.receive().payload
        session.receive()
        session.send(frames.text("stop"), frames.pong(payload), frames.text("next"))

    uri = raw_peer(script).uri
    assert children.succeed(STOPPED, uri, driver, stop) == "it came out\n"
