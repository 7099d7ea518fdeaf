"""A flood, and a consumer that is slower: the loop's other tasks have their turns all the same.

A receiver that never has to wait lets the loop turn after 50 ms of wall time at most, whoever
serves the link, and so does a sender. A ticker waits for that, its own 10 ms, and one message's
work.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, connect
from blocking import block_until
from field import children
from field.ticker import ticking
from peers.process import ServerProcess, python_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from peers.authority import Authority

LONGEST = 0.1
# Long enough for a starved ticker to be told from one that is late.
SPELL = 0.4
WORKS = [0, 30, 300, 3000]
# Keepalive's other half: a loop is looked after each quarter of ping_timeout.
OPTIONS: dict[str, Any] = {
    "compression": None,
    "ping_interval": 3600,
    "ping_timeout": 0.4,
    "close_timeout": 0,
}
FLOOD = "/flood?size=256"


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[ServerProcess]:
    server = python_server("peers.flood_server", authority.server_files)
    yield server
    server.stop()


def work(microseconds: int) -> None:
    """What a consumer does with a message."""
    end = time.perf_counter() + microseconds / 1e6
    while time.perf_counter() < end:
        pass


async def by_recv(ws: Any) -> AsyncIterator[int]:
    while True:
        await ws.recv()
        yield 1


async def by_async_for(ws: Any) -> AsyncIterator[int]:
    async for _ in ws:
        yield 1


async def by_recv_many(ws: Any) -> AsyncIterator[int]:
    """Few at a time: how long a consumer works on a list is its own affair."""
    while True:
        yield len(await ws.recv_many(4))


async def by_recv_streaming(ws: Any) -> AsyncIterator[int]:
    while True:
        async for _ in ws.recv_streaming():
            pass
        yield 1


async def by_receive(converse: Any) -> AsyncIterator[int]:
    while True:
        await converse.receive()
        yield 1


async def by_receive_many(converse: Any) -> AsyncIterator[int]:
    while True:
        yield len(await converse.receive_many(4))


CONSUMERS = [by_recv, by_async_for, by_recv_many, by_recv_streaming, by_receive, by_receive_many]


@contextlib.asynccontextmanager
async def opened(consumer: Any, uri: str, **options: Any) -> AsyncIterator[Any]:
    """A connection of the face that has the consumer's method."""
    if consumer in (by_receive, by_receive_many):
        async with AioWebSocket(uri, **options) as aws:
            yield aws.manipulator
    else:
        async with connect(uri, **options) as ws:
            yield ws


