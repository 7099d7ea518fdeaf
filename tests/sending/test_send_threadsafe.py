"""`send_threadsafe`: sends from any thread, without the loop, whole and in order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from aiowebsocket import AioWebSocket, ClientConnection, State, connect
from blocking import block_until, until
from faces import opened
from failures import assert_readable
from peers import deflate
from peers.frames import BINARY, CLOSE, CONTINUATION, TEXT, Frame
from peers.raw import PATIENCE, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import MakeRawPeer
    from peers.raw import RawPeer


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
# More than the system's buffers take for a peer that does not read.
MUCH = 2**24
THREADS, EACH = 8, 50


def reads_after_go(session: Session) -> None:
    session.open()
    session.wait_for_go()


async def in_a_thread(call: Any, *arguments: Any, **options: Any) -> Any:
    """What a call gives, made in another thread while the loop runs."""
    made = asyncio.to_thread(functools.partial(call, *arguments, **options))
    return await asyncio.wait_for(made, 15)


def data(peer: RawPeer) -> list[Frame]:
    """The peer's frames with data."""
    kinds = (TEXT, BINARY, CONTINUATION)
    return [frame for frame in peer.sessions[0].frames if frame.opcode in kinds]


def payloads(peer: RawPeer) -> list[bytes]:
    return [frame.payload for frame in data(peer)]


