"""A process that forks with an open connection: the child is told, the parent does not notice."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers.process import ServerProcess

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork"),
    # Python 3.12 warns of forking with threads, which is what this is about.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
    pytest.mark.parametrize("scheme", ["ws", "wss"]),
]


def in_a_child(work: Callable[[], object]) -> object:
    """What `work` gives in a forked process; "died" if that does not end well."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        outcome: object = "died"
        try:
            outcome = work()
        finally:
            os.write(writing, json.dumps(outcome).encode())
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        outcome = json.loads(pipe.read())
    os.waitpid(child, 0)
    return outcome


def error_of(call: Callable[[], Any]) -> str:
    """What a step of an awaitable raises."""
    try:
        call().send(None)
    except RuntimeError as error:
        return str(error)
    return "nothing"


@pytest.mark.parametrize("face", ["connect", "AioWebSocket"])
async def test_a_forked_child_gets_an_error_and_the_parent_goes_on(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    uri = websockets_server.uri(scheme)
    receive: Callable[[], Any]
    send: Callable[[str], Any]
    close: Callable[[], Any]
    if face == "connect":
        ws = await connect(uri)
        receive, send, close = ws.recv, ws.send, ws.close
    else:
        aws = AioWebSocket(uri)
        await aws.create_connection()
        receive, send = aws.manipulator.receive, aws.manipulator.send
        close = aws.close_connection
    errors = in_a_child(lambda: [error_of(lambda: send("x")), error_of(receive)])
    told = "this connection belongs to the process that this one was forked from; open another"
    assert errors == [told, told]
    await send("still here")
    assert await receive() in ("still here", b"still here")
    await close()


async def test_a_child_that_drops_the_connection_ends_it_for_nobody(
    websockets_server: ServerProcess, scheme: str
) -> None:
    held = [await connect(websockets_server.uri(scheme))]

    def drop() -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held.clear()
            gc.collect()
        return "dropped"

    assert in_a_child(drop) == "dropped"
    await asyncio.sleep(0.1)
    (ws,) = held
    await ws.send("still here")
    assert await ws.recv() == "still here"
    await ws.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="its resolver does not survive a fork")
async def test_a_child_opens_connections_of_its_own(
    websockets_server: ServerProcess, scheme: str
) -> None:
    uri = websockets_server.uri(scheme)

    async def talk() -> object:
        async with connect(uri) as ws:
            await ws.send("from the child")
            return await ws.recv()

    def in_a_loop_of_its_own() -> object:
        asyncio._set_running_loop(None)
        loop = asyncio.SelectorEventLoop()
        return loop.run_until_complete(asyncio.wait_for(talk(), 10))

    async with connect(uri) as ws:
        assert in_a_child(in_a_loop_of_its_own) == "from the child"
        await ws.send("from the parent")
        assert await ws.recv() == "from the parent"
