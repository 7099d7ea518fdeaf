"""A client that waits: it says when all its connections are open, and then how each one ended.

python -m soak.programs.waiting <kind of loop> <connections a URI> <ping_interval> <URI> ...
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import event_loops
from aiowebsocket import ClientConnection, ConnectionClosed, connect
from soak import descriptors

PATIENCE = 60.0
OPENED_AT_ONCE = 10


async def wait(uris: list[str], interval: float) -> None:
    """Open a connection to each, receive on all, and report every end."""
    # What the process and the loop keep is open before we count.
    await (await connect(uris[0])).close()
    base = descriptors.count()
    turns = asyncio.Semaphore(OPENED_AT_ONCE)

    async def opened(uri: str) -> ClientConnection:
        async with turns:
            return await connect(uri, ping_interval=interval, ping_timeout=interval)

    connections = await asyncio.gather(*(opened(uri) for uri in uris))
    receiving = [asyncio.ensure_future(end(connection)) for connection in connections]
    print(json.dumps(len(connections)), flush=True)
    done, hung = await asyncio.wait(receiving, timeout=PATIENCE)
    left = await descriptors.settled(base, 1.0) - base
    print(json.dumps({"ends": [task.result() for task in done], "hung": len(hung), "left": left}))
    for task in hung:
        task.cancel()


async def end(connection: ClientConnection) -> tuple[float, str]:
    """When and how a connection ended that nothing was received on."""
    try:
        await connection.recv()
    except ConnectionClosed as ending:
        at = time.monotonic()
        await connection.wait_closed()
        sent = ending.sent.code if ending.sent else None
        return at, f"{type(ending).__name__}, sent {sent}, {type(ending.__cause__).__name__}"
    return time.monotonic(), "a message"


if __name__ == "__main__":
    kind, count, interval, *uris = sys.argv[1:]
    event_loops.run(kind, wait(uris * int(count), float(interval)), 3 * PATIENCE)
