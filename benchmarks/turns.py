"""How long the loop's other tasks wait for their turn in a flood: `python -m benchmarks.turns`.

A ticker wants its turn each 10 ms; a consumer works for so long on each message of 256 bytes, and
never catches up. What is printed is the longest wait for a turn, as a Markdown table for
docs/lifeline.md: ours, whoever serves the link and also while the lifeline stands in, beside
others. The flood is another process's, on another core. One row is one connection on a loop of its
own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import socket
import sys
import time
from base64 import b64encode
from hashlib import sha1
from typing import TYPE_CHECKING, Any

import aiowebsocket
from benchmarks.method import event_loops, machine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

WORKS = (0, 30, 300, 3000)
INTERVAL = 0.01
# The loop is blocked for so long, so that the lifeline stands in.
STALL = 1.6
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Binary frames of 256 bytes.
BLOCK = (b"\x82\x7e\x01\x00" + bytes(256)) * 500


def flood(listener: socket.socket, core: int | None) -> None:
    """Serves one client after the other, each for as long as it reads."""
    if core is not None:
        machine.pin(0, core)
    while True:
        stream, _ = listener.accept()
        with stream, contextlib.suppress(OSError):
            accept(stream)
            while True:
                stream.sendall(BLOCK)


def accept(stream: socket.socket) -> None:
    """The opening handshake (RFC 6455 4.2.2)."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = stream.recv(2**16)
        if not received:
            raise ConnectionError("there is no request")
        head += received
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
    key = {name.lower(): value for name, value in fields.items()}[b"sec-websocket-key"]
    stream.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + b64encode(sha1(key + GUID).digest()) + b"\r\n\r\n"
    )


def ours(driver: str, *, stalled: bool) -> Callable[[str], AbstractAsyncContextManager[Any]]:
    """Our `recv`; stalled, after the lifeline has stood in."""

    @contextlib.asynccontextmanager
    async def opened(uri: str) -> AsyncIterator[Any]:
        options: dict[str, Any] = {"compression": None, "close_timeout": 0, "driver": driver}
        async with aiowebsocket.connect(uri, **options) as ws:
            await ws.recv()
            if stalled:
                time.sleep(STALL)  # noqa: ASYNC251 (it is what a takeover needs)
                if driver != "lifeline" and not ws.stats.takeovers:
                    raise RuntimeError("the lifeline did not stand in")
            yield ws.recv

    return opened


@contextlib.asynccontextmanager
async def by_websockets(uri: str) -> AsyncIterator[Any]:
    """The `recv` of websockets."""
    from websockets.asyncio.client import connect  # noqa: PLC0415 (only who is measured)

    async with connect(uri, compression=None, close_timeout=0, proxy=None) as ws:
        yield ws.recv


@contextlib.asynccontextmanager
async def by_aiohttp(uri: str) -> AsyncIterator[Any]:
    """The `receive_bytes` of aiohttp."""
    from aiohttp import ClientSession  # noqa: PLC0415 (only who is measured)

    # Closed with its session: its own close reads on for the peer's, and a flood has no end.
    async with ClientSession() as session:
        ws = await session.ws_connect(uri, compress=0)
        yield ws.receive_bytes


@contextlib.asynccontextmanager
async def by_picows(uri: str) -> AsyncIterator[Any]:
    """The callback of picows, and a queue from there to the task, as its users write it.

    The queue has no bound, for the callback cannot wait.
    """
    from picows import WSFrame, WSListener, WSTransport, ws_connect  # noqa: PLC0415 (as above)

    queue: asyncio.Queue[bytes] = asyncio.Queue()

    class Listener(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
            queue.put_nowait(frame.get_payload_as_bytes())

    transport, _ = await ws_connect(Listener, uri)
    try:
        yield queue.get
    finally:
        transport.disconnect(graceful=False)


CONTENDERS = {
    **{
        f'aiowebsocket, driver="{driver}"' + (", after a takeover" if stalled else ""): ours(
            driver, stalled=stalled
        )
        for driver in ("auto", "loop", "lifeline")
        for stalled in (False, True)
    },
    "websockets": by_websockets,
    "aiohttp": by_aiohttp,
    "picows and a queue": by_picows,
}


async def worst_wait(opened: Any, uri: str, microseconds: int, seconds: float) -> float:
    """The longest wait for a turn, in seconds; that for a turn which never came among them."""
    waits: list[float] = []
    last = time.perf_counter()

    async def tick() -> None:
        nonlocal last
        while True:
            await asyncio.sleep(INTERVAL)
            now = time.perf_counter()
            waits.append(now - last)
            last = now

    async with opened(uri) as receive:
        last = time.perf_counter()
        ticks = asyncio.ensure_future(tick())
        end = last + seconds
        while (now := time.perf_counter()) < end:
            await receive()
            until = now + microseconds / 1e6
            while time.perf_counter() < until:
                pass
        waits.append(time.perf_counter() - last)
        ticks.cancel()
        await asyncio.wait([ticks])
    return max(waits)


def table(loop_kind: str, uri: str, seconds: float, names: list[str]) -> list[str]:
    """One line for each contender, in the order of its rows."""
    works = [f"{work:,} us" if work else "none" for work in WORKS]
    lines = [
        f"| longest wait for a turn on {loop_kind}; work a message: | " + " | ".join(works) + " |",
        "|---" * (1 + len(works)) + "|",
    ]
    for name in names:
        cells = []
        for work in WORKS:
            loop = event_loops.LOOPS[loop_kind]()
            try:
                wait = loop.run_until_complete(worst_wait(CONTENDERS[name], uri, work, seconds))
                cells.append(f"{wait * 1000:,.0f} ms")
            except Exception as error:  # noqa: BLE001 (a rival that fails is shown as it failed)
                cells.append(type(error).__name__)
                print(f"{name}, {work} us: {error!r}", file=sys.stderr)
            finally:
                loop.close()
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr)
    return lines


def main() -> None:
    """The table, a loop after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.turns", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each cell")
    parser.add_argument("--loops", nargs="+", choices=list(event_loops.LOOPS), default=["asyncio"])
    parser.add_argument("--only", nargs="+", default=[""], help="how a contender's name begins")
    options = parser.parse_args()
    names = [name for name in CONTENDERS if name.startswith(tuple(options.only))]
    cores = machine.cores()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        core = cores[0] if len(cores) > 1 else None
        spawning = multiprocessing.get_context("spawn")
        server = spawning.Process(target=flood, args=(listener, core), daemon=True)
        server.start()
        if core is not None:
            machine.pin(0, cores[-1])
        try:
            for kind in options.loops:
                print("\n".join(table(kind, uri, options.seconds, names)), flush=True)
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
