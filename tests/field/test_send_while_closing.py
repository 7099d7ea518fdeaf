"""A send while the connection is closing: the end is told when it is known what it has become.

RFC 6455 5.5.1: no data after a Close. So `send` and its like wait for the end, `close_timeout` at
most, and raise ConnectionClosedOK where the closing handshake was completed with a good code.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import (
    AioWebSocket,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    State,
    connect,
)
from blocking import until
from peers.frames import CLOSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session

SHORT = 5.0


async def fragments(*parts: str) -> Any:
    for part in parts:
        yield part


WAYS: dict[str, Callable[[Any], Any]] = {
    "send": lambda ws: ws.send("x"),
    "send bytes": lambda ws: ws.send(b"x"),
    "iterable": lambda ws: ws.send(["x", "y"]),
    "async iterable": lambda ws: ws.send(fragments("x", "y")),
    "send_many": lambda ws: ws.send_many(["x", "y"]),
    "ping": lambda ws: ws.ping("x"),
    "pong": lambda ws: ws.pong("x"),
    "threadsafe": lambda ws: asyncio.to_thread(ws.send_threadsafe, "x"),
}
every_way = pytest.mark.parametrize("way", WAYS)
both_drivers = pytest.mark.parametrize("driver", ["auto", "lifeline"])


def answers_after_go(code: int | None) -> Callable[[Session], list[int]]:
    """Takes our Close and answers it when it may; without a code it ends the stream instead."""

    def script(session: Session) -> list[int]:
        session.open()
        while session.receive().opcode != CLOSE:
            pass
        session.wait_for_go()
        if code is not None:
            session.send_close(code)
        session.hang_up()
        return [frame.opcode for frame in session.frames]

    return script


async def task_of(operation: Any) -> Any:
    return await operation


async def closing(ws: Any, peer: RawPeer) -> asyncio.Task[None]:
    """Our close, which the peer has got and has not answered."""
    task = asyncio.ensure_future(task_of(ws.close()))
    await until(lambda: peer.sessions and peer.sessions[0].frames)
    assert ws.state is State.CLOSING
    return task


async def assert_waits(operation: Any, peer: RawPeer, error: type[ConnectionClosed]) -> None:
    """For the end, which the peer brings about."""
    sending = asyncio.ensure_future(task_of(operation))
    await asyncio.wait([sending], timeout=0.1)
    assert not sending.done(), f"it did not wait for the end: {sending.exception()!r}"
    peer.go.set()
    with pytest.raises(ConnectionClosed) as raised:
        await asyncio.wait_for(sending, SHORT)
    assert type(raised.value) is error


@both_drivers
@every_way
async def test_in_our_own_close_it_waits_and_says_that_it_was_one(
    raw_peer: MakeRawPeer, way: str, driver: str
) -> None:
    peer = raw_peer(answers_after_go(1000))
    ws = await connect(peer.uri, driver=driver)
    close = await closing(ws, peer)
    await assert_waits(WAYS[way](ws), peer, ConnectionClosedOK)
    await asyncio.wait_for(close, SHORT)
    assert ws.close_code == 1000
    # Nothing after the Close.
    assert await peer.report() == [CLOSE]


@every_way
async def test_where_the_peer_ends_the_stream_it_says_that_it_was_none(
    raw_peer: MakeRawPeer, way: str
) -> None:
    peer = raw_peer(answers_after_go(None))
    ws = await connect(peer.uri)
    close = await closing(ws, peer)
    await assert_waits(WAYS[way](ws), peer, ConnectionClosedError)
    await asyncio.wait_for(close, SHORT)
    assert ws.close_code == 1006


@every_way
async def test_where_the_peer_answers_with_an_error_it_says_so(
    raw_peer: MakeRawPeer, way: str
) -> None:
    peer = raw_peer(answers_after_go(1011))
    ws = await connect(peer.uri)
    close = await closing(ws, peer)
    await assert_waits(WAYS[way](ws), peer, ConnectionClosedError)
    await asyncio.wait_for(close, SHORT)
    assert ws.close_code == 1011


@every_way
async def test_it_waits_no_longer_than_close_timeout(raw_peer: MakeRawPeer, way: str) -> None:
    peer = raw_peer(answers_after_go(None))
    ws = await connect(peer.uri, close_timeout=0.5)
    close = await closing(ws, peer)
    with pytest.raises(ConnectionClosedError):
        await asyncio.wait_for(task_of(WAYS[way](ws)), SHORT)
    await asyncio.wait_for(close, SHORT)
    assert ws.close_code == 1006


def closes_and_lingers(session: Session) -> str:
    """Sends a Close, and leaves the stream open when it has been answered until it may go."""
    session.open()
    session.send_close(1001, "going")
    while session.receive().opcode != CLOSE:
        pass
    session.wait_for_go()
    session.hang_up()
    return "done"


@both_drivers
@every_way
async def test_in_the_peers_close_it_waits_for_the_end_too(
    raw_peer: MakeRawPeer, way: str, driver: str
) -> None:
    peer = raw_peer(closes_and_lingers)
    ws = await connect(peer.uri, driver=driver)
    await until(lambda: ws.state is State.CLOSING)
    await assert_waits(WAYS[way](ws), peer, ConnectionClosedOK)
    assert (ws.close_code, ws.close_reason) == (1001, "going")


@every_way
async def test_once_closed_it_raises_at_once(raw_peer: MakeRawPeer, way: str) -> None:
    peer = raw_peer(answers_after_go(1000))
    peer.go.set()
    ws = await connect(peer.uri)
    await asyncio.wait_for(ws.close(), SHORT)
    with pytest.raises(ConnectionClosedOK):
        await asyncio.wait_for(task_of(WAYS[way](ws)), SHORT)


async def test_one_that_waits_can_be_cancelled(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(answers_after_go(1000))
    ws = await connect(peer.uri)
    close = await closing(ws, peer)
    sending = asyncio.ensure_future(task_of(ws.send("x")))
    await asyncio.sleep(0.05)
    sending.cancel()
    await asyncio.wait([sending], timeout=SHORT)
    assert sending.cancelled()
    peer.go.set()
    await asyncio.wait_for(close, SHORT)
    assert ws.close_code == 1000


async def test_many_are_told_the_same(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(answers_after_go(1000))
    ws = await connect(peer.uri)
    close = await closing(ws, peer)
    sending = asyncio.gather(
        *(task_of(WAYS[way](ws)) for way in list(WAYS) * 3), return_exceptions=True
    )
    await asyncio.sleep(0.1)
    peer.go.set()
    outcomes = await asyncio.wait_for(sending, SHORT)
    assert {type(outcome) for outcome in outcomes} == {ConnectionClosedOK}
    await asyncio.wait_for(close, SHORT)


async def test_one_that_waited_for_room_when_the_close_began_is_told_what_it_became(
    raw_peer: MakeRawPeer,
) -> None:
    """It is not sent: what it would have said comes after the Close."""

    def script(session: Session) -> list[int]:
        session.open()
        session.wait_for_go()
        while session.receive().opcode != CLOSE:
            pass
        session.send_close(1000)
        session.hang_up()
        return [len(frame.payload) for frame in session.frames if frame.opcode != CLOSE]

    peer = raw_peer(script)
    ws = await connect(peer.uri, compression=None, write_limit=2**15)
    first = asyncio.ensure_future(task_of(ws.send(bytes(2**24))))
    await until(lambda: ws.stats.write_backlog > 2**15)
    second = asyncio.ensure_future(task_of(ws.send("second")))
    await asyncio.sleep(0.05)
    close = asyncio.ensure_future(task_of(ws.close()))
    await asyncio.sleep(0.05)
    peer.go.set()
    await asyncio.wait([first, second, close], timeout=SHORT)
    assert type(second.exception()) is ConnectionClosedOK
    assert await peer.report() == [2**24]


async def test_a_thread_hears_of_the_end_though_the_loop_is_blocked(
    raw_peer: MakeRawPeer,
) -> None:
    """The lifeline stands in; the loop need not run for that."""
    peer = raw_peer(answers_after_go(1000))
    ws = await connect(peer.uri, ping_timeout=0.2)
    close = await closing(ws, peer)
    outcome: list[BaseException] = []

    def send() -> None:
        try:
            ws.send_threadsafe("x", timeout=SHORT)
        except ConnectionClosed as error:
            outcome.append(error)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join(0.1)
    waited = thread.is_alive()
    peer.go.set()
    thread.join(SHORT)  # and the loop with it
    assert waited
    assert [type(error) for error in outcome] == [ConnectionClosedOK]
    await asyncio.wait_for(close, SHORT)


async def test_a_threads_patience_ends_while_the_close_goes_on(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(answers_after_go(1000))
    ws = await connect(peer.uri)
    close = await closing(ws, peer)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(ws.send_threadsafe, "x", timeout=0.1)
    peer.go.set()
    await asyncio.wait_for(close, SHORT)


async def test_a_conversation_raises_once_it_is_known_to_be_closed(raw_peer: MakeRawPeer) -> None:
    """Until `receive` has told of the end, a send is dropped, as the original did."""
    peer = raw_peer(answers_after_go(1000))
    peer.go.set()
    aws = AioWebSocket(peer.uri)
    await aws.create_connection()
    converse = aws.manipulator
    await asyncio.wait_for(aws.close_connection(), SHORT)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(task_of(converse.receive()), SHORT)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(task_of(converse.send("x")), SHORT)
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(task_of(converse.send_many(["x", "y"])), SHORT)
