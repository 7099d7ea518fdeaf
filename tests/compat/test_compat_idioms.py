"""COMPAT: the names that stay importable, and the idioms of the scripts around them."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import event_loops
from aiowebsocket.converses import AioWebSocket
from peers.raw import PATIENCE, Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess

Run = Callable[..., Any]


@pytest.fixture
def uri(websockets_server: ServerProcess) -> str:
    return websockets_server.uri("ws")


async def echo(uri: str, message: str = "hello") -> Any:
    async with AioWebSocket(uri) as aws:
        await aws.manipulator.send(message)
        return await aws.manipulator.receive()


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("aiowebsocket", ["AioWebSocket", "AioWebsocket"]),
        ("aiowebsocket.converses", ["AioWebSocket", "Converse"]),
        ("aiowebsocket.enumerations", ["SocketState", "DataFrames", "ControlFrames"]),
        ("aiowebsocket.enumerations", ["StatusCodes"]),
        ("aiowebsocket.exceptions", ["HandShakeError", "FrameError"]),
        ("aiowebsocket.parts", ["parse_uri"]),
        ("converses", ["AioWebSocket"]),
    ],
)
def test_modules_stay_importable(module: str, names: list[str]) -> None:
    for name in names:
        assert hasattr(importlib.import_module(module), name)


def test_every_spelling_is_one_class() -> None:
    package = importlib.import_module("aiowebsocket")
    converses = importlib.import_module("converses")
    assert package.AioWebSocket is package.AioWebsocket is converses.AioWebSocket is AioWebSocket


def test_status_codes_are_the_originals_list() -> None:
    codes = importlib.import_module("aiowebsocket.enumerations").StatusCodes
    assert codes == [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011]


def test_idiom_run_until_complete(loop_kind: str, uri: str) -> None:
    with event_loops.fresh_loop(loop_kind) as loop:
        assert asyncio.get_event_loop() is loop
        assert asyncio.get_event_loop().run_until_complete(echo(uri)) == b"hello"


def test_idiom_wait_on_several_clients(run: Run, uri: str) -> None:
    async def main() -> set[Any]:
        tasks = [asyncio.ensure_future(echo(uri, str(number))) for number in range(5)]
        done, _ = await asyncio.wait(tasks)
        return {task.result() for task in done}

    assert run(main()) == {b"0", b"1", b"2", b"3", b"4"}


def test_idiom_gather_of_several_clients(run: Run, uri: str) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(*(echo(uri, str(number)) for number in range(5)))

    assert run(main()) == [b"0", b"1", b"2", b"3", b"4"]


async def test_idiom_create_task_of_receive_and_wait_for(uri: str) -> None:
    async with AioWebSocket(uri) as aws:
        receiving = asyncio.create_task(aws.manipulator.receive())
        await aws.manipulator.send("hello")
        assert await asyncio.wait_for(receiving, 5) == b"hello"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aws.manipulator.receive(), 0.01)
        await aws.manipulator.send("again")
        assert await asyncio.wait_for(aws.manipulator.receive(), 5) == b"again"


def test_idiom_run_coroutine_threadsafe(loop_kind: str, uri: str) -> None:
    """A loop that runs for ever in a thread; the main thread hands it coroutines."""
    with event_loops.fresh_loop(loop_kind) as loop:
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        def call(coroutine: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(PATIENCE)

        try:
            aws = AioWebSocket(uri)
            call(aws.create_connection())
            call(aws.manipulator.send("hello"))
            assert call(aws.manipulator.receive()) == b"hello"
            call(aws.close_connection())
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)


def test_idiom_loops_in_threads(run: Run, uri: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(run, echo(uri, str(number))) for number in range(4)]
        assert [future.result(PATIENCE) for future in futures] == [b"0", b"1", b"2", b"3"]


def test_idiom_several_runs_in_a_row_with_one_object(run: Run, uri: str) -> None:
    async def use(aws: AioWebSocket) -> Any:
        async with aws:
            await aws.manipulator.send("hello")
            return await aws.manipulator.receive()

    assert [run(use(AioWebSocket(uri))) for _ in range(3)] == [b"hello"] * 3


def test_idiom_constructed_outside_any_loop(run: Run, uri: str) -> None:
    aws = AioWebSocket(uri)

    async def main() -> Any:
        async with aws:
            await aws.manipulator.send("hello")
            return await aws.manipulator.receive()

    assert run(main()) == b"hello"


async def test_idiom_bound_methods_kept(uri: str) -> None:
    async with AioWebSocket(uri) as aws:
        send, receive = aws.manipulator.send, aws.manipulator.receive
        for number in range(3):
            await send(str(number))
            assert await receive() == str(number).encode()


async def test_idiom_subclass_that_overrides_methods(raw_peer: MakeRawPeer) -> None:
    called: list[str] = []

    class Client(AioWebSocket):
        def __init__(self, uri: str) -> None:
            super().__init__(uri, union_header={"X-Client": "sub"})
            self.extra = 1

        async def create_connection(self) -> None:
            called.append("create")
            await super().create_connection()

        async def close_connection(self) -> None:
            called.append("close")
            await super().close_connection()

    peer = raw_peer(Session.open)
    async with Client(peer.uri) as aws:
        assert isinstance(aws, Client)
        assert aws.extra == 1
    assert called == ["create", "close"]
    assert (await peer.report())["X-Client"] == "sub"


async def test_idiom_arbitrary_attributes_on_the_client(uri: str) -> None:
    aws: Any = AioWebSocket(uri)
    aws.name = "mine"
    async with aws:
        assert aws.name == "mine"


async def test_idiom_a_heartbeat_task_beside_a_receive_loop(uri: str) -> None:
    async def beat(converse: Any) -> None:
        while True:
            await converse.send("beat")
            await asyncio.sleep(0.005)

    async with AioWebSocket(uri) as aws:
        beating = asyncio.ensure_future(beat(aws.manipulator))
        received = [await aws.manipulator.receive() for _ in range(10)]
        beating.cancel()
    assert received == [b"beat"] * 10
