"""`busy_poll`: a receiver reads the socket itself for a while, and nothing else changes.

A poll holds the interpreter, so a peer that is to answer meanwhile is a process of its own.
"""

from __future__ import annotations

import asyncio
import select
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import AioWebSocket, ClientConnection, connect
from blocking import until
from peers import deflate, frames
from peers.scripts import echo, sends_after_go

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import RawPeer, Session

pytestmark = pytest.mark.loop_drives

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
LONGEST = 1000
IN_A_ROW = 64


class Turns:
    """Counts the iterations of the running loop."""

    def __init__(self) -> None:
        self.count = 0
        self._turn()

    def _turn(self) -> None:
        self.count += 1
        self._handle = asyncio.get_running_loop().call_soon(self._turn)

    def stop(self) -> None:
        self._handle.cancel()


PARKED = object()


def without_parking(call: Any) -> Any:
    """What a call gives in its first step, or PARKED: then it is given up."""
    try:
        call.send(None)
    except StopIteration as stop:
        return stop.value
    call.close()
    return PARKED


def lies_in_the_socket(peer: RawPeer, ws: ClientConnection) -> None:
    """Let the peer send, and hold up the loop until the bytes have come."""
    sent = peer.sessions[-1].sent
    sent.clear()
    peer.go.set()
    assert sent.wait(10)
    time.sleep(0.05)
    assert ws._queued == 0


@pytest.mark.parametrize("value", [True, False, 1.0, 20.5, "20", None], ids=repr)
async def test_busy_poll_is_a_whole_number(raw_peer: MakeRawPeer, value: Any) -> None:
    uri = raw_peer(lambda _: None).uri
    with pytest.raises(TypeError, match="busy_poll"):
        await connect(uri, busy_poll=value)
    with pytest.raises(TypeError, match="busy_poll"):
        AioWebSocket(uri, busy_poll=value)


@pytest.mark.parametrize("value", [-1, LONGEST + 1, 2**70])
async def test_busy_poll_is_between_nothing_and_a_millisecond(
    raw_peer: MakeRawPeer, value: int
) -> None:
    uri = raw_peer(lambda _: None).uri
    with pytest.raises(ValueError, match="busy_poll"):
        await connect(uri, busy_poll=value)
    with pytest.raises(ValueError, match="busy_poll"):
        AioWebSocket(uri, busy_poll=value)


@pytest.mark.every("scheme")
async def test_what_lies_in_the_socket_is_received_without_parking(raw_peer: MakeRawPeer) -> None:
    for method, expected in (("recv", "there"), ("recv_many", ["there"])):
        peer = raw_peer(sends_after_go(frames.text("there")))
        async with connect(peer.uri, busy_poll=LONGEST) as ws:
            lies_in_the_socket(peer, ws)
            assert without_parking(getattr(ws, method)()) == expected


@pytest.mark.every("scheme")
async def test_it_serves_the_original_face_too(raw_peer: MakeRawPeer) -> None:
    for method, expected in (("receive", b"there"), ("receive_many", [b"there"])):
        peer = raw_peer(sends_after_go(frames.text("there")))
        async with AioWebSocket(peer.uri, busy_poll=LONGEST) as aws:
            lies_in_the_socket(peer, aws.manipulator)
            assert without_parking(getattr(aws.manipulator, method)()) == expected


@pytest.mark.every("scheme")
async def test_without_it_a_receiver_parks_at_once(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends_after_go(frames.text("there")))
    async with connect(peer.uri) as ws:
        lies_in_the_socket(peer, ws)
        assert without_parking(ws.recv()) is PARKED
        assert await ws.recv() == "there"


@pytest.mark.every("scheme")
@pytest.mark.parametrize("coalesce", [False, True])
async def test_an_answer_within_the_time_comes_without_parking(
    websockets_server: ServerProcess, scheme: str, coalesce: bool
) -> None:
    """What was kept back to be coalesced is sent before it is waited for."""
    uri = websockets_server.uri(scheme)
    at_once = 0
    async with connect(uri, busy_poll=LONGEST, coalesce=coalesce) as ws:
        for number in range(2000):
            await ws.send(str(number))
            received = without_parking(ws.recv())
            if received is PARKED:
                received = await ws.recv()
            else:
                at_once += 1
            assert received == str(number)
            if at_once == 3:
                break
    assert at_once == 3


