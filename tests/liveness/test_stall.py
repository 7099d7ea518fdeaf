"""A loop that does not run, since the program is busy: the engine stands in for it meanwhile.

Where the engine's own thread drives the connection anyway there is nothing to take over, and all
else is the same.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from aiowebsocket import ConnectionClosedError, ConnectionClosedOK, State, connect
from blocking import block_until, hold_the_interpreter, sleep, until
from faces import opened
from failures import assert_readable
from peers import deflate, frames
from peers.frames import CLOSE, PONG
from peers.scripts import echo

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
# A loop is looked after each quarter of ping_timeout, so that these tests need not take seconds; no
# ping is ever due.
SOON: dict[str, Any] = {"ping_interval": 3600, "ping_timeout": 0.2}
# What one read of the socket may bring beyond max_buffered.
ONE_READ = 2**18


def assert_taken_over(ws: Any, loop_kind: str, times: int) -> None:
    """At least so often: a machine that stands still is a stall too, if one that nobody planned."""
    if loop_kind == "blind":
        assert ws.stats.takeovers == 0
    else:
        assert ws.stats.takeovers >= times


def demands_pongs(session: Session, count: int, interval: float = 0) -> None:
    """Sends a Ping and a message, so many times, and wants each Pong."""
    for number in range(count):
        session.send(frames.ping(b"%d" % number), frames.text(str(number)))
        frame = session.receive()
        assert (frame.opcode, frame.payload) == (PONG, b"%d" % number)
        time.sleep(interval)


async def receive(ws: Any, count: int) -> list[str | bytes]:
    return [await asyncio.wait_for(ws.recv(), 5) for _ in range(count)]


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


@pytest.mark.loop_drives
async def test_pings_are_answered_and_messages_kept_though_the_loop_sleeps_for_seconds(
    raw_peer: MakeRawPeer,
) -> None:
    """With the default options, where a loop is looked after each second."""

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        demands_pongs(session, 6, 0.4)
        session.send(frames.text("end"))
        echo_on(session)

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        peer.go.set()
        block_until(lambda: ws.stats.queued_messages == 7)
        assert ws.stats.takeovers == 1
        assert await receive(ws, 7) == [*numbers(0, 6), "end"]
        await assert_works(ws)
        assert ws.stats.takeovers == 1


def echo_on(session: Session) -> None:
    while (frame := session.receive()).opcode != CLOSE:
        session.send(frames.frame(frame.opcode, frame.payload))
    session.send_close(frame.close_code)
    session.hang_up()


async def assert_works(ws: Any) -> None:
    """Both ways."""
    for message in ("short", "long" * 10_000):
        await asyncio.wait_for(ws.send(message), 5)
        assert await asyncio.wait_for(ws.recv(), 5) == message
    await asyncio.wait_for(ws.close(), 5)
    assert ws.close_code == 1000


@pytest.mark.every("scheme")
async def test_one_call_that_holds_the_interpreter_harms_nothing(
    demanding_server: ServerProcess, scheme: str
) -> None:
    """The server is no thread of ours, and has each pong before the call ends."""
    name = uuid.uuid4()
    with told_of(demanding_server, name) as line:
        uri = demanding_server.uri(scheme, f"/pings?count=5&as={name}")
        async with connect(uri, **SOON) as ws:
            hold_the_interpreter(line)
            assert await receive(ws, 6) == [*numbers(0, 5), "survived"]
        assert line.recv(100) == b"survived"


async def test_a_client_that_is_held_finds_a_dead_server_in_time(
    demanding_server: ServerProcess, scheme: str
) -> None:
    name = uuid.uuid4()
    with told_of(demanding_server, name) as line:
        uri = demanding_server.uri(scheme, f"/silence?as={name}")
        async with connect(uri, ping_interval=0.1, ping_timeout=0.3) as ws:
            with clock.measuring(demanding_server.process.pid) as took:
                hold_the_interpreter(line)
            assert took.late(0.1 + 0.3) < clock.SLACK
            with pytest.raises(ConnectionClosedError) as raised:
                await asyncio.wait_for(ws.recv(), 5)
            assert isinstance(raised.value.__cause__, TimeoutError)
        assert line.recv(100) == b"1011"


def told_of(server: ServerProcess, name: uuid.UUID) -> socket.socket:
    """Where the server tells what became of the connection of that name, as soon as it knows."""
    line = socket.create_connection(("127.0.0.1", server.ports["told"]))
    line.sendall(f"{name}\n".encode())
    return line


@pytest.mark.every("scheme")
async def test_no_more_than_max_buffered_is_read_in_advance_and_nothing_is_lost(
    raw_peer: MakeRawPeer, loop_kind: str
) -> None:
    messages = [b"%04d" % number * 1000 for number in range(1000)]

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(*map(frames.binary, messages))

    peer = raw_peer(script)
    async with connect(peer.uri, max_buffered=2**16, **SOON) as ws:
        peer.go.set()
        block_until(lambda: ws.stats.queued_bytes > 2**16)
        sleep(0.1)
        assert_taken_over(ws, loop_kind, 1)
        stats = ws.stats
        assert 2**16 < stats.queued_bytes <= stats.wire_bytes_received + 32 * stats.queued_messages
        assert stats.wire_bytes_received <= 2**16 + ONE_READ
        assert await receive(ws, len(messages)) == messages


@pytest.mark.every("scheme")
async def test_a_task_that_waits_gets_its_message_after_the_stall(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        demands_pongs(session, 1)
        echo_on(session)

    peer = raw_peer(script)
    async with connect(peer.uri, **SOON) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.01)
        peer.go.set()
        block_until(lambda: ws.stats.queued_messages == 1)
        assert await asyncio.wait_for(receiving, 5) == "0"
        await assert_works(ws)


async def test_a_close_is_answered_during_the_stall(raw_peer: MakeRawPeer) -> None:
    answered = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("last"))
        session.send_close(1001, "going")
        while (frame := session.receive()).opcode != CLOSE:
            pass
        assert frame.close_code == 1001
        answered.set()
        session.hang_up()

    peer = raw_peer(script)
    async with connect(peer.uri, **SOON) as ws:
        peer.go.set()
        block_until(answered.is_set)
        assert await receive(ws, 1) == ["last"]
        with pytest.raises(ConnectionClosedOK) as raised:
            await asyncio.wait_for(ws.recv(), 5)
        assert raised.value.rcvd == aiowebsocket.Close(1001, "going")
        await asyncio.wait_for(ws.wait_closed(), 5)


async def test_each_of_several_stalls_is_bridged(raw_peer: MakeRawPeer, loop_kind: str) -> None:
    def script(session: Session) -> None:
        session.open()
        for _ in range(3):
            session.wait_for_go()
            session.go.clear()
            demands_pongs(session, 1)
        echo_on(session)

    peer = raw_peer(script)
    async with connect(peer.uri, **SOON) as ws:
        for count in range(1, 4):
            peer.go.set()
            block_until(lambda: ws.stats.queued_messages == 1)
            assert_taken_over(ws, loop_kind, count)
            assert await receive(ws, 1) == ["0"]
            # What waits is taken without a turn of the loop, and one stall would become the next.
            await asyncio.sleep(0.02)
        await assert_works(ws)


async def test_output_that_waits_is_written_during_the_stall(raw_peer: MakeRawPeer) -> None:
    received = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        assert session.receive().payload == bytes(2**23)
        received.set()

    peer = raw_peer(script)
    async with connect(peer.uri, write_limit=2**24, **SOON) as ws:
        await ws.send(bytes(2**23))
        assert ws.stats.write_backlog > 0
        peer.go.set()
        block_until(received.is_set)


async def test_a_compressed_connection_is_served_too(raw_peer: MakeRawPeer, loop_kind: str) -> None:
    messages = [b"%d" % number * 10_000 for number in range(100)]

    def script(session: Session) -> None:
        session.open(DEFLATE)
        session.wait_for_go()
        stream = deflate.compressor()
        for message in messages:
            session.send(deflate.message(deflate.deflate(message, stream)))
        session.send(frames.ping(b"behind"))
        assert session.receive().payload == b"behind"

    peer = raw_peer(script)
    async with connect(peer.uri, **SOON) as ws:
        peer.go.set()
        block_until(lambda: ws.stats.queued_messages == 100)
        assert_taken_over(ws, loop_kind, 1)
        assert await receive(ws, 100) == messages


@pytest.mark.every("scheme")
async def test_a_reset_during_the_stall_is_an_error_behind_the_messages(
    raw_peer: MakeRawPeer,
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        demands_pongs(session, 1)
        session.reset()

    peer = raw_peer(script)
    async with connect(peer.uri, **SOON) as ws:
        receiving = asyncio.ensure_future(receive(ws, 2))
        await asyncio.sleep(0)
        peer.go.set()
        block_until(lambda: ws.state is State.CLOSED)
        with pytest.raises(ConnectionClosedError) as raised:
            await receiving
        # A TLS that is cut short is told from one that ended in order.
        assert isinstance(raised.value.__cause__, OSError)
        assert ws.stats.messages_received == 1


@pytest.mark.every("face")
async def test_an_application_that_is_dead_does_not_look_alive_for_ever(
    raw_peer: MakeRawPeer, face: str
) -> None:
    left = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.ping(b"alive?"))
        assert session.receive().opcode == PONG
        while (frame := session.receive()).opcode != CLOSE:
            pass
        assert frame.close_code == 1001
        left.set()

    peer = raw_peer(script)
    async with opened(face, peer.uri, app_stall_timeout=1, **SOON) as ws:
        with clock.measuring() as took:
            peer.go.set()
            block_until(left.is_set)
        # That the loop is blocked has to be noticed first.
        assert took.seconds >= 1
        assert took.late(1 + SOON["ping_timeout"]) < clock.SLACK
        with pytest.raises(ConnectionClosedError) as raised:
            await asyncio.wait_for(ws.recv(), 5)
    assert isinstance(raised.value.__cause__, TimeoutError)
    assert_readable(raised.value.__cause__, "app_stall_timeout", "1 s")


async def test_without_a_stall_its_limit_does_nothing(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri, app_stall_timeout=1.5, **SOON) as ws:
        for _ in range(10):
            await ws.send("?")
            assert await ws.recv() == "?"
            await asyncio.sleep(0.02)
        # Nor where nothing is taken for longer than that.
        await ws.send("!")
        await until(lambda: ws.stats.queued_messages == 1)
        await asyncio.sleep(1.7)
        assert await receive(ws, 1) == ["!"]
        await assert_works(ws)


async def test_a_silent_connection_is_not_taken_over(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri, **SOON) as ws:
        sleep(0.3)
        assert ws.stats.takeovers == 0
        await assert_works(ws)
