"""What `send`, `recv` and their like return is used again once it is done, and nobody can tell."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import sys
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import event_loops
from aiowebsocket import ClientConnection, connect
from peers import frames
from peers.scripts import echo

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session

ENOUGH = 200


def swallow(session: Session) -> None:
    """A peer that reads, and sends nothing."""
    session.open()


async def echoes(ws: ClientConnection, count: int) -> None:
    for number in range(count):
        await ws.send(str(number))
        assert await ws.recv() == str(number)


async def test_what_steps_by_hand_keeps_its_value_whatever_is_awaited_afterwards(
    raw_peer: MakeRawPeer,
) -> None:
    """From 3.12 on the exception that carries a value is used again, unless somebody holds it."""
    async with connect(raw_peer(echo).uri) as ws:
        stopped: list[StopIteration] = []
        for number in range(20):
            await ws.send(f"first {number}")
            while not ws._queued:  # noqa: ASYNC110 - nothing else tells of it
                await asyncio.sleep(0.01)
            receiving = ws.recv().__await__()
            with pytest.raises(StopIteration) as raised:
                next(receiving)
            stopped.append(raised.value)
            await echoes(ws, 3)
        assert [one.value for one in stopped] == [f"first {number}" for number in range(20)]


async def test_one_that_was_awaited_and_is_held_cannot_be_awaited_again(
    raw_peer: MakeRawPeer,
) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        held: list[Any] = []
        for _ in range(20):
            sending, receiving = ws.send("x"), ws.recv()
            await sending
            await receiving
            held += [sending, receiving]
            await echoes(ws, 3)
        await echoes(ws, ENOUGH)
        gc.collect()
        for call, name in zip(held, ["send", "recv"] * 20, strict=True):
            with pytest.raises(RuntimeError, match=rf"already awaited ClientConnection\.{name}\("):
                await call
        assert len({id(call) for call in held}) == len(held)
        await echoes(ws, 3)


async def test_calls_made_together_are_different_and_each_does_its_own(
    raw_peer: MakeRawPeer,
) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        await echoes(ws, 3)
        calls = [ws.send(str(number)) for number in range(ENOUGH)]
        assert len({id(call) for call in calls}) == ENOUGH
        for call in calls:
            await call
        assert [await ws.recv() for _ in calls] == [str(number) for number in range(ENOUGH)]


async def test_a_done_one_is_used_again(raw_peer: MakeRawPeer) -> None:
    """Else all that this file tests would be idle."""
    async with connect(raw_peer(swallow).uri) as ws:
        first = ws.send("x")
        number = id(first)
        await first
        del first
        assert number in map(id, operations()), "it is gone, not kept"
        second = ws.send("x")
        assert id(second) == number
        await second


def operations() -> list[Any]:
    """All there are, done or not."""
    return [thing for thing in gc.get_objects() if type(thing).__name__ == "Operation"]


@pytest.mark.parametrize("before", [0, 3])
async def test_a_forgotten_one_warns_at_once(raw_peer: MakeRawPeer, before: int) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        await echoes(ws, before)
        for forget, name in ((lambda: ws.send("x"), "send"), (ws.recv, "recv")):
            with pytest.warns(RuntimeWarning, match=rf"ClientConnection\.{name}' was never"):
                forget()
        await echoes(ws, 3)


async def test_one_that_is_done_or_closed_warns_of_nothing(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            await echoes(ws, 3)
            ws.recv().close()
            ws.send("x").close()
            gc.collect()
            await echoes(ws, 3)


class Buffer(bytearray):
    """A message that can be weakly referenced."""


async def test_a_done_send_keeps_neither_its_message_nor_its_connection_alive(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(swallow)
    ws = await connect(peer.uri)
    message = Buffer(b"message")
    text = f"a str that nobody else holds, {id(ws)}"
    count = sys.getrefcount(text)
    await ws.send(message)
    await ws.send(text)
    await ws.send_many([text, text])
    assert sys.getrefcount(text) == count
    gone = weakref.ref(message)
    del message
    assert gone() is None
    await ws.close()
    count = sys.getrefcount(ws)
    call = ws.wait_closed()
    await call
    del call
    assert sys.getrefcount(ws) == count
    closed = weakref.ref(ws)
    del ws
    assert closed() is None


async def test_a_done_recv_keeps_no_connection_alive(raw_peer: MakeRawPeer) -> None:
    """The connection is dropped while the operation that served it waits for its next use."""

    def script(session: Session) -> str:
        session.open()
        session.send(frames.text("hello"))
        return session.receive_ending()

    peer = raw_peer(script)
    ws = await connect(peer.uri)
    assert await ws.recv() == "hello"
    with pytest.warns(ResourceWarning, match="unclosed"):
        del ws
    assert await peer.report() == "FIN"
    assert peer.sessions[0].frames[-1].close_code == 1001


async def test_what_a_recv_gave_is_the_receivers_alone(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        await ws.send(b"x" * 5000)
        received, other = await ws.recv(), bytes(5000)
        assert sys.getrefcount(received) == sys.getrefcount(other)


async def test_a_short_message_is_let_go_of_with_the_next_one(raw_peer: MakeRawPeer) -> None:
    """From 3.12 on the exception that carried it is kept, with it, for the next value."""
    async with connect(raw_peer(echo).uri) as ws:
        await ws.send(b"x" * 1000)
        received, other = await ws.recv(), bytes(1000)
        await echoes(ws, 1)
        assert sys.getrefcount(received) == sys.getrefcount(other)


async def test_a_failed_one_is_done_and_the_next_is_clean(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        await echoes(ws, 3)
        for _ in range(3):
            failing = ws.send("\ud800")
            with pytest.raises(UnicodeEncodeError):
                await failing
            closed = ws.send_many(["x"])
            closed.close()
            for done in (failing, closed):
                with pytest.raises(RuntimeError, match="already awaited"):
                    await done
            await echoes(ws, 3)
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        for _ in range(3):
            with pytest.raises(aiowebsocket.ConcurrencyError):
                await ws.recv()
        receiving.cancel()
        await asyncio.wait([receiving])
        await echoes(ws, 3)
    for _ in range(3):
        with pytest.raises(aiowebsocket.ConnectionClosedOK):
            await ws.send("x")
        with pytest.raises(aiowebsocket.ConnectionClosedOK):
            await ws.recv()


async def test_an_exception_thrown_into_a_parked_one_leaves_the_next_clean(
    raw_peer: MakeRawPeer,
) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        for _ in range(3):
            parked = ws.recv()
            parked.send(None)
            with pytest.raises(ZeroDivisionError):
                parked.throw(ZeroDivisionError())
            with pytest.raises(RuntimeError, match="already awaited"):
                parked.send(None)
            await echoes(ws, 2)


@pytest.mark.parametrize("seed", range(3))
async def test_many_connections_whose_calls_park_fail_and_are_cancelled_stay_apart(
    raw_peer: MakeRawPeer, seed: int
) -> None:
    generator = random.Random(seed)
    cancelled = 0

    async def talk(ws: ClientConnection, name: str) -> None:
        nonlocal cancelled
        for number in range(30):
            message = f"{name}:{number}"
            if generator.random() < 0.3:
                receiving = asyncio.ensure_future(ws.recv())
                await asyncio.sleep(0)
                receiving.cancel()
                await asyncio.wait([receiving])
                cancelled += receiving.cancelled()
            if generator.random() < 0.1:
                gc.collect(generator.randrange(3))
            kept = ws.send(message) if generator.random() < 0.5 else None
            await (kept or ws.send(message))
            if generator.random() < 0.5:
                assert await ws.recv() == message
            else:
                assert await ws.recv_many() == [message]
            if kept is not None:
                with pytest.raises(RuntimeError, match="already awaited"):
                    await kept

    connections = [await connect(raw_peer(echo).uri) for _ in range(8)]
    await asyncio.gather(*(talk(ws, str(index)) for index, ws in enumerate(connections)))
    await asyncio.gather(*(ws.close() for ws in connections))
    assert cancelled


async def test_a_hundred_parked_at_once_wake_with_their_own_messages(
    websockets_server: ServerProcess,
) -> None:
    uri = websockets_server.uri("ws")
    connections = [await connect(uri) for _ in range(100)]
    waiting = [asyncio.ensure_future(ws.recv()) for ws in connections]
    await asyncio.sleep(0)
    gc.collect()
    for number, ws in enumerate(connections):
        await ws.send(str(number))
    received = await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert received == [str(number) for number in range(100)]
    await asyncio.gather(*(ws.close() for ws in connections))


def test_loops_in_threads_and_loops_one_after_the_other_do_not_mix(
    loop_kind: str, websockets_server: ServerProcess
) -> None:
    failures: list[BaseException] = []

    async def talk(name: str) -> None:
        async with connect(websockets_server.uri("ws")) as ws:
            for number in range(100):
                await ws.send(f"{name}:{number}")
                assert await ws.recv() == f"{name}:{number}"

    def thread(name: str) -> None:
        try:
            for again in range(3):
                event_loops.run(loop_kind, talk(f"{name}.{again}"))
        except BaseException as failure:  # noqa: BLE001 (the test raises it again)
            failures.append(failure)

    threads = [threading.Thread(target=thread, args=(str(number),)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(40)
    assert not any(one.is_alive() for one in threads)
    if failures:
        raise failures[0]


async def test_one_that_another_thread_awaits_fails_there_and_harms_nothing_here(
    raw_peer: MakeRawPeer,
) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        await echoes(ws, 3)
        calls: list[Any] = [ws.send("x"), ws.recv()]
        errors: list[BaseException] = []

        def step() -> None:
            for call in calls:
                try:
                    call.send(None)
                except RuntimeError as error:
                    errors.append(error)
            calls.clear()

        join(threading.Thread(target=step))
        assert ["another thread" in str(error) for error in errors] == [True, True]
        await echoes(ws, 3)


async def test_one_forgotten_by_another_thread_warns_there(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        calls = [ws.send("x")]
        thread = threading.Thread(target=calls.clear)
        with pytest.warns(RuntimeWarning, match="never awaited"):
            join(thread)
        await echoes(ws, 3)


def join(thread: threading.Thread) -> None:
    """Run a thread to its end."""
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


class Meddler(logging.Handler):
    """Sends and receives on the very connection whose frames it is told of."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.ws: ClientConnection | None = None
        self.meddled = 0
        self.received: list[Any] = []
        self._within = False

    def emit(self, record: logging.LogRecord) -> None:
        del record
        if self.ws is None or self._within:
            return
        self._within = True
        try:
            self._step(self.ws.send("from the log"))
            self._step(self.ws.recv())
            self.meddled += 1
        finally:
            self._within = False

    def _step(self, call: Any) -> None:
        try:
            call.send(None)
        except StopIteration as done:
            if done.value is not None:
                self.received.append(done.value)
        except aiowebsocket.ConcurrencyError:
            pass
        else:
            call.close()