@pytest.mark.every("scheme")
async def test_echoes_of_every_size_are_whole(
    websockets_server: ServerProcess, scheme: str
) -> None:
    async with connect(websockets_server.uri(scheme), max_size=None, busy_poll=50) as ws:
        for size in [0, 1, 125, 126, 2**16, 2**20, 3 * 2**20]:
            for message in (b"\xff" * size, "\u20ac" * (size // 3)):
                await asyncio.gather(ws.send(message))
                assert await asyncio.wait_for(ws.recv(), 20) == message


@pytest.mark.every("scheme")
async def test_other_tasks_get_turns_though_messages_always_come(raw_peer: MakeRawPeer) -> None:
    """The socket is never empty when it is polled: each message is a read's worth and more."""
    message = bytes(2**18)
    count = 6 * IN_A_ROW

    def script(session: Session) -> None:
        session.open()
        for _ in range(count):
            session.send(frames.binary(message))

    async with connect(raw_peer(script).uri, busy_poll=LONGEST) as ws:
        turns = Turns()
        for _ in range(count):
            assert await ws.recv() == message
        assert turns.count >= count // IN_A_ROW // 2
        turns.stop()


@pytest.mark.every("scheme")
async def test_the_loop_has_turns_though_each_poll_finds_a_message(raw_peer: MakeRawPeer) -> None:
    """Each poll finds exactly one message, which the peer sends when it has our last one."""

    peer = raw_peer(echo)
    sock = socket.create_connection(("127.0.0.1", peer.port))
    descriptor = sock.fileno()
    async with connect(peer.uri, sock=sock, busy_poll=LONGEST) as ws:
        turns, began, received = Turns(), time.monotonic(), 0
        while time.monotonic() - began < 0.5:
            await ws.send("next")
            select.select([descriptor], [], [], 5)  # The answer is there, and the loop has not run.
            message = without_parking(ws.recv())
            if message is PARKED:
                message = await ws.recv()
            assert message == "next"
            received += 1
        assert 3 <= turns.count <= received / 2
        turns.stop()


@pytest.mark.every("scheme")
async def test_when_nothing_comes_a_receiver_parks_and_the_loop_runs(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(sends_after_go(frames.text("at last")))
    async with connect(peer.uri, busy_poll=LONGEST) as ws:
        turns = Turns()
        receiving = asyncio.ensure_future(ws.recv())
        await until(lambda: turns.count > 3)
        turns.stop()
        assert not receiving.done()
        peer.go.set()
        assert await asyncio.wait_for(receiving, 5) == "at last"


@pytest.mark.every("scheme")
async def test_a_parked_receiver_costs_no_cpu(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(sends_after_go(frames.text("at last")))
    async with connect(peer.uri, busy_poll=LONGEST) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.05)
        before = time.thread_time()
        await asyncio.sleep(0.5)
        assert time.thread_time() - before < 0.25
        peer.go.set()
        await receiving


@pytest.mark.every("scheme")
async def test_receivers_that_time_out_again_and_again_lose_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        for number in range(40):
            session.go.wait(0.003)
            session.send(frames.text(str(number)))

    peer = raw_peer(script)
    received: list[str | bytes] = []
    async with connect(peer.uri, busy_poll=20) as ws:
        for _ in range(2 * IN_A_ROW):
            receiving = asyncio.ensure_future(ws.recv())
            await asyncio.sleep(0)
            receiving.cancel()
            await asyncio.wait([receiving])
        peer.go.set()
        while len(received) < 40:
            receiving = asyncio.ensure_future(ws.recv())
            await asyncio.wait([receiving], timeout=0.002)
            receiving.cancel()
            await asyncio.wait([receiving])
            if not receiving.cancelled():
                received.append(receiving.result())
    assert received == [str(number) for number in range(40)]


@pytest.mark.every("scheme")
@pytest.mark.parametrize("ending", ["close", "reset", "truncate"])
async def test_an_end_that_is_found_by_polling_is_told(raw_peer: MakeRawPeer, ending: str) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("last"))
        if ending == "close":
            session.send_close(1000, "bye")
        elif ending == "reset":
            time.sleep(0.02)  # What has not left the socket by then, a reset drops.
            session.reset()
        else:
            session.send(frames.text("cut")[:3])
            session.close()

    peer = raw_peer(script)
    async with connect(peer.uri, busy_poll=LONGEST, close_timeout=5) as ws:
        lies_in_the_socket(peer, ws)
        assert await asyncio.wait_for(ws.recv(), 5) == "last"
        error: type[aiowebsocket.ConnectionClosed] = aiowebsocket.ConnectionClosedError
        if ending == "close":
            error = aiowebsocket.ConnectionClosedOK
        turns = Turns()
        for _ in range(20):
            with pytest.raises(error):
                await asyncio.wait_for(ws.recv(), 5)
        assert turns.count >= 10
        turns.stop()
    assert ws.close_code == (1000 if ending == "close" else 1006)


@pytest.mark.every("scheme")
async def test_nothing_is_polled_once_the_connection_has_ended(raw_peer: MakeRawPeer) -> None:
    """A catch-all loop that goes on calling does not spend a millisecond each time."""

    def script(session: Session) -> None:
        session.open()
        session.send_close(1000)

    async with connect(raw_peer(script).uri, busy_poll=LONGEST) as ws:
        await ws.wait_closed()
        before = time.thread_time()
        for _ in range(1000):
            with pytest.raises(aiowebsocket.ConnectionClosedOK):
                await ws.recv()
        assert time.thread_time() - before < 0.5


@pytest.mark.every("scheme")
async def test_a_ping_that_polling_finds_is_answered(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> bytes:
        session.open()
        session.wait_for_go()
        session.send(frames.ping(b"found"))
        answer = session.receive()
        session.send(frames.text("thanks"))
        return answer.payload

    peer = raw_peer(script)
    async with connect(peer.uri, busy_poll=LONGEST) as ws:
        lies_in_the_socket(peer, ws)
        assert await asyncio.wait_for(ws.recv(), 5) == "thanks"
    assert await peer.report() == b"found"


@pytest.mark.every("scheme")
async def test_a_large_compressed_message_is_found_by_polling(raw_peer: MakeRawPeer) -> None:
    payload = b"".join(b"%d, " % (number * 7919) for number in range(200_000))
    stream = deflate.compressor()
    messages = [deflate.message(deflate.deflate(payload, stream)) for _ in range(3)]

    def script(session: Session) -> None:
        session.open(DEFLATE)
        session.wait_for_go()
        for message in messages:
            session.send(message)

    peer = raw_peer(script)
    async with connect(peer.uri, max_size=None, busy_poll=LONGEST) as ws:
        lies_in_the_socket(peer, ws)
        for _ in range(3):
            assert await asyncio.wait_for(ws.recv(), 20) == payload


@pytest.mark.every("scheme")
async def test_compressed_messages_beyond_max_buffered_all_come(raw_peer: MakeRawPeer) -> None:
    """One read holds more than may be inflated at once: polling goes on where it stopped."""
    count = 200

    def script(session: Session) -> None:
        session.open(DEFLATE)
        session.wait_for_go()
        stream = deflate.compressor()
        messages = (deflate.deflate(b"%d " % number * 1000, stream) for number in range(count))
        session.send(*map(deflate.message, messages))

    peer = raw_peer(script)
    async with connect(peer.uri, busy_poll=LONGEST, max_buffered=5000) as ws:
        lies_in_the_socket(peer, ws)
        for number in range(count):
            assert await asyncio.wait_for(ws.recv(), 5) == b"%d " % number * 1000


@pytest.mark.every("scheme")
async def test_several_receivers_of_the_original_face_lose_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    count = 300

    def script(session: Session) -> None:
        session.open()
        for number in range(count):
            if number % 10 == 0:
                session.go.wait(0.001)
            session.send(frames.text(str(number)))

    received: list[bytes] = []

    async def receive(converse: Any) -> None:
        while True:
            received.append(await converse.receive())

    async with AioWebSocket(raw_peer(script).uri, busy_poll=100) as aws:
        tasks = [asyncio.create_task(receive(aws.manipulator)) for _ in range(4)]
        deadline = time.monotonic() + 10
        while len(received) < count and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert sorted(received, key=int) == [b"%d" % number for number in range(count)]


@pytest.mark.every("scheme")
async def test_a_stream_is_polled_for_too(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(
        sends_after_go(frames.text("1", fin=False), frames.continuation(b"2"), frames.text("3"))
    )
    async with connect(peer.uri, busy_poll=LONGEST) as ws:
        lies_in_the_socket(peer, ws)
        assert "".join([str(part) async for part in ws.recv_streaming()]) == "12"
        assert await ws.recv() == "3"
