"""A loop that is run again from within one of its tasks, as notebooks and Qt's bridges do it.

A task that an arrival has woken may do so, in the midst of the callback that woke it. What arrives
meanwhile is served by the inner run, at once, and nothing is logged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from field import children
from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

NEST_ASYNCIO = """
import nest_asyncio

def new_loop():
    loop = asyncio.new_event_loop()
    nest_asyncio.apply(loop)
    return loop
"""

# What such bridges have in common: `run_forever` may be entered again, and a task that is current
# makes room for the others meanwhile.
BRIDGE = """
import asyncio.events, asyncio.tasks
from asyncio import _get_running_loop, _set_running_loop

class Nested(asyncio.SelectorEventLoop):
    def run_forever(self):
        outer, stopping = _get_running_loop(), self._stopping
        task = asyncio.current_task(self) if outer is self else None
        if task is not None:
            asyncio.tasks._leave_task(self, task)
        _set_running_loop(self)
        self._stopping = False
        try:
            while not self._stopping:
                self._run_once()
        finally:
            self._stopping = stopping
            _set_running_loop(outer)
            if task is not None:
                asyncio.tasks._enter_task(self, task)

    def _check_running(self):
        pass

new_loop = Nested
"""

PROGRAM = """
import asyncio, logging, sys, time
from aiowebsocket import connect

logged = []

class Handler(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())
        if len(logged) > 1000:
            sys.exit("a thousand errors were logged")

logging.getLogger("asyncio").addHandler(Handler())
logging.getLogger("asyncio").propagate = False
"""

ECHOES = """
async def main(loop, uri, driver):
    async with connect(uri, driver=driver, ping_timeout=5) as ws:
        async def ask(text):
            await ws.send(text)
            return await ws.recv()

        async def ask_deeper(depth):
            answer = await ask(f"depth {depth}")
            if depth:
                return [answer, *loop.run_until_complete(ask_deeper(depth - 1))]
            return [answer]

        # main is woken by the arrival, and runs the loop from there
        assert await ask("first") == "first"
        before = time.process_time()
        for number in range(5):
            assert loop.run_until_complete(ask(str(number))) == str(number)
        assert await ask("between") == "between"
        assert loop.run_until_complete(ask_deeper(3)) == [f"depth {d}" for d in (3, 2, 1, 0)]
        # It waited for its answers, and did not spin for them.
        spent = time.process_time() - before
        assert spent < 0.5, f"{spent} s of CPU"
        loop.run_until_complete(asyncio.sleep(0.05))
        assert await ask("last") == "last"
        answered = await ws.ping("x")
        loop.run_until_complete(asyncio.wait_for(answered, 5))
    assert ws.close_code == 1000
    assert not logged, logged[:3]
    print("done")

loop = new_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(asyncio.wait_for(main(loop, *sys.argv[1:]), 20))
"""

OTHERS = """
async def main(loop, uri, driver):
    # Two connections: a task of the one, woken, waits in an inner run for the other's.
    async with connect(uri, driver=driver) as one, connect(uri, driver=driver) as two:
        async def echo(ws, text):
            await ws.send(text)
            return await ws.recv()

        assert await echo(one, "x") == "x"
        task = asyncio.ensure_future(echo(two, "task"))
        assert loop.run_until_complete(task) == "task"
        assert await echo(one, "y") == "y"
        closing = asyncio.ensure_future(two.close())
        loop.run_until_complete(closing)
        assert two.close_code == 1000
    assert not logged, logged[:3]
    print("done")

loop = new_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(asyncio.wait_for(main(loop, *sys.argv[1:]), 20))
"""

nested = pytest.mark.parametrize("loop", [NEST_ASYNCIO, BRIDGE], ids=["nest_asyncio", "bridge"])
drivers = pytest.mark.parametrize("driver", ["auto", "loop", "lifeline"])


def late_echo(session: Session) -> None:
    """Late enough for a receiver to have parked."""
    session.open()
    while (frame := session.receive()).opcode != frames.CLOSE:
        session.go.wait(0.02)
        opcode = frames.PONG if frame.opcode == frames.PING else frame.opcode
        session.send(frames.frame(opcode, frame.payload))
    session.send_close(frame.close_code)
    session.hang_up()


@nested
@drivers
def test_an_inner_run_gets_its_answers(raw_peer: MakeRawPeer, loop: str, driver: str) -> None:
    uri = raw_peer(late_echo).uri
    assert children.succeed(PROGRAM + loop + ECHOES, uri, driver) == "done\n"


@nested
@drivers
def test_an_inner_run_serves_other_connections(
    raw_peer: MakeRawPeer, websockets_uri: str, loop: str, driver: str
) -> None:
    assert children.succeed(PROGRAM + loop + OTHERS, websockets_uri, driver) == "done\n"


@pytest.fixture
def websockets_uri(websockets_server: object) -> str:
    return str(websockets_server.uri("ws"))  # type: ignore[attr-defined]
