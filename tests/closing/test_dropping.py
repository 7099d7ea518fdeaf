"""A connection that nobody holds any more, on either face: a warning, Close 1001, nothing left."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, connect
from blocking import until
from peers import frames
from peers.raw import Session
from peers.scripts import sends
from soak import descriptors

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import RawPeer

pytestmark = pytest.mark.every("scheme", "face")

needs_descriptors = pytest.mark.skipif(
    not os.path.isdir("/dev/fd"), reason="this system does not tell which descriptors are open"
)


async def opened(face: str, uri: str) -> Any:
    """What users hold: a ClientConnection, or an AioWebSocket."""
    if face == "connect":
        return await connect(uri)
    aws = AioWebSocket(uri)
    await aws.create_connection()
    return aws


def connection_of(held: Any) -> Any:
    """The object that is the connection."""
    return held.manipulator if isinstance(held, AioWebSocket) else held


async def collect() -> None:
    """Let go of what nobody holds, and give the loop its turn."""
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)


async def assert_left(peer: RawPeer) -> None:
    """The peer was told that the client goes away, and then saw the end."""
    await peer.report()
    (session,) = peer.sessions
    assert [frame.opcode for frame in session.frames] == [frames.CLOSE]
    assert session.frames[0].close_code == 1001


@needs_descriptors
async def test_one_that_is_dropped_warns_says_1001_and_closes_its_socket(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peers = [raw_peer(Session.open) for _ in range(2)]
    held: list[Any] = []
    for peer in peers:
        # The first has what the process and the loop keep opened as well.
        base = descriptors.count()
        held.append(await opened(face, peer.uri))
        with pytest.warns(ResourceWarning, match="unclosed connection"):
            held.clear()
        await assert_left(peer)
    assert await descriptors.settled(base) <= base


@needs_descriptors
async def test_one_with_messages_that_nobody_received_is_freed_with_them(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peer = raw_peer(sends(*[frames.binary(bytes(1000))] * 100))
    held = [await opened(face, peer.uri)]
    await until(lambda: connection_of(held[0]).stats.queued_messages == 100)
    freed = weakref.ref(connection_of(held[0]))
    with pytest.warns(ResourceWarning, match="unclosed connection"):
        held.clear()
    assert freed() is None
    await assert_left(peer)


async def test_one_that_is_open_is_collected_with_the_cycle_that_it_is_in(
    raw_peer: MakeRawPeer, face: str
) -> None:
    class Owner:
        held: Any
        send: Any

    peer = raw_peer(Session.open)
    owner = Owner()
    owner.held = await opened(face, peer.uri)
    owner.held.owner = owner
    owner.send = connection_of(owner.held).send
    freed = weakref.ref(owner)
    del owner
    with pytest.warns(ResourceWarning, match="unclosed connection"):
        await collect()
    assert freed() is None
    await assert_left(peer)


async def test_one_that_is_dropped_in_another_thread_says_1001(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peer = raw_peer(Session.open)
    held = [await opened(face, peer.uri)]
    caught: list[warnings.WarningMessage] = []

    def drop() -> None:
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            held.clear()
        caught.extend(recorded)

    thread = threading.Thread(target=drop)
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
    assert [warning.category for warning in caught] == [ResourceWarning]
    await assert_left(peer)


@needs_descriptors
async def test_many_that_are_dropped_leave_nothing(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    uri = websockets_server.uri(scheme)
    held = [await opened(face, uri)]
    with pytest.warns(ResourceWarning):
        held.clear()
    await collect()
    base, objects = descriptors.count(), len(gc.get_objects())
    for _ in range(5):
        held = list(await asyncio.gather(*(opened(face, uri) for _ in range(10))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            held.clear()
            await collect()
    assert await descriptors.settled(base) <= base
    assert len(gc.get_objects()) < objects + 50
