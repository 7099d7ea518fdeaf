"""A chat at the keyboard: each line is sent, what comes is printed, and a task keeps the line warm.

python examples/chat_with_heartbeat.py ws://localhost:8765
"""

from __future__ import annotations

import asyncio
import sys

from aiowebsocket.converses import AioWebSocket, Converse

HEARTBEAT = 15.0


async def beat(converse: Converse) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT)
        await converse.send("heartbeat")


async def listen(converse: Converse) -> None:
    async for message in converse:
        print("<", (message or b"").decode())


async def chat(uri: str) -> None:
    async with AioWebSocket(uri) as aws:
        converse = aws.manipulator
        assert converse is not None
        heartbeat = asyncio.create_task(beat(converse))
        listener = asyncio.create_task(listen(converse))
        while line := await asyncio.to_thread(sys.stdin.readline):
            await converse.send(line.rstrip("\n"))
        heartbeat.cancel()
    # What had arrived before the connection was closed is still handed out.
    await listener


if __name__ == "__main__":
    asyncio.run(chat(sys.argv[1]))
