"""Whatever is awaited is cancelled, at any point: nothing lost, nothing torn, no socket left."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, ConnectionClosed, connect
from faces import FACES
from peers import frames
from peers.scripts import echo
from soak import descriptors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from conftest import MakeRawPeer
    from faces import Client
    from peers.process import ServerProcess
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme", "face")

# So many rounds of the loop, then so many seconds: before, while and after the call does its work.
POINTS = [*((rounds, None) for rounds in range(8)), *((0, n / 1000) for n in (0.5, 1, 2, 4, 8))]

needs_descriptors = pytest.mark.skipif(
    not os.path.isdir("/dev/fd"), reason="this system does not tell which descriptors are open"
)


async def cancelled(call: Awaitable[Any], point: tuple[int, float | None]) -> bool:
    """Whether a call was cancelled at that point; it may have ended before."""
    rounds, seconds = point
    task = asyncio.ensure_future(call)
    for _ in range(rounds):
        await asyncio.sleep(0)
    if seconds is not None:
        await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled() or task.exception() is not None


async def opened(face: str, uri: str) -> Client:
    client = FACES[face](uri)
    await client.open()
    return client


def messages(client: Any) -> AsyncIterator[Any]:
    """What `async for` iterates over, on either face."""
    return aiter(client._ws if hasattr(client, "_ws") else client._aws.manipulator)


@needs_descriptors
async def test_connect_cancelled_at_any_point_leaves_no_socket(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    uri = websockets_server.uri(scheme)
    await (await opened(face, uri)).close()
    base = descriptors.count()
    outcomes = []
    for point in POINTS * 3:
        client = FACES[face](uri)
        outcomes.append(await cancelled(client.open(), point))
        if not outcomes[-1]:
            await client.close()
    assert True in outcomes
    assert await descriptors.settled(base) <= base


@needs_descriptors
async def test_a_close_cancelled_at_any_point_leaves_no_socket(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    uri = websockets_server.uri(scheme)
    await (await opened(face, uri)).close()
    base = descriptors.count()
    outcomes = []
    # A task cancelled before its first step has not begun to close.
    for point in POINTS[1:]:
        client = await opened(face, uri)
        outcomes.append(await cancelled(client.close(), point))
        with contextlib.suppress(ConnectionClosed):
            await asyncio.wait_for(client.receive(), 5)
        assert client.close_code == 1000
    assert True in outcomes
    assert await descriptors.settled(base) <= base


async def test_a_send_cancelled_at_any_point_is_whole_or_not_there(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        while session.receive().opcode != frames.CLOSE:
            # Slow enough that to send is to wait.
            session.go.wait(0.001)
        session.send_close(1000)
        session.hang_up()

    peer = raw_peer(script)
    client = await opened(face, peer.uri)
    sent = set()
    for number in range(100):
        message = number.to_bytes(4, "big") * 20_000
        if not await cancelled(client.send(message), POINTS[number % len(POINTS)]):
            sent.add(number)
    assert 0 < len(sent) < 100
    await client.close()
    await peer.report()
    payloads = [frame.payload for frame in peer.sessions[0].frames[:-1]]
    arrived = [int.from_bytes(payload[:4], "big") for payload in payloads]
    assert payloads == [number.to_bytes(4, "big") * 20_000 for number in arrived]
    assert arrived == sorted(set(arrived))
    assert sent <= set(arrived)


async def test_an_async_for_cancelled_at_any_point_loses_nothing(
    raw_peer: MakeRawPeer, face: str
) -> None:
    count = 200

    def script(session: Session) -> None:
        session.open()
        for number in range(count):
            session.send(frames.text(str(number)))
            session.go.wait(0.001)
            # Who has it all has nothing to wait for, nor to be interrupted in.
            while number - len(received) > 10 and not session.go.wait(0.001):
                pass

    received: list[int] = []

    async def iterate(client: Client) -> None:
        async for message in messages(client):
            received.append(int(message))  # noqa: PERF401 (what came before a cancellation is kept)

    client = await opened(face, raw_peer(script).uri)
    interruptions = 0
    while len(received) < count:
        point = POINTS[interruptions % len(POINTS)]
        interruptions += await cancelled(iterate(client), point)
    assert received == list(range(count))
    assert interruptions > 10
    await client.close()


@needs_descriptors
async def test_a_body_cancelled_at_any_point_and_again_while_it_closes_leaves_no_socket(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    uri = websockets_server.uri(scheme)
    await (await opened(face, uri)).close()

    async def live() -> None:
        entered: Any = AioWebSocket(uri) if face == "AioWebSocket" else connect(uri)
        async with entered as ws:
            converse = ws.manipulator if face == "AioWebSocket" else ws
            while True:
                await converse.send("x")
                await (converse.receive() if face == "AioWebSocket" else converse.recv())

    base = descriptors.count()
    for rounds, seconds in POINTS:
        for again in range(4):
            task = asyncio.ensure_future(live())
            await asyncio.sleep(0.005 if seconds is None else 0.005 + seconds)
            for _ in range(rounds):
                await asyncio.sleep(0)
            task.cancel()
            for _ in range(again):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
    assert await descriptors.settled(base) <= base


async def test_a_connection_outlives_any_number_of_cancelled_calls(
    raw_peer: MakeRawPeer, face: str
) -> None:
    client = await opened(face, raw_peer(echo).uri)
    for point in POINTS:
        assert await cancelled(client.receive(), point)
    await client.send(b"still here")
    assert await client.receive() == b"still here"
    await client.close()
