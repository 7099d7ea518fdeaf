"""Each face of the package as the echo client that the testsuite talks to.

The whole program of a tester: what arrives goes back, until the connection has ended. Knows the
public names of the package and nothing of servers and results.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import aiowebsocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_SIZE = 2**24  # the largest message of section 9
DEFLATE_SECTIONS = ("12", "13")
# `receive` gives bytes for TEXT and BINARY alike, so who echoes has to know what was agreed.
BINARY = ("1.2.", "9.2.", "9.4.", "9.6.", "9.8.", "12.2.", "12.3.", "12.5.")


async def echo_by_connect(uri: str, case: str, tls: aiowebsocket.TLSConfig | None) -> None:
    """The face for new code."""
    with contextlib.suppress(aiowebsocket.ConnectionClosed):
        async with aiowebsocket.connect(uri, ssl=tls, **_options(case)) as ws:
            async for message in ws:
                await ws.send(message)


async def echo_by_converse(uri: str, case: str, tls: aiowebsocket.TLSConfig | None) -> None:
    """The original's face."""
    text = not case.startswith(BINARY)
    with contextlib.suppress(aiowebsocket.ConnectionClosed):
        async with aiowebsocket.AioWebSocket(uri, ssl=tls, **_options(case)) as aws:
            converse = aws.manipulator
            while True:
                message = await converse.receive()
                await converse.send(message or b"", text=text)


FACES: dict[str, Callable[[str, str, aiowebsocket.TLSConfig | None], Awaitable[None]]] = {
    "connect": echo_by_connect,
    "AioWebSocket": echo_by_converse,
}


def _options(case: str) -> dict[str, Any]:
    deflate = case.partition(".")[0] in DEFLATE_SECTIONS
    return {"max_size": MAX_SIZE, "compression": "deflate" if deflate else None}
