"""Listens for ever: when the connection ends or cannot be opened, it waits and tries again.

python examples/reconnecting_listener.py ws://localhost:8765
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from typing import TYPE_CHECKING

from aiowebsocket import ConnectError, ConnectionClosedError, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_DELAY = 60.0


def delays() -> Iterator[float]:
    """The waits that RFC 6455 7.2.3 asks for, so that not all clients come back at once."""
    yield random.uniform(0, 5)
    delay = 5.0
    while True:
        yield delay
        delay = min(2 * delay, LONGEST_DELAY)


async def listen(uri: str) -> None:
    waits = delays()
    while True:
        try:
            async with connect(uri) as ws:
                print("connected", flush=True)
                waits = delays()
                async for message in ws:
                    print("<", message, flush=True)
            print("the server has closed the connection", flush=True)
        except (ConnectError, ConnectionClosedError) as error:
            print(error, flush=True)
        await asyncio.sleep(next(waits))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listen(sys.argv[1]))
