"""`coalesce=True`: what one iteration of the loop sends leaves together, in order, and arrives."""

from __future__ import annotations

import asyncio
import contextlib
import select
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import event_loops
from aiowebsocket import AioWebSocket, ClientConnection, connect
from peers import deflate, frames, segments
from peers.frames import CLOSE, PING, PONG, Frame
from peers.raw import PATIENCE, Session
from peers.scripts import echo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import MakeRawPeer
    from peers.raw import RawPeer

pytestmark = pytest.mark.every("scheme")

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
MEGABYTE = 2**20


def payloads(received: list[Frame]) -> list[bytes]:
    return [frame.payload for frame in received if frame.opcode != CLOSE]


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


def silent(peer: RawPeer) -> bool:
    """Whether the peer gets nothing for a while, in which the loop does not run."""
    return not gets_something(peer, 0.05)


def gets_something(peer: RawPeer, within: float = PATIENCE) -> bool:
    readable, _, _ = select.select([peer.sessions[0].stream], [], [], within)
    return bool(readable)


def waits_for_go(session: Session) -> None:
    session.open()
    session.wait_for_go()


async def test_nothing_leaves_before_the_loop_turns_and_then_everything(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri, coalesce=True) as ws:
        for number in range(20):
            await ws.send(str(number))
        assert silent(peer)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert gets_something(peer)
        peer.go.set()
    await peer.report()
    assert payloads(peer.sessions[0].frames) == numbers(0, 20)


async def test_without_the_option_a_send_leaves_at_once(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri) as ws:
        await ws.send("now")
        assert gets_something(peer)
        peer.go.set()


@pytest.mark.skipif(not segments.COUNTED, reason="only Linux counts segments for us")
async def test_the_sends_of_an_iteration_leave_in_one_write(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> int:
        request = session.read_request()
        before = segments.received(session.stream)
        session.send(session.response(request))
        for _ in range(100):
            session.receive()
        return segments.received(session.stream) - before

    async def several(send: Callable[[str], Any], first: int) -> None:
        for number in range(first, first + 20):
            await send(str(number))

    for face in ("connect", "AioWebSocket"):
        peer = raw_peer(script)
        if face == "connect":
            async with connect(peer.uri, coalesce=True) as ws:
                await asyncio.gather(*(several(ws.send, 20 * n) for n in range(5)))
        else:
            async with AioWebSocket(peer.uri, coalesce=True) as aws:
                send = aws.manipulator.send
                await asyncio.gather(*(several(send, 20 * n) for n in range(5)))
        assert await peer.report() <= segments.OF_ONE_WRITE
        assert payloads(peer.sessions[0].frames) == numbers(0, 100)


async def test_batches_are_kept_back_with_the_rest(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri, coalesce=True) as ws:
        await ws.send("0")
        await ws.send_many(["1", "2"])
        await ws.send("3")
        assert silent(peer)
        peer.go.set()
    await peer.report()
    assert payloads(peer.sessions[0].frames) == numbers(0, 4)


async def test_a_ping_takes_along_what_was_kept_back(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri, coalesce=True) as ws:
        await ws.send("0")
        await ws.ping(b"1")
        assert gets_something(peer)
        await ws.send("2")
        await ws.pong(b"3")
        await ws.send("4")
        peer.go.set()
    await peer.report()
    received = peer.sessions[0].frames
    assert payloads(received) == numbers(0, 5)
    assert (received[1].opcode, received[3].opcode) == (PING, PONG)


@pytest.mark.parametrize("code", [1000, 4000])
async def test_close_comes_behind_what_was_kept_back(raw_peer: MakeRawPeer, code: int) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri, coalesce=True)
    for number in range(50):
        await ws.send(str(number))
    await ws.close(code)
    await peer.report()
    received = peer.sessions[0].frames
    assert payloads(received) == numbers(0, 50)
    assert received[-1].close_code == code


