"""A process that forks with an open connection: the child is told, the parent does not notice."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket import AioWebSocket, connect
from faces import handed_out, opened
from peers.scripts import echo

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from conftest import MakeRawPeer
    from peers.process import ServerProcess

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork"),
    # Python 3.12 warns of forking with threads, which is what this is about.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning"),
    pytest.mark.every("scheme"),
]


TOLD = "this connection belongs to the process that this one was forked from; open another"


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


def in_a_loop_of_its_own(work: Callable[[], Coroutine[Any, Any, object]]) -> object:
    """What a coroutine gives in a process that was forked while a loop ran."""
    asyncio._set_running_loop(None)
    loop = asyncio.SelectorEventLoop()
    return loop.run_until_complete(asyncio.wait_for(work(), 10))


async def errors_of(calls: dict[str, Callable[[], Any]]) -> dict[str, str]:
    """What each of them raises when it is awaited."""
    errors = {}
    for name, call in calls.items():
        errors[name] = "nothing"
        try:
            await call()
        except RuntimeError as error:
            errors[name] = str(error)
    return errors


async def first_of(messages: Any) -> Any:
    async for message in messages:
        return message
    return None


@pytest.mark.every("face")
async def test_a_forked_child_gets_an_error_and_the_parent_goes_on(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    async with opened(face, websockets_server.uri(scheme)) as ws:
        errors = in_a_child(lambda: [error_of(lambda: ws.send("x")), error_of(ws.recv)])
        assert errors == [TOLD, TOLD]
        await ws.send("still here")
        assert await ws.recv() == handed_out(face, "still here")
    assert ws.connection.close_code == 1000


@pytest.mark.every("face")
async def test_a_child_cannot_send_without_the_loop_either(
    websockets_server: ServerProcess, scheme: str, face: str
) -> None:
    async with opened(face, websockets_server.uri(scheme)) as ws:
        send = ws.connection.send_threadsafe

        def send_in_the_child() -> str:
            try:
                send("from the child")
            except RuntimeError as error:
                return str(error)
            return "nothing"

        assert in_a_child(send_in_the_child) == TOLD
        send("from the parent")
        assert await ws.recv() == handed_out(face, "from the parent")


async def test_a_child_that_drops_the_connection_ends_it_for_nobody(
    websockets_server: ServerProcess, scheme: str
) -> None:
    held = [await connect(websockets_server.uri(scheme))]

    def drop() -> int:
        descriptors = len(os.listdir("/dev/fd"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held.clear()
            gc.collect()
        return descriptors - len(os.listdir("/dev/fd"))

    assert in_a_child(drop) == 1
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

    async with connect(uri) as ws:
        assert in_a_child(lambda: in_a_loop_of_its_own(talk)) == "from the child"
        await ws.send("from the parent")
        assert await ws.recv() == "from the parent"


async def test_whatever_a_child_awaits_of_its_parents_connections_is_an_error(
    websockets_server: ServerProcess, scheme: str
) -> None:
    uri = websockets_server.uri(scheme)
    ws, aws = await connect(uri), AioWebSocket(uri)
    await aws.create_connection()
    converse = aws.manipulator
    calls: dict[str, Callable[[], Any]] = {
        "send": lambda: ws.send("x"),
        "send fragments": lambda: ws.send(["x", "y"]),
        "send_many": lambda: ws.send_many(["x"]),
        "recv": ws.recv,
        "recv_many": ws.recv_many,
        "recv_streaming": lambda: first_of(ws.recv_streaming()),
        "async for": lambda: first_of(ws),
        "ping": ws.ping,
        "pong": ws.pong,
        "close": ws.close,
        "wait_closed": ws.wait_closed,
        "converse.send": lambda: converse.send("x"),
        "converse.receive": converse.receive,
        "async for of a converse": lambda: first_of(converse),
        "close_connection": aws.close_connection,
    }
    errors = in_a_child(lambda: in_a_loop_of_its_own(lambda: errors_of(calls)))
    assert errors == dict.fromkeys(calls, TOLD)
    for send, receive in ((ws.send, ws.recv), (converse.send, converse.receive)):
        await send("still here")
        assert await receive() in ("still here", b"still here")
    await ws.close()
    await aws.close_connection()


async def test_a_receive_that_is_parked_while_its_process_forks_gets_its_message(
    websockets_server: ServerProcess, scheme: str
) -> None:
    async with connect(websockets_server.uri(scheme)) as ws:
        receiving = asyncio.ensure_future(ws.recv())
        await asyncio.sleep(0.01)
        assert in_a_child(lambda: "ended") == "ended"
        await ws.send("still here")
        assert await asyncio.wait_for(receiving, 5) == "still here"


@pytest.mark.skipif(sys.platform == "darwin", reason="its resolver does not survive a fork")
async def test_parent_and_child_mask_with_other_keys(raw_peer: MakeRawPeer, scheme: str) -> None:
    peers = [raw_peer(echo), raw_peer(echo), raw_peer(echo)]

    async def talk(uri: str) -> str:
        async with connect(uri) as ws:
            for _ in range(20):
                await ws.send("hello")
                await ws.recv()
        return "talked"

    await talk(peers[0].uri)
    child = in_a_child(lambda: in_a_loop_of_its_own(lambda: talk(peers[1].uri)))
    assert child == await talk(peers[2].uri) == "talked"
    for peer in peers:
        await peer.report()
    keys = [{frame.masking_key for frame in peer.sessions[0].frames[:20]} for peer in peers]
    assert [len(of_one) for of_one in keys] == [20, 20, 20]
    assert len(set().union(*keys)) == 60


PROGRAM = """
import asyncio, os, sys, warnings
from aiowebsocket import connect
warnings.simplefilter("ignore", DeprecationWarning)
uri = sys.argv[1]

async def main():
    global ws
    ws = await connect(uri)
    child = os.fork()
    if child == 0:
        raise SystemExit(7)
    _, status = os.waitpid(child, 0)
    await ws.send(str(os.waitstatus_to_exitcode(status)))
    print(await ws.recv())
    await ws.close()

asyncio.run(main())
"""


def test_a_child_that_exits_as_programs_do_leaves_its_parents_connection_alone(
    websockets_server: ServerProcess, scheme: str
) -> None:
    program = [sys.executable, "-c", PROGRAM, websockets_server.uri(scheme)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")
