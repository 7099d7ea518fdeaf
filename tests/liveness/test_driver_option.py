"""`driver`: who serves the socket, and that whoever does serves it wholly."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import clock
import event_loops
from aiowebsocket import AioWebSocket, ConnectionClosedOK, State, connect
from blocking import block_until, sleep, until
from faces import opened
from failures import assert_readable
from peers import frames
from peers.frames import CLOSE, PONG
from peers.scripts import echo

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session


def open_until_the_end(session: Session) -> str:
    session.open()
    return session.wait_for_end()


@pytest.mark.every("face")
def test_a_loop_that_cannot_watch_sockets_says_so_and_keeps_none(
    raw_peer: MakeRawPeer, face: str
) -> None:
    async def open_and_close() -> None:
        async with opened(face, peer.uri, driver="loop"):
            pass

    peer = raw_peer(open_until_the_end)
    with pytest.raises(RuntimeError) as raised:
        event_loops.run("blind", open_and_close())
    assert_readable(raised.value, "cannot watch sockets", 'driver="loop"', 'driver="auto"')
    assert isinstance(raised.value.__cause__, NotImplementedError)
    assert peer.result() in ("FIN", "RST")


@pytest.mark.every("scheme", "face", "driver")
async def test_whoever_serves_echoes(raw_peer: MakeRawPeer, face: str, driver: str) -> None:
    async with opened(face, raw_peer(echo).uri, driver=driver) as ws:
        for size in (0, 1, 125, 126, 2**16, 2**20):
            message = b"x" * size
            await asyncio.wait_for(ws.send(message), 5)
            assert (await asyncio.wait_for(ws.recv(), 10) or b"") in (message, message.decode())
        # There is nobody to take over from.
        assert ws.connection.stats.takeovers == 0 or driver != "lifeline"
    assert ws.connection.close_code == 1000


@pytest.mark.every("scheme")
async def test_the_lifeline_reads_a_flood_of_long_messages(raw_peer: MakeRawPeer) -> None:
    """In steps that end anywhere within a TLS record."""
    sizes = [2**20 - number * 977 for number in range(40)]

    def script(session: Session) -> None:
        session.open()
        for number, size in enumerate(sizes):
            session.send(frames.binary(bytes([number]) * size))

    async with connect(raw_peer(script).uri, driver="lifeline", max_buffered=2**28) as ws:
        await asyncio.wait_for(until(lambda: ws.stats.queued_messages == len(sizes)), 15)
        for number, size in enumerate(sizes):
            assert await ws.recv() == bytes([number]) * size


@pytest.mark.every("scheme")
async def test_the_lifeline_waits_for_a_slow_consumer_and_loses_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    count = 500

    def script(session: Session) -> None:
        session.open()
        for number in range(count):
            session.send(frames.text(f"{number}:" + "x" * 2000))
        session.send(frames.ping(b"behind"))
        while session.receive().opcode != PONG:
            pass
        session.go.set()

    peer = raw_peer(script)
    async with connect(peer.uri, driver="lifeline", max_buffered=2**14) as ws:
        for number in range(count):
            if number % 100 == 0:
                await asyncio.sleep(0.02)
                assert ws.stats.queued_bytes <= 2**14 + 2**18
            assert await asyncio.wait_for(ws.recv(), 5) == f"{number}:" + "x" * 2000
        await asyncio.wait_for(until(peer.go.is_set), 5)


@pytest.mark.every("scheme")
async def test_the_lifeline_writes_what_waits_for_a_peer_that_does_not_read(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()

    peer = raw_peer(script)
    async with connect(peer.uri, driver="lifeline") as ws:
        sending = asyncio.ensure_future(ws.send(bytes(2**24)))
        await asyncio.wait([sending], timeout=0.05)
        assert not sending.done()
        peer.go.set()
        await asyncio.wait_for(sending, 10)
        await ws.send("end")
    await peer.report()
    assert [frame.payload for frame in peer.sessions[0].frames[:-1]] == [bytes(2**24), b"end"]


@pytest.mark.every("face")
async def test_the_lifeline_wakes_a_receiver_for_each_message_and_for_the_end(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        for number in range(3):
            session.wait_for_go()
            session.go.clear()
            session.send(frames.text(str(number)))
        session.wait_for_go()
        session.send_close(1000, "done")

    peer = raw_peer(script)
    async with opened(face, peer.uri, driver="lifeline") as ws:
        for number in range(3):
            receiving = asyncio.ensure_future(ws.recv())
            await asyncio.sleep(0.01)
            peer.go.set()
            message = await asyncio.wait_for(receiving, 5)
            assert message in (str(number), str(number).encode())
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.01)
        peer.go.set()
        with pytest.raises(ConnectionClosedOK, match="done"):
            await asyncio.wait_for(receiving, 5)


@pytest.mark.every("scheme", "driver")
async def test_whoever_serves_keeps_the_deadline_of_closing(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    peer = raw_peer(open_until_the_end)
    ws = await connect(peer.uri, driver=driver, close_timeout=0.3)
    with clock.measuring() as took:
        await asyncio.wait_for(ws.close(), 5)
    assert took.seconds >= 0.3
    assert took.late(0.3) < clock.SLACK
    assert ws.close_code == 1006
    await peer.report()


async def test_the_lifeline_needs_no_loop_to_read_and_to_answer(raw_peer: MakeRawPeer) -> None:
    answered = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.send(frames.text("kept"), frames.ping(b"?"))
        assert session.receive().opcode == PONG
        session.send_close(1001)
        assert session.receive().opcode == CLOSE
        answered.set()
        session.hang_up()

    ws = await connect(raw_peer(script).uri, driver="lifeline")
    assert answered.wait(10)  # Not awaited: the loop must not turn.
    assert ws.stats.takeovers == 0
    assert await ws.recv() == "kept"
    with pytest.raises(ConnectionClosedOK):
        await ws.recv()
    await asyncio.wait_for(ws.wait_closed(), 5)
    assert ws.state is State.CLOSED


@pytest.mark.every("face")
async def test_auto_takes_the_loop_where_that_can_watch_and_else_the_lifeline(
    raw_peer: MakeRawPeer, face: str, loop_kind: str
) -> None:
    """Told by who reads while the loop does not turn."""
    sent = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("who reads this?"))
        sent.set()

    peer = raw_peer(script)
    async with opened(face, peer.uri, driver="auto") as ws:
        await asyncio.sleep(0.01)
        peer.go.set()
        assert sent.wait(10)
        if loop_kind == "blind":
            block_until(lambda: ws.connection.stats.messages_received == 1)
        else:
            sleep(0.1)
            # The lifeline stands in for a loop that a busy machine has held up for longer.
            assert ws.connection.stats.messages_received <= ws.connection.stats.takeovers
        assert await asyncio.wait_for(ws.recv(), 5) in ("who reads this?", b"who reads this?")


@pytest.mark.parametrize("wrong", ["Loop", "", None, 1], ids=repr)
def test_another_driver_is_refused(wrong: Any) -> None:
    for make in (connect, AioWebSocket):
        with pytest.raises(ValueError, match=r"driver is .* one of 'auto', 'loop', 'lifeline'"):
            make("ws://localhost/", driver=wrong)
