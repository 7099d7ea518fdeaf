"""An echo server made with `aiohttp`. It runs as a process: see process.py.

aiohttp's server has no way to send a message in fragments, so `/fragments` is not served.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

from aiohttp import WSMsgType, web

from peers.echo_paths import read_path


async def handle(request: web.Request) -> web.WebSocketResponse:
    order = read_path(str(request.rel_url))
    connection = web.WebSocketResponse(max_msg_size=0, protocols=("chat",))
    await connection.prepare(request)
    if order.task == "close":
        await connection.close(code=order.code, message=order.reason.encode())
    elif order.task == "count":
        for number in range(order.count):
            await connection.send_str(str(number))
    elif order.task == "echo":
        await echo(connection)
    return connection


async def echo(connection: web.WebSocketResponse) -> None:
    async for message in connection:
        if message.type is WSMsgType.TEXT:
            await connection.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await connection.send_bytes(message.data)


async def main(certificate: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    application = web.Application()
    application.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    plain, secure = (address[1] for address in runner.addresses)
    print(json.dumps({"ws": plain, "wss": secure}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
