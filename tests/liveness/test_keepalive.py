"""`ping_interval` and `ping_timeout`: what lives is kept, and what is dead ends in time."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from aiowebsocket import AioWebSocket, Close, ConnectionClosedError, connect
from blocking import block_until, until
from faces import opened
from failures import assert_readable
from peers import frames
from peers.frames import CLOSE, PING, Frame
from peers.raw import PATIENCE
from peers.scripts import numbered

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

OVERDUE = Close(1011, "keepalive ping timeout")
# Where the connection is to live, the timeout is longer than a busy machine may stand still.
FORBEARING: dict[str, Any] = {"ping_interval": 0.05, "ping_timeout": 2}
# A Pong that took so long would have been overdue.
LONGER = 2.3
# A ping may leave this much before its time, so that those of many connections leave together.
EARLY = 0.95


def next_ping(session: Session) -> Frame:
    frame = session.receive()
    assert frame.opcode == PING
    return frame


def answer(session: Session, ping: Frame) -> None:
    session.send(frames.pong(ping.payload))


def answer_all(session: Session, starting_with: bytes = b"") -> None:
    """Answers pings, or some of them, until the client closes."""
    while (frame := session.receive()).opcode != CLOSE:
        if frame.opcode == PING and frame.payload.startswith(starting_with):
            answer(session, frame)
    session.send_close(frame.close_code)
    session.hang_up()


def never_answers(session: Session) -> Frame:
    """Reads all pings, answers none; gives the client's Close."""
    session.open()
    while (frame := session.receive()).opcode != CLOSE:
        assert frame.opcode == PING
    session.close()
    return frame


async def assert_pong_is_overdue(receiving: Any) -> None:
    with pytest.raises(ConnectionClosedError) as raised:
        await asyncio.wait_for(receiving, 10)
    assert (raised.value.rcvd, raised.value.sent) == (None, OVERDUE)
    assert isinstance(raised.value.__cause__, TimeoutError)
    assert_readable(raised.value.__cause__, "ping_timeout", "no pong")


