"""A reference is let go of when it is said to be, not when a thread next has the interpreter.

What is dropped without the interpreter waits in a pool of pyo3's: a message of megabytes would stay
for as long as the loop idles.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import connect
from blocking import block_until, sleep, until
from peers import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.raw import Session

LONG = 2**22
MESSAGE = frames.binary(b"x" * LONG)
OPTIONS: dict[str, Any] = {"compression": None, "max_size": None, "max_buffered": 2**28}
# The name, and the call's own.
OWN = sys.getrefcount(object()) + 1
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


def in_pieces(count: int) -> Callable[[Session], None]:
    """Long messages, each with a pause in its middle: what lands, and not in one read."""

    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        for _ in range(count):
            session.send(MESSAGE[:100_000])
            time.sleep(0.02)
            session.send(MESSAGE[100_000:])

    return script


def resident() -> int:
    """Bytes of memory that this process has, less what its allocator keeps where it can be told."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("way", ["parked", "queued", "stood in", "lifeline"])
async def test_a_long_message_has_no_reference_but_its_receivers(
    raw_peer: MakeRawPeer, way: str, scheme: str
) -> None:
    peer = raw_peer(in_pieces(1))
    driver = "lifeline" if way == "lifeline" else "auto"
    async with connect(peer.uri, driver=driver, ping_timeout=0.4, **OPTIONS) as ws:
        if way == "parked":
            receiving = asyncio.ensure_future(ws.recv())
            await asyncio.sleep(0)
        peer.go.set()
        if way == "parked":
            message = await receiving
            del receiving
            await asyncio.sleep(0)
        else:
            if way == "stood in":
                block_until(lambda: ws.stats.queued_messages)
            else:
                await until(lambda: ws.stats.queued_messages)
            message = await ws.recv()
        assert sys.getrefcount(message) == OWN
        assert len(message) == LONG


@needs_proc
@pytest.mark.parametrize("driver", ["auto", "lifeline"])
async def test_its_memory_goes_with_the_last_reference_though_nothing_happens_afterwards(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    peer = raw_peer(in_pieces(12))
    async with connect(peer.uri, driver=driver, **OPTIONS) as ws:
        peer.go.set()
        await until(lambda: ws.stats.queued_messages == 12)
        messages = [await ws.recv() for _ in range(12)]
        full = resident()
        messages.clear()
        # At once: no turn of the loop, no call of ours. The allocator keeps some for itself.
        assert full - resident() > 6 * LONG


@needs_proc
@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
async def test_what_an_overflow_drops_is_freed(raw_peer: MakeRawPeer, overflow: str) -> None:
    peer = raw_peer(in_pieces(24))
    options = {**OPTIONS, "max_buffered": LONG, "overflow": overflow}
    async with connect(peer.uri, **options) as ws:
        before = resident()
        peer.go.set()
        await until(lambda: ws.stats.dropped_messages >= 20)
        assert resident() - before < 10 * LONG


@needs_proc
@pytest.mark.parametrize("driver", ["auto", "lifeline"])
@pytest.mark.filterwarnings("ignore:unclosed connection:ResourceWarning")
async def test_a_connection_that_another_thread_lets_go_of_is_freed_with_its_messages(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    peer = raw_peer(in_pieces(12))
    held = [await connect(peer.uri, driver=driver, **OPTIONS)]
    peer.go.set()
    await until(lambda: held[0].stats.queued_messages == 12)
    freed, full = weakref.ref(held[0]), resident()
    thread = threading.Thread(target=held.clear)
    thread.start()
    await asyncio.to_thread(thread.join)
    await until(lambda: freed() is None)
    await until(lambda: full - resident() > 10 * LONG)


async def test_what_was_sent_is_not_held(raw_peer: MakeRawPeer) -> None:
    """Whatever the way, and though the network did not take it at once."""

    class Payload(bytearray):
        pass

    def reads_late(session: Session) -> None:
        session.open()
        session.wait_for_go()

    peer = raw_peer(reads_late)
    async with connect(peer.uri, write_limit=2**30, compression=None) as ws:
        freed = []
        payloads = [Payload(LONG) for _ in range(4)]
        freed = [weakref.ref(payload) for payload in payloads]
        await ws.send(payloads[0])
        await ws.send_many([payloads[1]])
        await ws.send([payloads[2]])
        await asyncio.to_thread(ws.send_threadsafe, payloads[3])
        payloads.clear()
        # The pool's thread lets go of its work a moment after it has told what came of it.
        await until(lambda: [one() is None for one in freed] == [True] * 4)
        peer.go.set()


@pytest.mark.filterwarnings("ignore:unclosed connection:ResourceWarning")
async def test_what_a_blocked_loop_lets_go_of_is_freed_though_it_stays_blocked(
    raw_peer: MakeRawPeer,
) -> None:
    held = [await connect(raw_peer(in_pieces(0)).uri, **OPTIONS)]
    freed = weakref.ref(held[0])
    held.clear()
    gc.collect()
    sleep(0.05)
    assert freed() is None
