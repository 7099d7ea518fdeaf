"""The connection between event loops, threads and the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import event_loops
from aiowebsocket import ClientConnection, connect
from peers import frames
from peers.raw import PATIENCE, RawPeer, Session
from peers.scripts import echo

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess

Run = Callable[..., Any]


async def echo_once(uri: str, message: str = "hello") -> str | bytes:
    async with connect(uri) as ws:
        await ws.send(message)
        answer: str | bytes = await ws.recv()
        return answer


def test_several_runs_of_a_loop_in_a_row_work(run: Run, raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(*[echo] * 5)
    assert [run(echo_once(peer.uri, str(number))) for number in range(5)] == list("01234")


def test_loops_in_threads_work_at_the_same_time(run: Run, websockets_server: ServerProcess) -> None:
    uri = websockets_server.uri("ws")

    async def many(name: str) -> list[str | bytes]:
        async with connect(uri) as ws:
            received = []
            for number in range(200):
                await ws.send(f"{name}{number}")
                received.append(await ws.recv())
            return received

    with ThreadPoolExecutor(4) as pool:
        futures = {name: pool.submit(run, many(name)) for name in "abcd"}
        for name, future in futures.items():
            assert future.result(PATIENCE) == [f"{name}{number}" for number in range(200)]


def test_many_loops_come_and_go_in_many_threads(run: Run, websockets_server: ServerProcess) -> None:
    """Each leaves a connection open when its loop is closed, which hurts nobody else's."""
    uri = websockets_server.uri("ws")

    async def leave_one_behind(name: str) -> list[tuple[Any, Any]]:
        left = await connect(uri)
        async with connect(uri) as ws:
            received = []
            for number in range(20):
                await ws.send(f"{name} {number}")
                await left.send("x")
                received.append((await ws.recv(), await left.recv()))
            return received

    def come_and_go(thread: int) -> None:
        for loop in range(3):
            name = f"{thread} {loop}"
            expected = [(f"{name} {number}", "x") for number in range(20)]
            assert run(leave_one_behind(name)) == expected

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        with ThreadPoolExecutor(16) as pool:
            for future in [pool.submit(come_and_go, thread) for thread in range(16)]:
                future.result(PATIENCE * 3)
        gc.collect()


def test_run_coroutine_threadsafe_takes_send_and_recv(
    loop_kind: str, raw_peer: MakeRawPeer
) -> None:
    with event_loops.fresh_loop(loop_kind) as loop:
        ws = loop.run_until_complete(open_it(raw_peer(echo)))

        def from_another_thread() -> Any:
            asyncio.run_coroutine_threadsafe(ws.send("hello"), loop).result(PATIENCE)
            return asyncio.run_coroutine_threadsafe(ws.recv(), loop).result(PATIENCE)

        assert loop.run_until_complete(in_thread(from_another_thread)) == "hello"
        loop.run_until_complete(ws.close())


async def open_it(peer: RawPeer) -> ClientConnection:
    return await connect(peer.uri)


async def in_thread(function: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function)


@pytest.mark.parametrize("method", ["send", "recv", "ping", "close"])
def test_use_from_another_loop_is_a_clear_runtime_error(
    run: Run, loop_kind: str, raw_peer: MakeRawPeer, method: str
) -> None:
    arguments = ["x"] if method == "send" else []
    with event_loops.fresh_loop(loop_kind) as loop:
        ws = loop.run_until_complete(open_it(raw_peer(echo)))

        def from_another_loop() -> None:
            with pytest.raises(RuntimeError, match="loop"):
                run(as_coroutine(ws, method, arguments))

        loop.run_until_complete(in_thread(from_another_loop))
        loop.run_until_complete(ws.send("unharmed"))
        assert loop.run_until_complete(ws.recv()) == "unharmed"
        loop.run_until_complete(ws.close())


async def as_coroutine(ws: ClientConnection, method: str, arguments: list[str]) -> Any:
    return await asyncio.wait_for(getattr(ws, method)(*arguments), 5)


def test_a_loop_that_was_closed_under_a_connection_leaves_no_noise(
    loop_kind: str, raw_peer: MakeRawPeer
) -> None:
    """A script that simply ends, its connection still open: asyncio.run closes the loop."""
    peer = raw_peer(Session.open)
    ws = event_loops.run(loop_kind, open_it(peer))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del ws
        gc.collect()
    assert {warning.category for warning in caught} <= {ResourceWarning}
    peer.result()
    assert has_ended(peer)


async def drop(objects: list[Any]) -> None:
    """Let go of the last reference, and give the loop a chance to say what it thinks of it."""
    objects.clear()
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)


