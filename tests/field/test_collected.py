"""Whatever holds a Python object lets the collector see it: a cycle through it is freed.

Every native class has a recipe here, which makes a cycle through an instance of it; a class that
has none fails the test, and so does a recipe that has no class.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import weakref
from typing import TYPE_CHECKING, Any

import pytest

import event_loops
from aiowebsocket import AioWebSocket, _core, connect
from blocking import until
from peers import frames
from peers.scripts import echo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from conftest import MakeRawPeer
    from peers.process import ServerProcess
    from peers.raw import Session

pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed connection:ResourceWarning", "ignore:coroutine .* was never:RuntimeWarning"
)

MODULE = "aiowebsocket._core"
# Py_TPFLAGS_HAVE_GC: its instances are seen by the collector.
HAVE_GC = 1 << 14


class Owner:
    """What holds an object that comes to hold it."""

    held: Any

    def is_called(self, *_: Any) -> None:
        """A callback that knows its owner."""


class Unhashed(logging.LoggerAdapter):  # type: ignore[type-arg]
    """A logger that knows its client."""


def logger_of(owner: Owner) -> Any:
    return Unhashed(logging.getLogger("field"), {"owner": owner})


async def task_of(operation: Any) -> Any:
    return await operation


# The recipes. Each leaves a cycle through its class, and nothing else that holds the owner. What
# waits for an open connection is held by its loop, and no garbage before the connection has ended.


async def closed_connection(owner: Owner, uri: str, driver: str) -> None:
    owner.held = await connect(uri, logger=logger_of(owner), driver=driver)
    await owner.held.send("x")
    await owner.held.recv()
    await owner.held.close()


async def abandoned_connection(owner: Owner, uri: str, driver: str) -> None:
    owner.held = await connect(uri, logger=logger_of(owner), driver=driver)
    await owner.held.send("x")


async def closed_conversation(owner: Owner, uri: str, driver: str) -> None:
    aws = owner.held = AioWebSocket(uri, driver=driver)
    async with aws:
        await aws.manipulator.send("x")
        await aws.manipulator.receive()
        aws.manipulator.__dict__["owner"] = owner


async def abandoned_conversation(owner: Owner, uri: str, driver: str) -> None:
    aws = owner.held = AioWebSocket(uri, driver=driver)
    await aws.create_connection()
    aws.manipulator.__dict__["owner"] = owner


async def operation_never_awaited(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, driver=driver)

    def parts() -> Any:
        yield owner

    owner.held = ws.send(parts())


async def operation_done(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, logger=logger_of(owner), driver=driver)
    owner.held = ws.send("x")
    await owner.held


async def parked_operation(owner: Owner, uri: str, driver: str) -> None:
    """Stepped by hand, so that no task holds it."""
    ws = await connect(uri, logger=logger_of(owner), driver=driver)
    steps = ws.recv().__await__()
    owner.held = (steps, next(steps))
    ws._abandon()


async def iterated(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, logger=logger_of(owner), driver=driver)
    owner.held = aiter(ws)


async def parked_sender(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, logger=logger_of(owner), driver=driver, write_limit=0, compression=None)
    steps = ws.send(bytes(2**24)).__await__()
    with contextlib.suppress(StopIteration):
        owner.held = (steps, next(steps))


async def waiter_with_a_callback(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, driver=driver)
    steps = ws.recv().__await__()
    waiter = next(steps)
    waiter.add_done_callback(owner.is_called)
    owner.held = (steps, waiter)
    ws._abandon()


async def cancelled_waiter(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, driver=driver)
    steps = ws.recv().__await__()
    waiter = next(steps)
    waiter.cancel(owner)
    owner.held = (steps, waiter)
    ws._abandon()


async def parked_task(owner: Owner, uri: str, driver: str) -> None:
    """A task that waits for a connection which nobody else holds: it can never end."""
    ws = await connect(uri, logger=logger_of(owner), driver=driver)
    owner.held = ws
    task = asyncio.ensure_future(task_of(ws.recv()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def pending_ping(owner: Owner, uri: str, driver: str) -> None:
    ws = await connect(uri, driver=driver)
    answered: Any = await ws.ping("x")
    answered.add_done_callback(owner.is_called)
    owner.held = (ws, answered)


def opening_of(uri: str) -> Any:
    return _core.open_connection(uri, connect(uri)._options)


async def opened_and_not_used(owner: Owner, uri: str, driver: str) -> None:
    """It holds nothing of Python's; what holds it is freed."""
    owner.held = (await opening_of(uri), owner)


async def opening_that_is_cancelled(owner: Owner, uri: str, driver: str) -> None:
    opening = opening_of(uri)
    opening.add_done_callback(owner.is_called)
    owner.held = opening
    opening.cancel()
    await asyncio.sleep(0.05)


async def bare_link(owner: Owner, uri: str, driver: str) -> None:
    class Client(_core.ClientConnection):
        owner: Owner

    whole = await connect(uri, driver=driver)
    client = whole  # the native half is its base
    assert isinstance(client, _core.Link)
    client.__dict__["owner"] = owner
    owner.held = client


