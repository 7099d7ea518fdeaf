"""An echo server to try clients against: the `websockets` package's, over ws and over wss.

Its certificate is signed by a throw-away CA, made when it starts; a client trusts it by
SSL_CERT_FILE. It prints two addresses and the CA's file, a line each, and runs until Ctrl-C.

    python examples/demo_server.py --port 8765
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ssl
import tempfile
from pathlib import Path

import trustme
from websockets.asyncio.server import Server, ServerConnection, serve


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


def server_context(ca_file: Path) -> ssl.SSLContext:
    """TLS for `localhost`, by a CA whose certificate goes to `ca_file`."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


def port_of(server: Server) -> int:
    """Which port the system has given."""
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


async def main(ca_file: Path, port: int) -> None:
    context = server_context(ca_file)
    async with (
        serve(echo, "127.0.0.1", port) as plain,
        serve(echo, "127.0.0.1", 0, ssl=context) as encrypted,
    ):
        print(f"ws://localhost:{port_of(plain)}")
        print(f"wss://localhost:{port_of(encrypted)}")
        print(f"SSL_CERT_FILE={ca_file}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        arguments = argparse.ArgumentParser(description="An echo server on ws and wss.")
        arguments.add_argument("--port", type=int, default=0, help="of ws; 0 is any free one")
        arguments.add_argument("--ca-file", type=Path, default=Path(folder, "ca.pem"))
        given = arguments.parse_args()
        asyncio.run(main(given.ca_file, given.port))
