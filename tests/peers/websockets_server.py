"""An echo server made with the package `websockets`. It runs as a process: see process.py."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import ssl
import sys
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from peers.echo_paths import Order, cut, read_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    order = read_path(connection.request.path)
    if order.task == "close":
        await connection.close(order.code, order.reason)
    elif order.task == "count":
        for number in range(order.count):
            await connection.send(str(number))
    else:
        with contextlib.suppress(ConnectionClosed):
            await echo(connection, order)


async def echo(connection: ServerConnection, order: Order) -> None:
    async for message in connection:
        if order.task == "fragments":
            is_text = isinstance(message, str)
            payload = message.encode() if isinstance(message, str) else message
            await connection.send(fragments(connection, payload, order), text=is_text)
        else:
            await connection.send(message)


async def fragments(
    connection: ServerConnection, payload: bytes, order: Order
) -> AsyncIterator[bytes]:
    for piece in cut(payload, order.size):
        if order.ping:
            await connection.ping()
        yield piece


def choose_chat(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return Subprotocol("chat") if "chat" in offered else None


async def main(certificate: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    listen = functools.partial(
        serve, handle, "127.0.0.1", 0, max_size=None, select_subprotocol=choose_chat
    )
    async with listen() as plain, listen(ssl=tls) as secure:
        ports = {"ws": plain, "wss": secure}
        listening = {name: next(iter(s.sockets)).getsockname()[1] for name, s in ports.items()}
        print(json.dumps(listening), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
