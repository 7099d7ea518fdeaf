"""The server on the far host: echoes numbers, and sends and takes letters.

    python -m soak.network.server <address> <certificate>

It says where it listens, {"ws": port, "wss": port, "tls": port}, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import ssl
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .packs import PlainChannel, exchange


async def answer(connection: ServerConnection) -> None:
    """Do on a WebSocket connection what its path says."""
    assert connection.request is not None
    with contextlib.suppress(ConnectionClosed):
        if connection.request.path == "/letters":
            await exchange(connection)
        else:
            async for message in connection:
                await connection.send(message)


async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Exchange letters on nothing but TLS."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await exchange(PlainChannel(reader, writer))
    writer.close()


async def main(address: str, certificate: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    # It is the clients' patience that is looked at, so the server has no end of it.
    listen = functools.partial(
        serve, answer, address, 0, compression=None, ping_interval=None, open_timeout=60
    )
    async with (
        listen() as ws,
        listen(ssl=tls) as wss,
        await asyncio.start_server(answer_plainly, address, 0, ssl=tls) as plain,
    ):
        servers = {"ws": ws.sockets, "wss": wss.sockets, "tls": plain.sockets}
        ports = {name: next(iter(s)).getsockname()[1] for name, s in servers.items()}
        print(json.dumps(ports), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