@pytest.mark.every("scheme", "face")
async def test_messages_of_many_threads_are_whole_and_in_the_order_of_each(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def send_all(send: Any, thread: int) -> None:
        for number in range(EACH):
            send(f"{thread}:{number}:" + "x" * (number * 97 % 2000))

    peer = raw_peer(Session.open)
    async with opened(face, peer.uri) as ws:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            loop, send = asyncio.get_running_loop(), ws.connection.send_threadsafe
            threads = range(THREADS)
            await asyncio.gather(
                *(loop.run_in_executor(pool, send_all, send, thread) for thread in threads),
                *(ws.send(f"loop:{number}:") for number in range(EACH)),
            )
        assert ws.connection.stats.messages_sent == (THREADS + 1) * EACH
    await peer.report()
    of_thread: dict[str, list[int]] = {}
    for payload in payloads(peer):
        thread, number, rest = payload.decode().split(":")
        of_thread.setdefault(thread, []).append(int(number))
        assert rest == ("" if thread == "loop" else "x" * (int(number) * 97 % 2000))
    assert of_thread == {name: list(range(EACH)) for name in ["loop", *map(str, range(THREADS))]}


@pytest.mark.every("face")
async def test_the_thread_of_the_loop_may_call_it_too(raw_peer: MakeRawPeer, face: str) -> None:
    peer = raw_peer(Session.open)
    async with opened(face, peer.uri) as ws:
        await ws.send("0")
        ws.connection.send_threadsafe("1")
        await ws.send("2")
    await peer.report()
    assert payloads(peer) == [b"0", b"1", b"2"]


@pytest.mark.every("scheme")
async def test_it_needs_no_turn_of_the_loop(raw_peer: MakeRawPeer) -> None:
    arrived = threading.Event()

    def script(session: Session) -> None:
        session.open()
        assert session.receive().payload == b"now"
        arrived.set()

    async with connect(raw_peer(script).uri) as ws:
        thread = threading.Thread(target=ws.send_threadsafe, args=("now",))
        thread.start()
        block_until(arrived.is_set)
        thread.join(PATIENCE)


@pytest.mark.every("scheme")
async def test_without_room_it_waits_and_gives_up_in_time_with_nothing_sent(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(reads_after_go)
    async with connect(peer.uri) as ws:
        await in_a_thread(ws.send_threadsafe, bytes(MUCH))
        with clock.measuring() as took, pytest.raises(TimeoutError) as raised:
            await in_a_thread(ws.send_threadsafe, "no room", timeout=0.3)
        assert took.seconds >= 0.3
        assert took.late(0.3) < clock.SLACK
        assert_readable(raised.value, "0.3 s", "nothing was sent")
        with pytest.raises(TimeoutError):
            ws.send_threadsafe("nor at once", timeout=0)
        peer.go.set()
        await in_a_thread(ws.send_threadsafe, "end")
    await peer.report()
    assert payloads(peer) == [bytes(MUCH), b"end"]


async def test_the_interpreter_runs_on_while_it_waits(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(reads_after_go)
    async with connect(peer.uri) as ws:
        ws.send_threadsafe(bytes(MUCH))
        waiting = asyncio.ensure_future(in_a_thread(ws.send_threadsafe, "end"))
        turns = 0
        while turns < 50:
            await asyncio.sleep(0.001)
            turns += 1
        assert not waiting.done()
        peer.go.set()
        await waiting


@pytest.mark.every("scheme")
async def test_it_goes_on_when_the_peer_reads_though_the_loop_is_blocked(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(reads_after_go)
    async with connect(peer.uri) as ws:
        ws.send_threadsafe(bytes(MUCH))
        thread = threading.Thread(target=ws.send_threadsafe, args=("end",))
        thread.start()
        time.sleep(0.05)  # noqa: ASYNC251 (the loop is not to run)
        assert thread.is_alive()
        peer.go.set()
        block_until(lambda: not thread.is_alive())
        block_until(lambda: payloads(peer)[-1:] == [b"end"])


@pytest.mark.every("scheme")
async def test_it_waits_for_the_end_of_a_message_in_fragments(raw_peer: MakeRawPeer) -> None:
    more = asyncio.Event()

    async def fragments() -> AsyncIterator[str]:
        yield "a"
        await more.wait()
        yield "b"

    peer = raw_peer(Session.open)
    async with connect(peer.uri) as ws:
        sending = asyncio.ensure_future(ws.send(fragments()))
        await until(lambda: ws._sending_fragments)
        with pytest.raises(TimeoutError):
            await in_a_thread(ws.send_threadsafe, "between", timeout=0.05)
        waiting = asyncio.ensure_future(in_a_thread(ws.send_threadsafe, "behind"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        more.set()
        await asyncio.gather(sending, waiting)
    await peer.report()
    fragmented = [(frame.payload, frame.fin) for frame in data(peer)]
    assert fragmented == [(b"a", False), (b"b", False), (b"", True), (b"behind", True)]


@pytest.mark.every("face")
async def test_a_closed_connection_is_an_error_that_says_how_it_ended(
    raw_peer: MakeRawPeer, face: str
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send_close(1001, "going")

    async with opened(face, raw_peer(script).uri) as ws:
        await until(lambda: ws.connection.close_code is not None)
        with pytest.raises(aiowebsocket.ConnectionClosed, match="going"):
            await in_a_thread(ws.connection.send_threadsafe, "late")


async def test_who_waits_for_room_learns_that_the_connection_closes(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(reads_after_go)
    ws = await connect(peer.uri, close_timeout=0.2)
    ws.send_threadsafe(bytes(MUCH))
    waiting = asyncio.ensure_future(in_a_thread(ws.send_threadsafe, "too late"))
    await asyncio.sleep(0.05)
    closing = asyncio.ensure_future(ws.close())
    with pytest.raises(aiowebsocket.ConnectionClosed):
        await asyncio.wait_for(waiting, 5)
    await closing
    assert ws.state is State.CLOSED
    peer.go.set()


async def test_after_close_has_begun_nothing_is_sent(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        assert session.receive().opcode == CLOSE
        session.wait_for_go()
        session.send_close(1000)
        session.hang_up()

    peer = raw_peer(script)
    ws = await connect(peer.uri)
    closing = asyncio.ensure_future(ws.close())
    await asyncio.sleep(0)
    with pytest.raises(aiowebsocket.ConnectionClosed):
        ws.send_threadsafe("late")
    peer.go.set()
    await closing


@pytest.mark.every("face")
async def test_what_is_no_message_is_an_error_and_sends_nothing(
    raw_peer: MakeRawPeer, face: str
) -> None:
    peer = raw_peer(Session.open)
    async with opened(face, peer.uri) as ws:
        for wrong in (None, 1, ["a"], object()):
            with pytest.raises(TypeError):
                ws.connection.send_threadsafe(wrong)
        with pytest.raises(UnicodeError):
            ws.connection.send_threadsafe(b"\xff", text=True)
        for timeout in (-1, float("nan"), -float("inf")):
            with pytest.raises(ValueError, match="timeout"):
                ws.connection.send_threadsafe("x", timeout=timeout)
        ws.connection.send_threadsafe("fine", timeout=5)
    await peer.report()
    assert payloads(peer) == [b"fine"]


async def test_bytes_are_text_where_the_face_says_so(raw_peer: MakeRawPeer) -> None:
    """The original's face sends bytes as text where they are; the new one as they come."""
    messages: list[Any] = ["text", b"utf-8", b"\xff", bytearray(b"array"), memoryview(b"view")]
    peers = raw_peer(Session.open), raw_peer(Session.open)
    async with connect(peers[0].uri) as ws, AioWebSocket(peers[1].uri) as aws:
        for message in messages:
            ws.send_threadsafe(message)
            aws.manipulator.send_threadsafe(message)
        for either in (ws, aws.manipulator):
            either.send_threadsafe(b"told", text=True)
            either.send_threadsafe("told", text=False)
    kinds = []
    for peer in peers:
        await peer.report()
        kinds.append([frame.opcode for frame in data(peer)])
        told = [bytes(m, "ascii") if isinstance(m, str) else bytes(m) for m in messages]
        assert payloads(peer) == [*told, b"told", b"told"]
    assert kinds[0] == [TEXT, BINARY, BINARY, BINARY, BINARY, TEXT, BINARY]
    assert kinds[1] == [TEXT, TEXT, BINARY, TEXT, TEXT, TEXT, BINARY]


async def test_what_was_kept_back_goes_first(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri, coalesce=True) as ws:
        for number in range(0, 20, 2):
            await ws.send(str(number))
            await in_a_thread(ws.send_threadsafe, str(number + 1))
    await peer.report()
    assert payloads(peer) == [b"%d" % number for number in range(20)]


async def test_compressed_messages_of_many_threads_share_one_context(
    raw_peer: MakeRawPeer,
) -> None:
    def send_all(ws: ClientConnection, thread: int) -> None:
        for number in range(EACH):
            # Short and long ones: the long are compressed without the interpreter.
            ws.send_threadsafe(f"{thread}:{number}:" * (2000 if number % 10 == 0 else 20))

    peer = raw_peer(lambda session: session.open(DEFLATE))
    async with connect(peer.uri) as ws:
        await asyncio.gather(*(in_a_thread(send_all, ws, thread) for thread in range(4)))
    await peer.report()
    stream = zlib.decompressobj(-15)
    received = [stream.decompress(frame.payload + deflate.TAIL) for frame in data(peer)]
    expected = [
        f"{thread}:{number}:".encode() * (2000 if number % 10 == 0 else 20)
        for thread in range(4)
        for number in range(EACH)
    ]
    assert sorted(received) == sorted(expected)