async def test_a_log_handler_that_sends_and_receives_by_itself_breaks_nothing(
    raw_peer: MakeRawPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "aiowebsocket")
    logger = logging.getLogger("aiowebsocket")
    meddler = Meddler()
    logger.addHandler(meddler)
    received: list[Any] = []
    try:
        async with connect(raw_peer(echo).uri) as ws:
            meddler.ws = ws
            for number in range(30):
                await ws.send(f"own {number}")
                await ws.send_many([f"many {number}", f"more {number}"])
            while sum(not str(m).startswith("from") for m in received + meddler.received) < 90:
                received += await asyncio.wait_for(ws.recv_many(3), 5)
            meddler.ws = None
    finally:
        logger.removeHandler(meddler)
    assert meddler.meddled > 90
    own = [m for m in received + meddler.received if not m.startswith("from")]
    for kind in ("own", "many", "more"):
        assert sorted(m for m in own if m.startswith(kind)) == sorted(
            f"{kind} {number}" for number in range(30)
        )


async def test_no_operation_is_left_over(raw_peer: MakeRawPeer) -> None:
    """One a thread is kept for the next use, and no more, however many there were at once."""

    async with connect(raw_peer(echo).uri) as ws:
        gc.collect()
        before = len(operations())
        calls = [ws.send("x") for _ in range(ENOUGH)]
        for call in calls:
            await call
        for _ in calls:
            await ws.recv()
        del call, calls
        gc.collect()
        assert len(operations()) <= before + 1


async def test_a_finished_task_that_is_held_keeps_its_operation_apart(
    raw_peer: MakeRawPeer,
) -> None:
    """The task hands its coroutine out even when it is done."""
    async with connect(raw_peer(echo).uri) as ws:
        tasks = [asyncio.create_task(ws.send(str(number))) for number in range(20)]
        await asyncio.wait(tasks)
        await echoes_from(ws, 20)
        calls: list[Any] = [task.get_coro() for task in tasks]
        assert len({id(call) for call in calls}) == 20
        for call in calls:
            with pytest.raises(RuntimeError, match="already awaited"):
                call.send(None)


async def echoes_from(ws: ClientConnection, count: int) -> None:
    """Receive what was sent before, and talk on."""
    for number in range(count):
        assert await ws.recv() == str(number)
    await echoes(ws, 5)