async def test_an_answered_ping_takes_along_what_was_kept_back(raw_peer: MakeRawPeer) -> None:
    """The loop reads the Ping before it comes to the flush, or after: the order is the same."""

    def script(session: Session) -> None:
        session.open()
        for number in range(30):
            session.send(frames.ping(b"%d" % number))
            while session.receive().opcode != PONG:
                pass

    peer = raw_peer(script)
    async with connect(peer.uri, coalesce=True) as ws:
        sent = 0
        arrived = peer.sessions[0].frames
        while b"29" not in [frame.payload for frame in arrived[-50:] if frame.opcode == PONG]:
            # The peer shares our interpreter, and is not to be outrun.
            if sent - len(arrived) < 10:
                await ws.send(f"m{sent}")
                sent += 1
            await asyncio.sleep(0.0005)
    await peer.report()
    received = peer.sessions[0].frames
    assert [f.payload for f in received if f.opcode == PONG] == numbers(0, 30)
    others = [f.payload for f in received if f.opcode not in (PONG, CLOSE)]
    assert others == [b"m%d" % number for number in range(sent)]


async def test_a_dropped_connection_sends_what_was_kept_back(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri, coalesce=True)
    await ws.send("0")
    await ws.send("1")
    with pytest.warns(ResourceWarning, match="unclosed"):
        del ws
    await peer.report()
    received = peer.sessions[0].frames
    assert payloads(received) == numbers(0, 2)
    assert received[-1].close_code == 1001


def test_what_is_kept_back_when_the_loop_is_closed_goes_with_the_connection(
    loop_kind: str, raw_peer: MakeRawPeer
) -> None:
    async def open_and_send(uri: str) -> ClientConnection:
        ws = await connect(uri, coalesce=True)
        await ws.send("0")
        return ws

    peer = raw_peer(Session.open)
    loop = event_loops.KINDS[loop_kind]()
    kept = loop.run_until_complete(open_and_send(peer.uri))
    sending = kept.send("1")
    with pytest.raises(StopIteration):
        sending.send(None)
    loop.close()
    del sending
    with pytest.warns(ResourceWarning, match="unclosed"):
        del kept
    peer.result()
    received = peer.sessions[0].frames
    assert payloads(received) == numbers(0, 2)
    assert received[-1].close_code == 1001


async def test_sends_above_the_limit_leave_at_once(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri, coalesce=True, write_limit=1000) as ws:
        await ws.send("x" * 400)
        assert silent(peer)
        await ws.send("x" * 700)
        assert gets_something(peer)
        peer.go.set()
    await peer.report()
    assert payloads(peer.sessions[0].frames) == [b"x" * 400, b"x" * 700]


async def test_a_task_that_never_lets_the_loop_turn_still_keeps_little_back(
    raw_peer: MakeRawPeer,
) -> None:
    arrived = threading.Event()

    def script(session: Session) -> None:
        session.open()
        for _ in range(2000):
            session.receive()
        arrived.set()

    peer = raw_peer(script)
    async with connect(peer.uri, coalesce=True, write_limit=10_000) as ws:
        for number in range(2100):
            await ws.send(b"%d" % number)
        await ws.send(bytes(20_000))
        assert arrived.wait(PATIENCE)  # Not awaited: the loop must not turn.
        await ws.send("end")
    assert peer.sessions[0].frames[1999].payload == b"1999"


