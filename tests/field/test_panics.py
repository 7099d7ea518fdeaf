"""No fault reaches a user as a panic: an exception that is one of Python's, and a quiet stderr.

A PanicException is no Exception, so it passes every `except Exception`, and its backtrace goes to
the terminal of whoever happens to sit there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from field import children

if TYPE_CHECKING:
    from peers.process import ServerProcess

PROGRAM = """
import asyncio, contextlib, logging, os, socket, sys
from aiowebsocket import AioWebSocket, connect

logging.disable(logging.CRITICAL)
uri, port = sys.argv[1], int(sys.argv[1].rsplit(":", 1)[1].strip("/"))

async def expect(kinds, opening):
    try:
        # What is wrong with an option is said as it is written down.
        connection = await asyncio.wait_for(opening(), 10)
    except Exception as error:
        assert isinstance(error, kinds), repr(error)
    else:
        await connection.close()
        raise AssertionError("it opened")
"""

FAULTS = {
    "a closed socket": """
async def main():
    sock = socket.create_connection(("127.0.0.1", port))
    sock.close()
    await expect((OSError, ValueError), lambda: connect(uri, sock=sock))
""",
    "a socket for the second time": """
async def main():
    sock = socket.create_connection(("127.0.0.1", port))
    ws = await connect(uri, sock=sock)
    await ws.close()
    await expect((OSError, ValueError), lambda: connect(uri, sock=sock))
""",
    "a socket that is none": """
async def main():
    for thing in (3, "socket", object(), None.__class__):
        await expect((TypeError, ValueError, OSError), lambda: connect(uri, sock=thing))
""",
    "a descriptor that somebody closed": """
async def main():
    sock = socket.create_connection(("127.0.0.1", port))
    os.close(sock.fileno())
    await expect((OSError, ValueError), lambda: connect(uri, sock=sock))
    sock.detach()
""",
    "a socket of another kind": """
async def main():
    for sock in (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()):
        await expect((OSError, ValueError), lambda: connect(uri, sock=sock))
""",
    "a loop that fails": """
class Failing(asyncio.SelectorEventLoop):
    def add_reader(self, *arguments):
        raise OSError(28, "No space left on device")

async def main():
    asyncio.get_running_loop().__class__ = Failing
    with contextlib.suppress(Exception):
        ws = await asyncio.wait_for(connect(uri), 10)
        await ws.send("x")
        await asyncio.wait_for(ws.close(), 5)
""",
    "a loop that is closed": """
async def main():
    def other():
        loop = asyncio.new_event_loop()
        ws = loop.run_until_complete(connect(uri))
        loop.close()
        return ws
    ws = await asyncio.to_thread(other)
    for call in (lambda: ws.send_threadsafe("x", timeout=1), ws._abandon):
        with contextlib.suppress(Exception):
            call()
""",
    "numbers out of range": """
async def main():
    for name in ("open_timeout", "close_timeout", "ping_interval", "ping_timeout", "max_size",
                 "max_buffered", "write_limit", "app_stall_timeout"):
        for value in (1e300, float("inf"), float("nan"), 2**70, -1, "x"):
            with contextlib.suppress(ValueError, TypeError, OverflowError):
                ws = await asyncio.wait_for(connect(uri, **{name: value}), 10)
                await ws.close()
""",
    "descriptors that have run out": """
import resource

async def main():
    await (await connect(uri)).close()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, hard))
    await expect(OSError, lambda: connect(uri))
""",
    "a first connection without descriptors": """
import resource

async def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, hard))
    await expect(OSError, lambda: connect(uri))
""",
    "lone surrogates": """
async def main():
    ws = await connect(uri)
    for send, bad in ((ws.send, "\\ud800"), (ws.send, ["\\ud800"]), (ws.send_many, ["\\ud800"])):
        with contextlib.suppress(Exception):
            await send(bad)
    with contextlib.suppress(Exception):
        await ws.close(1000, "\\ud800")
    for name in ("additional_headers", "user_agent_header", "subprotocols", "origin"):
        value = {"additional_headers": {"X": "\\ud800"}, "subprotocols": ["\\ud800"]}
        with contextlib.suppress(ValueError, TypeError):
            await connect(uri, **{name: value.get(name, "\\ud800")})
    with contextlib.suppress(Exception):
        await connect(uri + "\\ud800")
    with contextlib.suppress(Exception):
        await ws.close()
""",
    "a payload that changes": """
async def main():
    class Iterable:
        def __iter__(self):
            raise RuntimeError("no")
    data = bytearray(10)
    class Grows:
        def __iter__(self):
            yield data
            data.extend(bytes(10))
            yield memoryview(data)[::2]
    async with connect(uri) as ws:
        for thing in (Iterable(), Grows(), memoryview(bytes(10))[::2]):
            with contextlib.suppress(Exception):
                await ws.send(thing)
""",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_none_comes_of(websockets_server: ServerProcess, fault: str) -> None:
    source = PROGRAM + FAULTS[fault] + "\nasyncio.run(main())\nprint('done')\n"
    ended = children.run(source, websockets_server.uri("ws"))
    assert "panicked" not in ended.errors, ended
    assert "PanicException" not in ended.errors, ended
    assert (ended.status, ended.output) == (0, "done\n"), ended
