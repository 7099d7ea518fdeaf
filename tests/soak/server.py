"""A server made with `websockets`, as a process, that pings if it is told to.

    python -m soak.server CERTIFICATE [--ping-interval SECONDS --ping-timeout SECONDS]

It echoes, but answers "flood" on `/flood?count=N&size=N` with so many messages of that size, as
fast as they are taken and each with its number in front. The contract is that of peers/process.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from peers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

A_TURN = 16
TESTS = Path(__file__).parents[1]


@contextlib.contextmanager
def running(
    certificate: Path, *, ping_interval: float | None = None, ping_timeout: float | None = None
) -> Iterator[ServerProcess]:
    """A process that ends when this does."""
    command = [sys.executable, "-m", "soak.server", str(certificate)]
    if ping_interval is not None:
        command += ["--ping-interval", str(ping_interval)]
    if ping_timeout is not None:
        command += ["--ping-timeout", str(ping_timeout)]
    server = ServerProcess(command, environment={"PYTHONPATH": str(TESTS)})
    try:
        yield server
    finally:
        server.stop()


def numbered(number: int, size: int) -> str:
    """A message of a flood."""
    return str(number).ljust(size, ".")


async def handle(connection: ServerConnection) -> None:
    assert connection.request is not None
    parts = urlsplit(connection.request.path)
    query = parse_qs(parts.query)
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            if message == "flood":
                size = int(query["size"][0])
                for number in range(int(query["count"][0])):
                    await connection.send(numbered(number, size))
                    if not number % A_TURN:
                        # A send that need not wait leaves no one else a turn, not even a ping.
                        await asyncio.sleep(0)
            else:
                await connection.send(message)


async def main() -> None:
    parser = argparse.ArgumentParser(prog="soak.server")
    parser.add_argument("certificate")
    parser.add_argument("--ping-interval", type=float)
    parser.add_argument("--ping-timeout", type=float)
    options = parser.parse_args()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(options.certificate)
    listen = functools.partial(
        serve,
        handle,
        "127.0.0.1",
        0,
        compression=None,
        ping_interval=options.ping_interval,
        ping_timeout=options.ping_timeout,
    )
    async with listen() as plain, listen(ssl=tls) as secure:
        ports = {"ws": plain, "wss": secure}
        listening = {name: next(iter(s.sockets)).getsockname()[1] for name, s in ports.items()}
        print(json.dumps(listening), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