RECIPES: dict[str, list[Callable[[Owner, str, str], Awaitable[None]]]] = {
    "ClientConnection": [closed_connection, abandoned_connection],
    "Converse": [closed_conversation, abandoned_conversation],
    "Link": [bare_link],
    "Driver": [closed_connection, abandoned_connection, pending_ping],
    "Operation": [operation_never_awaited, operation_done, parked_operation, parked_sender],
    "Waiter": [waiter_with_a_callback, cancelled_waiter, parked_task],
    "Opened": [opened_and_not_used],
    "Abort": [opening_that_is_cancelled],
    # The loop holds it: see the test of loops that are closed.
    "Listener": [closed_connection],
    "Messages": [iterated],
    # The classes of the faces hold theirs.
    "coroutine_method": [closed_connection],
}


def native_classes() -> set[type]:
    """Those that the module shows, and those that it made for itself."""
    shown = [value for value in vars(_core).values() if isinstance(value, type)]
    made = [thing for thing in gc.get_objects() if isinstance(thing, type)]
    return {one for one in (*shown, *made) if one.__module__ == MODULE}


def used_everything(uri: str) -> None:
    """A class is made when it is first used: on a loop that watches sockets, and on one that does
    not."""
    for kind in ("asyncio", "blind"):

        async def use() -> None:
            async with connect(uri) as ws, AioWebSocket(uri) as aws:
                receiving = asyncio.ensure_future(task_of(ws.recv()))
                await asyncio.sleep(0)
                await ws.send("x")
                await receiving
                await aws.manipulator.send("x")
                await aws.manipulator.receive()
                await (await ws.ping("x"))
            opening = opening_of(uri)
            opening.cancel()
            await asyncio.sleep(0.05)

        event_loops.run(kind, use())


def test_every_native_class_has_a_recipe_here(websockets_server: ServerProcess) -> None:
    used_everything(websockets_server.uri("ws"))
    assert {one.__name__ for one in native_classes()} == set(RECIPES)


def test_every_class_that_holds_what_a_user_made_is_seen_by_the_collector(
    websockets_server: ServerProcess,
) -> None:
    used_everything(websockets_server.uri("ws"))
    hold_nothing = {"Abort", "Opened"}
    unseen = {one.__name__ for one in native_classes() if not one.__flags__ & HAVE_GC}
    assert unseen <= hold_nothing


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
@pytest.mark.parametrize(
    "recipe",
    dict.fromkeys(recipe for recipes in RECIPES.values() for recipe in recipes),
    ids=lambda recipe: recipe.__name__,
)
async def test_a_cycle_is_collected(
    websockets_server: ServerProcess, recipe: Any, driver: str
) -> None:
    freed = [
        weakref.ref(await owner_of(recipe, websockets_server.uri("ws"), driver)) for _ in range(5)
    ]
    await assert_collected(freed)


async def owner_of(recipe: Any, uri: str, driver: str) -> Owner:
    owner = Owner()
    await recipe(owner, uri, driver)
    return owner


async def assert_collected(freed: list[weakref.ref[Any]]) -> None:
    for _ in range(20):
        gc.collect()
        if not any(one() for one in freed):
            return
        await asyncio.sleep(0.05)
    left = [one() for one in freed if one() is not None]
    holders = {type(holder).__name__ for one in left for holder in gc.get_referrers(one)}
    pytest.fail(f"{len(left)} of {len(freed)} are left, held by {holders}")


@pytest.mark.every("face")
async def test_one_in_which_messages_and_senders_wait_is_collected(
    raw_peer: MakeRawPeer, face: str
) -> None:
    async def abandoned() -> weakref.ref[Any]:
        owner = Owner()
        peer = raw_peer(echo)
        if face == "connect":
            held: Any = await connect(peer.uri, logger=logger_of(owner))
            await held.send("x")
            await until(lambda: held.stats.queued_messages)
        else:
            held = AioWebSocket(peer.uri)
            await held.create_connection()
            held.manipulator.owner = owner
            await held.manipulator.send("x")
            await until(lambda: held.manipulator.stats.queued_messages)
        owner.held = held
        return weakref.ref(owner)

    await assert_collected([await abandoned()])


@pytest.mark.parametrize("ends", ["closed", "abandoned"])
def test_a_loop_that_is_closed_is_collected(
    websockets_server: ServerProcess, loop_kind: str, ends: str
) -> None:
    """Whatever we have the loop hold does not hold the loop."""
    recipe = closed_connection if ends == "closed" else abandoned_connection

    def loop_that_was() -> list[weakref.ref[Any]]:
        loop = event_loops.KINDS[loop_kind]()
        owner = Owner()
        try:
            loop.run_until_complete(recipe(owner, websockets_server.uri("ws"), "auto"))
        finally:
            loop.close()
        return [weakref.ref(loop), weakref.ref(owner)]

    freed = loop_that_was()
    event_loops.run("asyncio", assert_collected(freed))


@pytest.mark.parametrize("driver", ["auto", "lifeline"])
async def test_a_task_that_waits_and_that_nobody_holds_is_no_garbage(
    raw_peer: MakeRawPeer, driver: str
) -> None:
    received = asyncio.Event()

    async def listens(uri: str) -> None:
        async with connect(uri, driver=driver) as ws:
            await ws.send("ready")
            await ws.recv()
            received.set()

    peer = raw_peer(sends_when_asked)
    asyncio.ensure_future(listens(peer.uri))  # noqa: RUF006 - that nobody holds it is the subject
    await until(lambda: bool(peer.sessions and peer.sessions[0].frames))
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)
    peer.go.set()
    await asyncio.wait_for(received.wait(), 10)


def sends_when_asked(session: Session) -> None:
    session.open()
    session.receive()
    session.wait_for_go()
    session.send(frames.text("here"))