@pytest.mark.every("face")
async def test_pings_leave_at_the_interval_and_never_before(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> list[Frame]:
        session.open()
        pings = []
        for _ in range(4):
            pings.append(next_ping(session))
            answer(session, pings[-1])
        session.send(frames.text("enough"))
        return pings

    peer = raw_peer(script)
    with clock.measuring() as took:
        async with opened(face, peer.uri, ping_interval=0.1, ping_timeout=5) as ws:
            assert await ws.recv() in ("enough", b"enough")
    pings = await peer.report()
    assert len({ping.payload for ping in pings}) == 4
    assert took.seconds >= 4 * 0.1 * EARLY
    # Each is due at an interval from the one before, and what holds one up holds up the next.
    assert took.own < 4 * 0.1 + clock.SLACK


@pytest.mark.every("face")
async def test_pongs_keep_the_connection_and_tell_its_latency(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        for late in (0.03, 0.01, 0.02):
            ping = next_ping(session)
            time.sleep(late)
            answer(session, ping)
        session.send(frames.text("alive"))

    with clock.measuring() as took:
        async with opened(face, raw_peer(script).uri, ping_interval=0.1, ping_timeout=5) as ws:
            assert ws.connection.stats.latency == ws.connection.stats.mean_latency == 0
            assert await ws.recv() in ("alive", b"alive")
            stats = ws.connection.stats
    assert 0.01 <= stats.min_latency <= stats.mean_latency
    assert 0.02 <= stats.latency <= took.seconds
    assert 0.02 <= stats.mean_latency <= took.seconds / 3
    if face == "connect":
        assert ws.connection.latency == stats.latency


@pytest.mark.every("scheme", "face")
async def test_a_pong_that_does_not_come_ends_what_waits_for_a_message(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peer = raw_peer(never_answers)
    with clock.measuring() as took:
        async with opened(face, peer.uri, ping_interval=0.1, ping_timeout=0.3) as ws:
            await assert_pong_is_overdue(ws.recv())
            assert ws.connection.close_code == 1006
    assert took.seconds >= 0.1 * EARLY + 0.3
    assert took.late(0.1 + 0.3) < clock.SLACK
    close = await peer.report()
    assert (close.close_code, close.close_reason) == (1011, "keepalive ping timeout")


@pytest.mark.every("scheme")
async def test_the_time_is_kept_while_the_loop_is_blocked(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(never_answers)
    async with connect(peer.uri, ping_interval=0.1, ping_timeout=0.3) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0)
        received = peer.sessions[0].frames
        with clock.measuring() as took:
            block_until(lambda: received and received[-1].opcode == CLOSE)
        assert took.late(0.1 + 0.3) < clock.SLACK
        await assert_pong_is_overdue(receiving)
    assert (await peer.report()).close_code == 1011


async def test_messages_that_arrived_before_come_first(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open(early=b"".join(numbered(3)))
        while session.receive().opcode != CLOSE:
            pass
        session.close()

    async with connect(raw_peer(script).uri, ping_interval=0.05, ping_timeout=0.2) as ws:
        await ws.wait_closed()
        assert [await ws.recv() for _ in range(3)] == ["0", "1", "2"]
        await assert_pong_is_overdue(ws.recv())
        with pytest.raises(ConnectionClosedError):
            await ws.send("late")


async def test_without_a_timeout_unanswered_pings_go_on(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        pings = [next_ping(session) for _ in range(5)]
        answer(session, pings[-1])
        session.send(frames.text("alive"))

    async with connect(raw_peer(script).uri, ping_interval=0.05, ping_timeout=None) as ws:
        assert await ws.recv() == "alive"
        assert 0 < ws.latency < 5


@pytest.mark.every("scheme")
async def test_who_does_not_receive_for_long_loses_neither_connection_nor_messages(
    raw_peer: MakeRawPeer,
) -> None:
    """The pongs lie behind more than has been read."""
    messages = [b"%04d" % number * 500 for number in range(1000)]
    all_sent = threading.Event()

    def script(session: Session) -> None:
        session.stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
        session.open(early=b"".join(map(frames.binary, messages)))
        all_sent.set()
        answer_all(session)

    peer = raw_peer(script)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    sock.connect(("127.0.0.1", peer.port))
    options: dict[str, Any] = {"max_buffered": 2**14, **FORBEARING}
    async with connect(peer.uri, sock=sock, **options) as ws:
        await asyncio.sleep(LONGER)
        assert not all_sent.is_set()
        for message in messages:
            assert await asyncio.wait_for(ws.recv(), 5) == message
        await until(lambda: ws.latency > 0)
        assert ws.state is aiowebsocket.State.OPEN


async def test_the_bytes_of_a_long_frame_are_life(raw_peer: MakeRawPeer) -> None:
    step = 0.05
    message = bytes(range(int(LONGER / step)))

    def script(session: Session) -> None:
        session.open()
        ping = next_ping(session)
        frame = frames.binary(message)
        session.send(frame[:2])
        for byte in frame[2:]:
            time.sleep(step)
            session.send(bytes([byte]))
        answer(session, ping)

    async with connect(raw_peer(script).uri, **FORBEARING) as ws:
        assert await asyncio.wait_for(ws.recv(), 15) == message
        await until(lambda: ws.latency > 0)
        # The Pong had to come behind the frame.
        assert ws.latency > FORBEARING["ping_timeout"]


async def test_a_pong_for_a_later_ping_of_the_users_counts(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        answer_all(session, starting_with=b"mine")

    async with connect(raw_peer(script).uri, **FORBEARING) as ws:
        began = time.monotonic()
        while (seconds := time.monotonic() - began) < LONGER:
            pong = await ws.ping(b"mine, after %f s" % seconds)
            assert await asyncio.wait_for(pong, 5) >= 0
            await asyncio.sleep(0.1)
        assert ws.state is aiowebsocket.State.OPEN


async def test_a_ping_behind_much_output_waits_for_a_peer_that_reads_slowly(
    raw_peer: MakeRawPeer,
) -> None:
    count, size = 48, 2**16
    step = LONGER / count

    def script(session: Session) -> float:
        session.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        session.open()
        began = time.monotonic()
        read = 0
        while read < count:
            time.sleep(step)
            frame = session.receive()
            if frame.opcode == PING:  # One may have left before the output.
                answer(session, frame)
            else:
                assert frame.payload == bytes(size)
                read += 1
        seconds = time.monotonic() - began
        answer(session, next_ping(session))
        session.send(frames.text("alive"))
        return seconds

    peer = raw_peer(script)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**16)
    sock.connect(("127.0.0.1", peer.port))
    async with connect(peer.uri, sock=sock, write_limit=2**24, **FORBEARING) as ws:
        await ws.send_many([bytes(size)] * count)
        assert await asyncio.wait_for(ws.recv(), 15) == "alive"
    assert await peer.report() >= LONGER


def test_connect_pings_by_default_and_the_original_does_not() -> None:
    by_connect = inspect.signature(connect).parameters
    by_original = inspect.signature(AioWebSocket).parameters
    names = "ping_interval", "ping_timeout"
    assert [by_connect[name].default for name in names] == [20, 20]
    assert by_original["ping_interval"].default is None


@pytest.mark.every("face")
async def test_without_an_interval_nothing_is_sent(raw_peer: MakeRawPeer, face: str) -> None:
    def script(session: Session) -> None:
        session.open()
        session.stream.settimeout(0.2)
        with pytest.raises(TimeoutError):
            session.receive()
        session.stream.settimeout(PATIENCE)
        session.send(frames.text("silence"))

    peer = raw_peer(script)
    async with opened(face, peer.uri, ping_interval=None, ping_timeout=0.05) as ws:
        assert await ws.recv() in ("silence", b"silence")
        assert ws.connection.stats.wire_bytes_sent == 0