async def test_a_connection_that_nobody_closed_warns_and_closes_its_socket(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    ws = await connect(peer.uri)
    leave_behind = [ws]
    del ws
    with pytest.warns(ResourceWarning, match=str(peer.port)):
        await drop(leave_behind)
    await peer.report()
    assert has_ended(peer)


def has_ended(peer: RawPeer) -> bool:
    """The client has ended the connection, with a Close frame or without."""
    (session,) = peer.sessions
    closed = [frame.opcode for frame in session.frames] == [frames.CLOSE]
    return closed or session.ending in ("FIN", "RST")


async def test_a_closed_connection_is_freed_without_a_warning(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        await ws.send("x")
        await ws.recv()
    freed = weakref.ref(ws)
    del ws
    gc.collect()
    await asyncio.sleep(0)
    gc.collect()
    assert freed() is None


async def test_the_collector_sees_a_cycle_through_a_connection(raw_peer: MakeRawPeer) -> None:
    class Owner:
        ws: ClientConnection
        receive: Any

    owner = Owner()
    owner.ws = await connect(raw_peer(echo).uri)
    owner.receive = owner.ws.recv
    await owner.ws.close()
    freed = weakref.ref(owner)
    del owner
    gc.collect()
    await asyncio.sleep(0)
    gc.collect()
    assert freed() is None


async def test_a_parked_recv_keeps_its_connection_alive(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open()
        session.wait_for_go()
        session.send(frames.text("still here"))

    peer = raw_peer(script)
    receive: Any = (await connect(peer.uri)).recv
    receiving = asyncio.ensure_future(receive())
    await asyncio.sleep(0.01)
    gc.collect()
    peer.go.set()
    assert await receiving == "still here"
    await receive.__self__.close()


@pytest.mark.parametrize("method", ["send", "recv"])
async def test_a_call_that_nobody_awaits_warns(raw_peer: MakeRawPeer, method: str) -> None:
    arguments = ["x"] if method == "send" else []
    async with connect(raw_peer(echo).uri) as ws:
        calls = [getattr(ws, method)(*arguments)]
        with pytest.warns(RuntimeWarning, match="never awaited"):
            await drop(calls)


async def test_waiters_of_a_dropped_task_are_cleaned_up(raw_peer: MakeRawPeer) -> None:
    async with connect(raw_peer(echo).uri) as ws:
        for _ in range(100):
            receiving = asyncio.ensure_future(ws.recv())
            await asyncio.sleep(0)
            receiving.cancel()
        await asyncio.sleep(0)
        await ws.send("hello")
        assert await ws.recv() == "hello"


PROGRAMS = {
    "it ends while a receive is parked": """
async def main():
    ws = await connect(uri)
    asyncio.ensure_future(ws.recv())
    await asyncio.sleep(0.05)
asyncio.run(main())
""",
    "it ends without closing": """
async def main():
    global ws
    ws = await connect(uri)
    await ws.send('x')
    assert await ws.recv() == 'x'
asyncio.run(main())
""",
    "it never runs the loop again": """
loop = asyncio.new_event_loop()
async def main():
    return await connect(uri)
ws = loop.run_until_complete(main())
""",
    "it exits in the middle": """
async def main():
    async with connect(uri) as ws:
        raise SystemExit(0)
asyncio.run(main())
""",
    "it exits while connecting": """
async def main():
    asyncio.ensure_future(connect(uri).__aenter__())
    await asyncio.sleep(0)
asyncio.run(main())
""",
    "a thread of its own still runs a loop": """
import threading
def target():
    async def main():
        async with connect(uri) as ws:
            ready.set()
            await ws.recv()
    asyncio.run(main())
ready = threading.Event()
threading.Thread(target=target, daemon=True).start()
assert ready.wait(10)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_in_silence(name: str, websockets_server: ServerProcess) -> None:
    """No traceback, no abort and no hang at interpreter exit, however the program ends."""
    uri = websockets_server.uri("ws")
    program = f"import asyncio\nfrom aiowebsocket import connect\nuri = {uri!r}\n{PROGRAMS[name]}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == ""


def test_a_blocked_loop_does_not_block_another(run: Run, raw_peer: MakeRawPeer) -> None:
    """Two loops in two threads: the one that sleeps holds nothing that the other needs."""
    blocked = threading.Event()
    release = threading.Event()

    async def block() -> None:
        async with connect(peer.uri) as ws:
            await ws.send("x")
            await ws.recv()
            blocked.set()
            release.wait(PATIENCE)

    peer, other = raw_peer(echo), raw_peer(echo)
    with ThreadPoolExecutor(1) as pool:
        blocking = pool.submit(run, block())
        assert blocked.wait(PATIENCE)
        assert run(echo_once(other.uri)) == "hello"
        release.set()
        blocking.result(PATIENCE)