async def test_a_peer_that_does_not_read_makes_them_wait_and_loses_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    count = 60
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri, coalesce=True) as ws:

        async def send_all() -> None:
            for number in range(count):
                await ws.send(b"%d" % number)
                await ws.send(b"%02d" % number * (MEGABYTE // 2))

        sending = asyncio.ensure_future(send_all())
        await asyncio.wait([sending], timeout=0.2)
        assert not sending.done()
        peer.go.set()
        await asyncio.wait_for(sending, 15)
    await peer.report()
    received = payloads(peer.sessions[0].frames)
    assert received[0::2] == numbers(0, count)
    assert received[1::2] == [b"%02d" % number * (MEGABYTE // 2) for number in range(count)]


async def test_small_sends_behind_a_blocked_large_one_leave_when_the_peer_reads(
    raw_peer: MakeRawPeer,
) -> None:
    """With a limit so high that none of them parks: only the loop's watch can write them."""
    peer = raw_peer(waits_for_go)
    async with connect(peer.uri, coalesce=True, write_limit=2**28) as ws:
        await ws.send(bytes(16 * MEGABYTE))
        await asyncio.sleep(0.05)
        for number in range(10):
            await ws.send(str(number))
        await asyncio.sleep(0.05)
        peer.go.set()
        pong = await ws.ping()
        for number in range(10, 20):
            await ws.send(str(number))
        del pong
        deadline = time.monotonic() + PATIENCE
        while len(peer.sessions[0].frames) < 22 and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        received = [f.payload for f in peer.sessions[0].frames if f.opcode != PING]
        assert received[1:] == numbers(0, 20)


async def test_a_fragmented_message_is_kept_back_and_stays_whole(raw_peer: MakeRawPeer) -> None:
    async def parts() -> AsyncIterator[str]:
        for part in ("a", "b", "c"):
            yield part

    peer = raw_peer(Session.open)
    async with connect(peer.uri, coalesce=True) as ws:
        await ws.send("before")
        await asyncio.gather(ws.send(parts()), ws.send("after"))
    await peer.report()
    received = peer.sessions[0].frames[:-1]
    assert (received[0].payload, received[-1].payload) == (b"before", b"after")
    assert b"".join(frame.payload for frame in received[1:-1]) == b"abc"
    assert [frame.fin for frame in received[1:-1]] == [False] * (len(received) - 3) + [True]


async def test_compressed_messages_keep_their_order_and_context(raw_peer: MakeRawPeer) -> None:
    messages = [b"%d again and again " % number * 20 for number in range(20)]

    def script(session: Session) -> None:
        session.open(DEFLATE)

    peer = raw_peer(script)
    async with connect(peer.uri, coalesce=True) as ws:
        for message in messages:
            await ws.send(message)
        await ws.send(b"large " * 20_000)
    await peer.report()
    stream = zlib.decompressobj(-15)
    received = [
        stream.decompress(frame.payload + deflate.TAIL) for frame in peer.sessions[0].frames[:-1]
    ]
    assert received == [*messages, b"large " * 20_000]


async def test_echoes_go_round_and_round(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri, coalesce=True) as ws:
        for number in range(200):
            await ws.send(str(number))
            assert await asyncio.wait_for(ws.recv(), 5) == str(number)


async def test_what_was_kept_back_for_a_peer_that_is_gone_harms_nothing(
    raw_peer: MakeRawPeer,
) -> None:
    gone = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.reset()
        gone.set()

    peer = raw_peer(script)
    async with connect(peer.uri, coalesce=True) as ws:
        await ws.send("0")
        peer.go.set()
        assert gone.wait(PATIENCE)
        # Where the engine's own thread reads, the end may be known by now.
        with contextlib.suppress(aiowebsocket.ConnectionClosedError):
            await ws.send("1")
        with pytest.raises(aiowebsocket.ConnectionClosedError):
            await asyncio.wait_for(ws.recv(), 5)


async def test_what_one_task_sent_leaves_though_it_is_cancelled_at_once(
    raw_peer: MakeRawPeer,
) -> None:
    async def send_and_wait(ws: ClientConnection) -> None:
        await ws.send("sent")
        await ws.recv()

    peer = raw_peer(Session.open)
    async with connect(peer.uri, coalesce=True) as ws:
        task = asyncio.ensure_future(send_and_wait(ws))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    await peer.report()
    assert payloads(peer.sessions[0].frames) == [b"sent"]


@pytest.mark.parametrize("value", [1, 0, None, "yes"], ids=repr)
async def test_coalesce_is_true_or_false(raw_peer: MakeRawPeer, value: Any) -> None:
    uri = raw_peer(Session.open).uri
    with pytest.raises(TypeError, match="coalesce"):
        await connect(uri, coalesce=value)
    with pytest.raises(TypeError, match="coalesce"):
        AioWebSocket(uri, coalesce=value)
