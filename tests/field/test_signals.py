"""A thread of ours takes no signal: each that the program blocks, to wait for it, is the program's.

POSIX gives a signal of the process to any thread that has not blocked it. So every thread that the
engine starts, for whatever, blocks all that can be blocked.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from field import children

if TYPE_CHECKING:
    from peers.process import ServerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")

HEAD = """
import asyncio, os, signal, socket, ssl, sys, threading, time
from aiowebsocket import connect

uri, driver, new_loop = sys.argv[1], sys.argv[2], asyncio.new_event_loop
if sys.argv[3] == "uvloop":
    import uvloop
    new_loop = uvloop.new_event_loop
"""

MASKS = """
async def main():
    async with connect(uri, driver=driver) as ws:
        await ws.send("x")
        assert await ws.recv() == "x"
        time.sleep(1.6)  # the lifeline stands in
        show()

def show():
    blockable = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    pythons = {thread.native_id for thread in threading.enumerate()}
    ours = set(map(int, os.listdir("/proc/self/task"))) - pythons
    assert ours, "there is no thread of ours to look at"
    for thread in ours:
        with open(f"/proc/self/task/{thread}/status") as file:
            fields = dict(map(str.strip, line.split(":", 1)) for line in file)
        mask = int(fields["SigBlk"], 16)
        open_ = [one for one in blockable if not mask >> (one - 1) & 1]
        if open_:
            print(fields["Name"], "takes", sorted(map(int, open_)))

new_loop().run_until_complete(main())
"""

SIGWAIT = """
async def main():
    async with connect(uri, driver=driver) as ws:
        await ws.send("x")
        await ws.recv()

new_loop().run_until_complete(main())
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(0.2)
print(signal.sigtimedwait([signal.SIGTERM], 5).si_signo)
"""

ways = pytest.mark.parametrize(
    ("scheme", "driver", "loop"),
    [
        ("ws", "auto", "asyncio"),
        ("wss", "auto", "asyncio"),
        ("ws", "lifeline", "asyncio"),
        ("wss", "lifeline", "asyncio"),
        ("ws", "auto", "uvloop"),
        ("wss", "auto", "uvloop"),
    ],
)


def by_name(server: ServerProcess, scheme: str) -> str:
    """An address that has to be looked up, which is work for threads."""
    return f"{scheme}://localhost:{server.ports[scheme]}/"


@ways
def test_every_thread_of_ours_blocks_all_signals(
    websockets_server: ServerProcess, scheme: str, driver: str, loop: str
) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    uri = by_name(websockets_server, scheme)
    assert children.succeed(HEAD + MASKS, uri, driver, loop) == ""


@ways
def test_a_signal_that_is_blocked_later_can_be_waited_for(
    websockets_server: ServerProcess, scheme: str, driver: str, loop: str
) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    uri = by_name(websockets_server, scheme)
    assert children.succeed(HEAD + SIGWAIT, uri, driver, loop) == "15\n"
