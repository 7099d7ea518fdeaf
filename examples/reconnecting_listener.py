"""Listens for ever: when the connection ends or cannot be opened, it waits and tries again.

python examples/reconnecting_listener.py ws://localhost:8765
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

from aiowebsocket import AioWebSocketError, connect

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0


async def listen(uri: str) -> None:
    wait = FIRST_WAIT
    while True:
        try:
            async with connect(uri) as ws:
                print("connected", flush=True)
                wait = FIRST_WAIT
                async for message in ws:
                    print("<", message, flush=True)
            print("the server has closed the connection", flush=True)
        except AioWebSocketError as error:
            print(error, flush=True)
        # Not all clients of a server that comes back may knock in the same moment.
        await asyncio.sleep(wait * random.uniform(0.5, 1.5))
        wait = min(2 * wait, LONGEST_WAIT)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listen(sys.argv[1]))
