"""Several that receive at once: an error on `connect`, a line on the original's face.

`recv` alone is in test_connection_receiving.py, and in compat/ for the original's.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, connect
from blocking import until
from peers import frames
from peers.scripts import numbered, sends_after_go

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme")


async def test_two_at_once_are_a_concurrency_error_whichever_they_are(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sends_after_go(*numbered(2)))
    async with connect(peer.uri) as ws:
        for parked, other in (
            (ws.recv_many, ws.recv),
            (ws.recv, ws.recv_many),
            (ws.recv_many, ws.recv_many),
        ):
            receiving = asyncio.ensure_future(parked())
            await asyncio.sleep(0.01)
            with pytest.raises(aiowebsocket.ConcurrencyError):
                await other()
            receiving.cancel()
            await asyncio.wait([receiving])
        peer.go.set()
        received = await ws.recv_many()
        while len(received) < 2:
            received += await ws.recv_many()
        assert received == ["0", "1"]


@pytest.mark.parametrize("method", ["recv", "recv_many"])
async def test_while_a_stream_is_half_read_it_is_a_concurrency_error(
    raw_peer: MakeRawPeer, method: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("1", fin=False))
        session.wait_for_go()
        session.send(frames.continuation(b"2"), frames.text("3"))

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        stream = ws.recv_streaming()
        assert await stream.__anext__() == "1"
        with pytest.raises(aiowebsocket.ConcurrencyError):
            await getattr(ws, method)()
        peer.go.set()
        assert await stream.__anext__() == "2"
        with pytest.raises(StopAsyncIteration):
            await stream.__anext__()
        assert await getattr(ws, method)() in ("3", ["3"])


async def test_on_converse_it_stands_in_line_with_other_receivers(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        for message in numbered(4):
            session.wait_for_go()
            session.go.clear()
            session.send(message)

    peer = raw_peer(script)
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        calls = converse.receive, converse.receive_many, converse.receive, converse.receive_many
        waiting = []
        for call in calls:
            waiting.append(asyncio.ensure_future(call()))
            await asyncio.sleep(0)
        for receiving in waiting:
            peer.go.set()
            await asyncio.wait_for(receiving, 5)
        assert [receiving.result() for receiving in waiting] == [b"0", [b"1"], b"2", [b"3"]]


async def test_one_that_comes_later_leaves_their_messages_to_those_in_line(
    raw_peer: MakeRawPeer,
) -> None:
    """Two receivers have been woken, but have not run yet, when a third call comes."""
    peer = raw_peer(sends_after_go(*numbered(5)))
    async with AioWebSocket(peer.uri) as aws:
        converse = aws.manipulator
        taken: list[Any] = []

        async def receive_then_all() -> None:
            """Run from the callback that has read the socket, before the next in line."""
            taken.append(await converse.receive())
            await until(lambda: converse._queued >= 4)
            taken.append(await converse.receive_many())

        first = asyncio.ensure_future(receive_then_all())
        second = asyncio.ensure_future(converse.receive())
        await asyncio.sleep(0.01)
        peer.go.set()
        rest = await asyncio.wait_for(second, 5)
        await asyncio.wait_for(first, 5)
        assert (taken[0], len(taken[1])) == (b"0", 3)
        assert sorted([taken[0], *taken[1], rest]) == [b"%d" % number for number in range(5)]


@pytest.mark.parametrize("seed", range(3))
async def test_receivers_of_every_kind_mixed_and_cancelled_lose_and_repeat_nothing(
    raw_peer: MakeRawPeer, seed: int
) -> None:
    count = 2000
    generator = random.Random(seed)

    def script(session: Session) -> None:
        session.open()
        for first in range(0, count, 8):
            session.send(*(frames.text(str(first + more)) for more in range(8)))

    received: list[bytes] = []

    async def receive(converse: Any) -> None:
        while len(received) < count:
            if generator.random() < 0.5:
                call = converse.receive()
            else:
                call = converse.receive_many(generator.choice([None, 1, 3]))
            receiving = asyncio.ensure_future(call)
            if generator.random() < 0.3:
                await asyncio.sleep(0)
                receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiowebsocket.ConnectionClosed):
                taken = await receiving
                received.extend(taken if isinstance(taken, list) else [taken])

    async with AioWebSocket(raw_peer(script).uri) as aws:
        tasks = [asyncio.create_task(receive(aws.manipulator)) for _ in range(5)]
        await asyncio.wait(tasks, timeout=15, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert sorted(received, key=int) == [b"%d" % number for number in range(count)]
