"""The connection among asyncio's own: tasks, groups, cancellation, contexts, wake-ups."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import ClientConnection, connect
from peers import frames
from peers.scripts import echo, sends_after_go

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme")

since_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio of Python 3.11")
since_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio of Python 3.12")


async def test_calls_are_coroutine_like_and_no_futures(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        for call in (ws.send("x"), ws.recv()):
            assert asyncio.iscoroutine(call)
            assert inspect.isawaitable(call)
            assert not asyncio.isfuture(call)
            await call


async def test_create_task_and_ensure_future_take_send_and_recv(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        for wrap in (asyncio.create_task, asyncio.ensure_future):
            receiving = wrap(ws.recv())
            sending = wrap(ws.send("hello"))
            assert await receiving == "hello"
            await sending
            assert sending.result() is None


async def test_gather_takes_send_and_recv(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        outcomes = list(await asyncio.gather(ws.send("hello"), ws.recv()))
        assert outcomes == [None, "hello"]


async def test_wait_sees_which_of_two_connections_has_a_message(raw_peer: MakeRawPeer) -> None:
    silent, talker = raw_peer(echo), raw_peer(echo)
    async with connect(silent.uri) as first, connect(talker.uri) as second:
        receiving = [asyncio.ensure_future(ws.recv()) for ws in (first, second)]
        await second.send("hello")
        done, pending = await asyncio.wait(
            receiving, timeout=5, return_when=asyncio.FIRST_COMPLETED
        )
        assert (done, pending) == ({receiving[1]}, {receiving[0]})
        receiving[0].cancel()
        await asyncio.wait(receiving)
        assert receiving[0].cancelled()


async def test_wait_for_passes_the_message_and_the_timeout(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ws.recv(), 0.01)
        await asyncio.wait_for(ws.send("hello"), 5)
        assert await asyncio.wait_for(ws.recv(), 5) == "hello"


@since_3_11
async def test_a_task_group_and_a_timeout_hold_send_and_recv(raw_peer: MakeRawPeer) -> None:
    receiving: asyncio.Task[Any]
    async with connect(raw_peer(echo).uri) as ws:
        async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined]
            receiving = group.create_task(ws.recv())
            group.create_task(ws.send("hello"))
        assert receiving.result() == "hello"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):  # type: ignore[attr-defined]
                await ws.recv()


@since_3_11
async def test_a_failing_task_group_takes_its_parked_recv_along(raw_peer: MakeRawPeer) -> None:
    receiving: asyncio.Task[Any]
    async with connect(raw_peer(echo).uri) as ws:
        with pytest.raises(BaseException) as raised:  # noqa: PT011, PT012
            async with asyncio.TaskGroup() as group:  # type: ignore[attr-defined]
                receiving = group.create_task(ws.recv())
                await asyncio.sleep(0.01)
                raise ZeroDivisionError
        assert isinstance(raised.value.exceptions[0], ZeroDivisionError)  # type: ignore[attr-defined]
        assert receiving.cancelled()
        await ws.send("the connection lives on")
        assert await ws.recv() == "the connection lives on"


@since_3_12
async def test_the_eager_task_factory_is_welcome(loop_kind: str, raw_peer: MakeRawPeer) -> None:
    if loop_kind == "uvloop" and (3, 13) <= sys.version_info < (3, 13, 3):
        pytest.skip("uvloop passes eager_start, which this Python's factory does not take yet")
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
    receiving: asyncio.Task[Any]
    async with connect(raw_peer(echo).uri) as ws:
        for number in range(20):
            receiving = asyncio.create_task(ws.recv())
            sending = asyncio.create_task(ws.send(str(number)))
            assert await receiving == str(number)
            await sending
        receiving = asyncio.create_task(ws.recv())
        await asyncio.sleep(0.01)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving


async def test_debug_mode_changes_nothing(raw_peer: MakeRawPeer) -> None:
    asyncio.get_running_loop().set_debug(True)
    async with connect(raw_peer(echo).uri) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.01)
        await ws.send("hello")
        assert await receiving == "hello"


async def test_a_call_can_be_awaited_only_once(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        sending = ws.send("once")
        await sending
        with pytest.raises(RuntimeError):
            await sending
        receiving = ws.recv()
        assert await receiving == "once"
        with pytest.raises(RuntimeError):
            await receiving


async def test_recv_takes_nothing_before_its_first_step(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends_after_go(frames.text("1"), frames.text("2")))
    async with connect(peer.uri) as ws:
        unused = ws.recv()
        peer.go.set()
        assert await ws.recv() == "1"
        unused.close()
        assert await ws.recv() == "2"


async def test_a_woken_task_sees_itself_and_its_context(raw_peer: MakeRawPeer) -> None:
    """The wake-up may come straight from the reader callback: the task must not notice."""
    variable = contextvars.ContextVar("variable", default="the loop's")

    async def receive(ws: ClientConnection) -> Any:
        variable.set("the task's")
        message = await ws.recv()
        return message, asyncio.current_task(), variable.get()

    peer = raw_peer(sends_after_go(frames.text("hello")))
    async with connect(peer.uri) as ws:
        receiving = asyncio.create_task(receive(ws))
        await asyncio.sleep(0.01)
        peer.go.set()
        assert await receiving == ("hello", receiving, "the task's")
        assert variable.get() == "the loop's"


async def test_a_woken_task_may_send_receive_and_close_at_once(raw_peer: MakeRawPeer) -> None:
    async def converse(ws: ClientConnection) -> list[str | bytes]:
        received = [await ws.recv()]
        await ws.send("answer")
        received.append(await ws.recv())
        await ws.close()
        return received

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("question"))
        session.send(frames.text(session.receive().payload.decode()))

    peer = raw_peer(script)
    ws = await connect(peer.uri)
    conversing = asyncio.create_task(converse(ws))
    await asyncio.sleep(0.01)
    peer.go.set()
    assert await conversing == ["question", "answer"]
    assert ws.state.name == "CLOSED"


async def test_a_message_wakes_one_task_while_another_closes_its_connection(
    raw_peer: MakeRawPeer,
) -> None:
    async def close_the_other(ws: ClientConnection, other: ClientConnection) -> None:
        await ws.recv()
        await other.close()

    peer, victim = raw_peer(sends_after_go(frames.text("now"))), raw_peer(echo)
    async with connect(peer.uri) as ws, connect(victim.uri) as other:
        parked = asyncio.ensure_future(other.recv())
        closing = asyncio.ensure_future(close_the_other(ws, other))
        await asyncio.sleep(0.01)
        peer.go.set()
        await closing
        with pytest.raises(aiowebsocket.ConnectionClosedOK):
            await parked


async def test_tasks_woken_by_one_anothers_messages_all_run(raw_peer: MakeRawPeer) -> None:
    """A ring of connections: whoever is woken sends on behalf of the next."""
    ring = [await connect(raw_peer(echo).uri) for _ in range(5)]

    async def pass_on(index: int) -> list[str | bytes]:
        following = ring[(index + 1) % len(ring)]
        received = []
        for _ in range(20):
            message = await ring[index].recv()
            received.append(message)
            await following.send(message)
        return received

    tasks = [asyncio.create_task(pass_on(index)) for index in range(len(ring))]
    await ring[0].send("round and round")
    assert await asyncio.gather(*tasks) == [["round and round"] * 20] * 5
    await asyncio.gather(*(ws.close() for ws in ring))


async def test_cancelling_a_task_that_its_message_has_just_woken_loses_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    """Two tasks wake in one round of the loop; the first cancels the second."""
    peers = [raw_peer(sends_after_go(frames.text("hello"), frames.text("more"))) for _ in range(2)]
    first, second = [await connect(peer.uri) for peer in peers]
    tasks: list[asyncio.Task[Any]] = []

    async def cancel_the_other(ws: ClientConnection, other: int) -> Any:
        message = await ws.recv()
        tasks[other].cancel()
        return message

    tasks += [asyncio.create_task(cancel_the_other(first, 1))]
    tasks += [asyncio.create_task(cancel_the_other(second, 0))]
    await asyncio.sleep(0.01)
    for peer in peers:
        peer.go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for ws, outcome in zip((first, second), outcomes, strict=True):
        expected = ["more"] if outcome == "hello" else ["hello", "more"]
        assert [await asyncio.wait_for(ws.recv(), 5) for _ in expected] == expected
    await asyncio.gather(first.close(), second.close())


async def test_a_cancelled_close_still_closes(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.receive()
        session.wait_for_go()
        session.send_close(1000)
        session.hang_up()

    peer = raw_peer(script)
    ws = await connect(peer.uri)
    closing = asyncio.ensure_future(ws.close())
    await asyncio.sleep(0.02)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    peer.go.set()
    await asyncio.wait_for(ws.wait_closed(), 5)
    assert ws.close_code == 1000


async def test_a_receiving_loop_does_not_starve_the_other_tasks(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*[frames.text("x" * 100)] * 20_000)
        session.send_close()

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async with connect(raw_peer(script).uri) as ws:
        ticking = asyncio.create_task(tick())
        assert len([message async for message in ws]) == 20_000
        ticking.cancel()
    assert ticks > 2
