"""One `connect`, or one `AioWebSocket`, that is used again while it is in use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, ClientConnection, State, connect
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session


def greeting(number: int) -> Any:
    def greet(session: Session) -> None:
        session.open()
        session.send(frames.text(f"hello {number}"))

    return greet


async def answer(ws: ClientConnection, message: str) -> str | bytes:
    await ws.send(message)
    return await ws.recv()


async def test_within_itself_each_connection_is_closed_by_its_own_block(
    websockets_server: ServerProcess,
) -> None:
    connecting = connect(websockets_server.uri("ws"))
    async with connecting as outer:
        async with connecting as middle:
            async with connecting as inner:
                assert len({outer, middle, inner}) == 3
            states = [ws.state for ws in (outer, middle, inner)]
            assert states == [State.OPEN, State.OPEN, State.CLOSED]
        assert [ws.state for ws in (outer, middle)] == [State.OPEN, State.CLOSED]
        assert await answer(outer, "still here") == "still here"
    assert outer.state == State.CLOSED


async def test_each_of_several_tasks_closes_its_own(websockets_server: ServerProcess) -> None:
    connecting = connect(websockets_server.uri("ws"))
    entered, leave_first = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with connecting as ws:
            entered.set()
            await leave_first.wait()
        assert ws.state == State.CLOSED

    task = asyncio.create_task(first())
    await entered.wait()
    async with connecting as ws:
        leave_first.set()
        await task
        assert ws.state == State.OPEN
        assert await answer(ws, "still here") == "still here"
    assert ws.close_code == 1000


async def test_entered_in_one_task_it_may_be_left_in_another(raw_peer: MakeRawPeer) -> None:
    connecting = connect(raw_peer(greeting(0)).uri)
    ws = await asyncio.create_task(connecting.__aenter__())
    await connecting.__aexit__(None, None, None)
    assert ws.state == State.CLOSED


async def test_awaited_twice_at_once_it_opens_two(websockets_server: ServerProcess) -> None:
    connecting = connect(websockets_server.uri("ws"))

    async def once() -> ClientConnection:
        return await connecting

    first, second = await asyncio.gather(once(), once())
    async with first, second:
        assert await answer(first, "one") == "one"
        assert await answer(second, "two") == "two"


async def test_left_without_being_entered_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="has not been entered"):
        await connect("ws://127.0.0.1:9/").__aexit__(None, None, None)


async def test_one_that_could_not_be_entered_leaves_nothing_behind(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greeting(0))
    options: dict[str, Any] = {"additional_headers": {"X": "a\nb"}}
    for _ in range(2):
        with pytest.raises(ValueError, match="X"):
            await connect(peer.uri, **options).__aenter__()
    assert peer.connections == 0


async def test_the_originals_face_is_entered_once_at_a_time(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greeting(0), greeting(1))
    aws = AioWebSocket(peer.uri)
    first, second = await asyncio.gather(
        aws.create_connection(), aws.create_connection(), return_exceptions=True
    )
    assert first is None
    assert isinstance(second, ConnectionError)
    assert peer.connections == 1
    with pytest.raises(ConnectionError, match="already"):
        await aws.__aenter__()
    assert await aws.manipulator.receive() == b"hello 0"
    await aws.close_connection()
    async with aws:
        assert await aws.manipulator.receive() == b"hello 1"


async def test_the_originals_face_can_be_tried_again_after_a_failure(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greeting(0))
    aws = AioWebSocket("ws://127.0.0.1:9/#wrong", union_header={"X": "a\nb"})
    with pytest.raises(ValueError, match="X"):
        await aws.create_connection()
    aws.uri, aws.union_header = peer.uri, {}
    async with aws:
        assert await aws.manipulator.receive() == b"hello 0"
    await aws.__aexit__(None, None, None)
