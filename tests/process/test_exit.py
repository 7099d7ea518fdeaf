"""The end of the interpreter while daemon threads run loops, in the midst of what the engine calls.

Before Python 3.14 a thread that wants the GIL then is unwound, which no Rust frame survives.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peers.process import ServerProcess

PATIENCE = 30.0

HEAD = """
import asyncio, sys, threading, time
from aiowebsocket import connect

inside = threading.Event()

def linger():
    inside.set()
    while True:
        time.sleep(0.001)
"""
TASK = """
async def main():
    async with connect(uri, driver=driver) as ws:
        await ws.send("x")
        await ws.recv()
        linger()
"""
LOOP = """
async def main():
    asyncio.get_running_loop().__class__ = Hesitant
    await connect(uri)

class Hesitant(asyncio.SelectorEventLoop):
    def add_reader(self, *arguments):
        linger()
"""
TAIL = """
class Late:
    # Called when no other thread gets the GIL any more, and lets go of it for a while.
    def __del__(self, sleep=time.sleep):
        sleep(0.2)

late = Late()
threading.Thread(target=lambda: new_loop().run_until_complete(main()), daemon=True).start()
assert inside.wait(10)
"""


def run(uri: str, *parts: str) -> subprocess.CompletedProcess[str]:
    program = "\n".join([HEAD, f"uri = {uri!r}", *parts, TAIL])
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_a_thread_whose_task_a_message_has_woken_does_not_crash_the_exit(
    loop_kind: str, websockets_server: ServerProcess
) -> None:
    loops = "uvloop" if loop_kind == "uvloop" else "asyncio"
    driver = "lifeline" if loop_kind == "blind" else "loop"
    new_loop = f"from {loops} import new_event_loop as new_loop; driver = {driver!r}"
    done = run(websockets_server.uri("ws"), new_loop, TASK)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_thread_whose_loop_takes_its_time_does_not_crash_the_exit(
    websockets_server: ServerProcess,
) -> None:
    done = run(websockets_server.uri("ws"), LOOP, "new_loop = asyncio.SelectorEventLoop")
    assert (done.returncode, done.stderr) == (0, "")
