"""A client that exchanges letters, by turns on WebSocket connections and on nothing but TLS.

    python -m soak.programs.lettering <kind of loop> <seconds> <letters a pack> <wss URI> <TLS port>

It says how many letters were wrong, and how long equal packs took on either.
"""

from __future__ import annotations

import asyncio
import functools
import json
import socket
import ssl
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import event_loops
from aiowebsocket import ClientConnection, connect
from soak.network.packs import Channel, PlainChannel, ask_for_exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS, PLAIN = "ours", "plain"
# Side by side, for one alone would have to wait long until chance is fair to it.
CONNECTIONS = 8


class Exchange:
    """Packs of letters on channels of two kinds, and what was seen of them."""

    def __init__(self, channels: dict[str, Sequence[Channel]], count: int) -> None:
        self._channels = channels
        self._count = count
        self.wrong = 0
        self.bytes: Counter[str] = Counter()
        self.seconds = {OURS: 0.0, PLAIN: 0.0}

    async def take_turns(self, seconds: float) -> None:
        """Round after round for so long, each kind with the same letters; the first goes last."""
        end = time.monotonic() + seconds
        order, pack = [OURS, PLAIN], 0
        while time.monotonic() < end:
            for kind in order:
                channels = enumerate(self._channels[kind], pack)
                await asyncio.gather(*(self._exchange(kind, *each) for each in channels))
            pack += CONNECTIONS
            order.reverse()

    async def _exchange(self, kind: str, pack: int, channel: Channel) -> None:
        began = time.monotonic()
        wrong, size = await ask_for_exchange(channel, pack, self._count)
        self.seconds[kind] += time.monotonic() - began
        self.bytes[kind] += size
        self.wrong += wrong if kind == OURS else 0


async def open_plain(host: str, port: int) -> tuple[Channel, asyncio.StreamWriter]:
    """A channel of nothing but TLS, and what closes it."""
    connecting = functools.partial(socket.create_connection, (host, port))
    # Some loops of the tests cannot connect a socket themselves.
    connected = await asyncio.get_running_loop().run_in_executor(None, connecting)
    connected.setblocking(False)
    trusting = ssl.create_default_context()
    reader, writer = await asyncio.open_connection(
        sock=connected, ssl=trusting, server_hostname=host
    )
    return PlainChannel(reader, writer), writer


async def main(seconds: float, count: int, uri: str, port: int) -> None:
    host = str(urlsplit(uri).hostname)
    ours = await asyncio.gather(*(open_ours(uri) for _ in range(CONNECTIONS)))
    plain = await asyncio.gather(*(open_plain(host, port) for _ in range(CONNECTIONS)))
    exchange = Exchange({OURS: ours, PLAIN: [channel for channel, _ in plain]}, count)
    await exchange.take_turns(seconds)
    report = {"wrong": exchange.wrong, "bytes": exchange.bytes, "seconds": exchange.seconds}
    print(json.dumps(report), flush=True)
    for _, writer in plain:
        writer.close()
    await asyncio.gather(*(connection.close() for connection in ours))


async def open_ours(uri: str) -> ClientConnection:
    return await connect(uri, compression=None, open_timeout=60, ping_interval=5, ping_timeout=20)


if __name__ == "__main__":
    kind, seconds, count, uri, port = sys.argv[1:]
    limit = float(seconds) + 300
    event_loops.run(kind, main(float(seconds), int(count), uri, int(port)), limit)
