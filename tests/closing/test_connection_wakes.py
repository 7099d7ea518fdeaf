"""The ends that the event loop does not show: it has stopped watching the socket, or has gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
import event_loops
from aiowebsocket import ClientConnection, connect
from peers import frames
from peers.raw import PATIENCE

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import RawPeer, Session


def no_answer_to_close(session: Session) -> str:
    session.open()
    return session.wait_for_end()


@pytest.mark.every("scheme")
@pytest.mark.parametrize("max_buffered", [2**10, 2**20], ids=["reading-paused", "reading"])
async def test_what_arrived_before_a_reset_is_received_though_many_reads_are_needed(
    raw_peer: MakeRawPeer, max_buffered: int
) -> None:
    """A loop of libuv calls back once for a reset, which is one read."""
    messages = [b"%d" % number * 1000 for number in range(100)]
    sent = threading.Event()

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(b"".join(frames.binary(message) for message in messages))
        time.sleep(0.05)  # What has not left the socket by then, a reset drops.
        session.reset()
        sent.set()

    peer = raw_peer(script)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
    sock.connect(("127.0.0.1", peer.port))
    ws = await connect(peer.uri, sock=sock, max_buffered=max_buffered)
    receiving = asyncio.ensure_future(ws.recv())
    await asyncio.sleep(0)
    peer.go.set()
    # The loop is to find all of it at once.
    assert sent.wait(PATIENCE)
    received = [await asyncio.wait_for(receiving, 5)]
    # Whoever was to hear of the reset has heard by now, whether there was room to read or not.
    await asyncio.sleep(0.05)
    with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
        await asyncio.wait_for(receive_into(received, ws), 5)
    assert received == messages
    assert isinstance(raised.value.__cause__, ConnectionResetError)


async def receive_into(received: list[str | bytes], ws: ClientConnection) -> None:
    while True:
        received.append(await ws.recv())


@pytest.mark.every("scheme")
async def test_a_reset_ends_a_close_that_waits(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        while session.receive().opcode != frames.CLOSE:
            pass
        session.send(frames.binary(bytes(1000))[:500])
        session.reset()

    peer = raw_peer(script)
    ws = await connect(peer.uri, close_timeout=60)
    closing = asyncio.ensure_future(ws.close())
    await asyncio.sleep(0)
    peer.result()
    await asyncio.wait_for(closing, 5)
    assert ws.close_code == 1006


@pytest.mark.loop_drives
@pytest.mark.every("scheme")
async def test_the_deadline_of_closing_holds_though_the_loop_watches_the_socket_no_more(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(no_answer_to_close)
    sock = socket.create_connection(("127.0.0.1", peer.port))
    descriptor = sock.fileno()
    ws = await connect(peer.uri, sock=sock, close_timeout=0.2)
    asyncio.get_running_loop().remove_reader(descriptor)
    start = time.monotonic()
    await asyncio.wait_for(ws.close(), 5)
    assert time.monotonic() - start > 0.15
    assert ws.close_code == 1006
    assert await peer.report() in ("FIN", "RST")


@pytest.mark.every("scheme")
def test_the_deadline_of_closing_holds_though_the_loop_is_closed(
    loop_kind: str, raw_peer: MakeRawPeer
) -> None:
    """The lifeline keeps it, and says nothing to a loop that cannot hear it."""
    peer = raw_peer(no_answer_to_close)
    ws = event_loops.run(loop_kind, begin_to_close(peer))
    assert peer.result() in ("FIN", "RST")
    time.sleep(0.1)  # An exception of the wake would fail the test as unraisable.
    assert ws.close_code == 1006


async def begin_to_close(peer: RawPeer) -> ClientConnection:
    ws = await connect(peer.uri, close_timeout=0.3)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(ws.close(), 0.05)
    return ws
