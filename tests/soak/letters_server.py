"""A server on this machine: it echoes letters and looks at each; at /flood it sends for ever.

    python -m soak.letters_server <certificate>

It says where it listens, and for each line of standard input what it has seen so far. Frames are
looked at by the package `websockets`, which fails a connection at the first that is torn.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import random
import ssl
import sys
from dataclasses import asdict, dataclass

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from soak.letters import name

# Such a server is not always quick to read, so that senders have to wait, too.
DAWDLES, AT_MOST = 0.02, 0.02
FLOOD = bytes(500)
TORN = {1002, 1007, 1009}


@dataclass
class Seen:
    """What came from all clients.

    Attributes:
        open: Connections that are open now.
    """

    letters: int = 0
    torn_letters: int = 0
    torn_frames: int = 0
    open: int = 0


async def serve_one(seen: Seen, connection: ServerConnection) -> None:
    """Do what the path says until the end, and see how that is."""
    assert connection.request is not None
    seen.open += 1
    try:
        if connection.request.path == "/flood":
            await flood(connection)
        else:
            await echo(seen, connection)
    except ConnectionClosed as ending:
        seen.torn_frames += ending.sent is not None and ending.sent.code in TORN
    finally:
        seen.open -= 1


async def echo(seen: Seen, connection: ServerConnection) -> None:
    """Take and return letters."""
    async for message in connection:
        seen.letters += 1
        seen.torn_letters += name(message) is None
        await connection.send(message)
        if random.random() < DAWDLES:
            await asyncio.sleep(random.uniform(0, AT_MOST))


async def flood(connection: ServerConnection) -> None:
    """Send without end, but let the others have their turns."""
    while True:
        await connection.send(FLOOD)
        await asyncio.sleep(0)


async def main(certificate: str) -> None:
    # A client that is cancelled while it opens is no news here.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    seen = Seen()
    listen = functools.partial(
        serve,
        functools.partial(serve_one, seen),
        "127.0.0.1",
        0,
        ping_interval=None,
        open_timeout=60,
    )
    async with listen() as ws, listen(ssl=tls) as wss:
        servers = {"ws": ws.sockets, "wss": wss.sockets}
        ports = {name: next(iter(s)).getsockname()[1] for name, s in servers.items()}
        print(json.dumps(ports), flush=True)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(EOFError):
            while await loop.run_in_executor(None, sys.stdin.readline):
                print(json.dumps(asdict(seen)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
