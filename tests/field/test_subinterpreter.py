"""Sub-interpreters: importing the package in one is harmless, using it is refused in plain words.

The engine's thread is the process's: one that ended would take the main interpreter's with it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from peers import frames

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

# As of Python 3.13, and before.
MODULE = next(
    (name for name in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(name)),
    None,
)
pytestmark = pytest.mark.skipif(MODULE is None, reason="this Python has no sub-interpreters")

PRELUDE = f"""
import asyncio, sys
import {MODULE} as interpreters

def run(program):
    number = interpreters.create()
    failed = interpreters.run_string(number, program)
    assert failed is None, failed
    return number
"""


def ran(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def printed(program: str, *arguments: str) -> str:
    done = ran(program, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_process_that_imported_it_in_one_ends() -> None:
    if ran("run('import asyncio, ssl')").returncode != 0:
        pytest.skip("this Python does not survive its own ssl in a sub-interpreter")
    program = """
run("import aiowebsocket; aiowebsocket.ConnectionClosed")
print("end", flush=True)
"""
    assert printed(program) == "end\n"


USES = [
    "from aiowebsocket import connect",
    "from aiowebsocket.client import connect",
    "from aiowebsocket import AioWebSocket",
    "from converses import AioWebSocket",
    "import aiowebsocket; aiowebsocket.connect",
    "import aiowebsocket; aiowebsocket.__version__",
]


@pytest.mark.parametrize("use", USES)
def test_using_it_in_one_is_refused_and_the_main_one_goes_on(use: str) -> None:
    program = f"""
number = run('''
import sys
try:
    {use}
except ImportError as error:
    print(error, flush=True)
''')
interpreters.destroy(number)
import aiowebsocket
print(aiowebsocket.connect, flush=True)
"""
    refusal, main = printed(program).splitlines()
    assert refusal.startswith("aiowebsocket works in the main interpreter only")
    assert main == "<class 'aiowebsocket.client.connect'>"


def test_one_that_ends_leaves_the_main_ones_keepalive_alone(raw_peer: MakeRawPeer) -> None:
    def count(session: Session) -> None:
        session.open()
        for _ in range(8):
            ping = session.receive()
            assert ping.opcode == frames.PING
            session.send(frames.pong(ping.payload))
        session.send(frames.text("eight"))

    program = """
import aiowebsocket

async def main():
    async with aiowebsocket.connect(sys.argv[1], ping_interval=0.05) as ws:
        await asyncio.sleep(0.2)
        interpreters.destroy(run("import aiowebsocket"))
        print(await asyncio.wait_for(ws.recv(), 20))

asyncio.run(main())
"""
    assert printed(program, raw_peer(count).uri) == "eight\n"