async def consume(messages: AsyncIterator[int], microseconds: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    async for count in messages:
        for _ in range(count):
            work(microseconds)
        if time.monotonic() >= end:
            return


async def assert_the_loop_turns(
    consumer: Callable[[Any], AsyncIterator[int]],
    microseconds: int,
    uri: str,
    **options: Any,
) -> None:
    """With the link served as it is, and again while the lifeline stands in."""
    async with opened(consumer, uri, **OPTIONS, **options) as ws, ticking() as ticker:
        messages = consumer(ws)
        await anext_of(messages)
        ticker.restart()
        await consume(messages, microseconds, SPELL)
        assert ticker.worst < LONGEST, "the loop had no turn"
        # The lifeline stands in where there is something to be read, and room for it.
        lifelines = is_lifelines(ws, options)
        await (ws.recv_many() if hasattr(ws, "recv_many") else ws.receive_many())
        block_until(lambda: lifelines or ws.stats.takeovers)
        ticker.restart()
        await consume(messages, microseconds, SPELL)
        assert ticker.worst < LONGEST, "the loop had no turn while the lifeline stood in"


async def anext_of(messages: AsyncIterator[int]) -> int:
    return await messages.__anext__()


def is_lifelines(ws: Any, options: dict[str, Any]) -> bool:
    """Whether there is nothing to take over: the lifeline serves it anyhow."""
    can_watch = True
    with contextlib.closing(Nothing()) as nothing:
        try:
            asyncio.get_running_loop().add_reader(nothing, int)
        except NotImplementedError:
            can_watch = False
        else:
            asyncio.get_running_loop().remove_reader(nothing)
    return options.get("driver") == "lifeline" or not can_watch


class Nothing:
    """A descriptor to which nothing comes."""

    def __init__(self) -> None:
        self._ends = os.pipe()

    def fileno(self) -> int:
        return self._ends[0]

    def close(self) -> None:
        for end in self._ends:
            os.close(end)


@pytest.mark.parametrize("microseconds", WORKS)
@pytest.mark.parametrize("consumer", CONSUMERS)
async def test_the_loop_turns_while_a_flood_comes(
    server: ServerProcess, consumer: Any, microseconds: int
) -> None:
    await assert_the_loop_turns(consumer, microseconds, server.uri("ws", FLOOD))


@pytest.mark.loop_drives
@pytest.mark.parametrize("driver", ["loop", "lifeline"])
@pytest.mark.parametrize("consumer", CONSUMERS)
async def test_whoever_serves_the_link(server: ServerProcess, consumer: Any, driver: str) -> None:
    await assert_the_loop_turns(consumer, 300, server.uri("ws", FLOOD), driver=driver)


@pytest.mark.parametrize("microseconds", [0, 300])
async def test_over_tls_too(server: ServerProcess, microseconds: int) -> None:
    await assert_the_loop_turns(by_recv, microseconds, server.uri("wss", FLOOD))


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
async def test_where_messages_are_dropped_too(server: ServerProcess, overflow: str) -> None:
    uri = server.uri("ws", FLOOD)
    await assert_the_loop_turns(by_recv, 300, uri, overflow=overflow, max_buffered=2**16)


@pytest.mark.loop_drives
@pytest.mark.parametrize("driver", ["auto", "lifeline"])
async def test_where_the_queue_is_deep(server: ServerProcess, driver: str) -> None:
    """What has arrived is enough for seconds; the lifeline fills it while it is taken from."""
    uri = server.uri("ws", FLOOD)
    await assert_the_loop_turns(by_recv, 30, uri, max_buffered=2**26, driver=driver)


async def test_where_messages_are_long(server: ServerProcess) -> None:
    await assert_the_loop_turns(by_recv, 0, server.uri("ws", "/flood?size=300000"))


async def test_the_lifeline_hands_the_link_back_in_the_middle_of_a_flood(
    server: ServerProcess,
) -> None:
    """One stall is one takeover, however long the flood lasts."""
    async with connect(server.uri("ws", FLOOD), **OPTIONS) as ws:
        messages = by_recv(ws)
        await anext_of(messages)
        stood_in = ws.stats.takeovers
        block_until(lambda: ws.stats.takeovers > stood_in or is_lifelines(ws, {}))
        taken_over = ws.stats.takeovers
        await consume(messages, 300, 3 * SPELL)
        assert ws.stats.takeovers == taken_over


SENDERS: dict[str, Callable[[Any], Callable[[], Any]]] = {
    "send": lambda ws: lambda: ws.send(b"x" * 256),
    "long send": lambda ws: lambda: ws.send(b"x" * 2**18),
    "send_many": lambda ws: lambda: ws.send_many([b"x" * 256] * 16),
    "fragments": lambda ws: lambda: ws.send([b"x" * 256] * 4),
    "ping": lambda ws: ws.ping,
    "pong": lambda ws: lambda: ws.pong(b"x"),
}


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("coalesce", [False, True])
async def test_the_loop_turns_while_a_sender_never_waits(
    server: ServerProcess, sender: str, coalesce: bool
) -> None:
    options = {**OPTIONS, "write_limit": 2**30, "coalesce": coalesce}
    async with connect(server.uri("ws", "/sink"), **options) as ws, ticking() as ticker:
        send = SENDERS[sender](ws)
        ticker.restart()
        end = time.monotonic() + SPELL
        while time.monotonic() < end:
            await send()
        assert ticker.worst < LONGEST


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
async def test_the_loop_turns_while_a_conversation_sends(
    server: ServerProcess, driver: str
) -> None:
    options = {**OPTIONS, "driver": driver}
    async with AioWebSocket(server.uri("ws", "/sink"), **options) as aws, ticking() as ticker:
        ticker.restart()
        end = time.monotonic() + SPELL
        while time.monotonic() < end:
            await aws.manipulator.send(b"\xff" * 256)
        assert ticker.worst < LONGEST


async def test_an_iterable_without_end_lets_the_loop_turn(server: ServerProcess) -> None:
    """One call of the user's, but an await for each fragment of ours."""

    def fragments() -> Iterator[bytes]:
        end = time.monotonic() + SPELL
        while time.monotonic() < end:
            yield b"x" * 256

    async with connect(server.uri("ws", "/sink"), **OPTIONS) as ws, ticking() as ticker:
        ticker.restart()
        await ws.send(fragments())
        assert ticker.worst < LONGEST


INTERRUPTED = """
import asyncio, sys, time
from aiowebsocket import connect

async def main():
    options = {"compression": None, "close_timeout": 0, "driver": sys.argv[2]}
    async with connect(sys.argv[1], ping_timeout=0.4, **options) as ws:
        await ws.recv()
        time.sleep(1.6)
        print("floods", flush=True)
        async for _ in ws:
            end = time.perf_counter() + 0.0003
            while time.perf_counter() < end:
                pass

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


# Before, asyncio.run leaves Ctrl-C to KeyboardInterrupt wherever the program is, and may lose a
# task that is about to be scheduled: of programs without a connection one in 140 hung so.
TRIALS = 1 if sys.version_info >= (3, 11) else 3


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
def test_ctrl_c_ends_a_flood(server: ServerProcess, driver: str) -> None:
    """asyncio.run cancels the task, which is told when it next waits."""
    ended = (interrupted(server.uri("ws", FLOOD), driver) for _ in range(TRIALS))
    assert next(filter(None, ended), None) == (0, "interrupted\n", "")


def interrupted(uri: str, driver: str) -> tuple[int, str, str] | None:
    """How the program ended: its exit status and what it has printed; None where it has not."""
    process = subprocess.Popen(
        children.command(INTERRUPTED, uri, driver),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=children.environment(),
    )
    with process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], children.TIME_LIMIT)
            assert ready, "it did not begin"
            assert process.stdout.readline() == "floods\n"
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            # Half a second, and what a busy machine needs to end a process. It used to be 20 s.
            output, errors = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()
    return process.returncode, output, errors
