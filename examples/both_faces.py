"""The same echo through both faces, side by side: the original's, and the one for new code.

python examples/both_faces.py ws://localhost:8765
"""

from __future__ import annotations

import asyncio
import sys

from aiowebsocket import AioWebSocket, connect


async def original_face(uri: str) -> None:
    async with AioWebSocket(uri) as aws:
        converse = aws.manipulator
        assert converse is not None
        await converse.send("hello")
        print("AioWebSocket:", await converse.receive())  # bytes, whatever was sent


async def new_face(uri: str) -> None:
    async with connect(uri) as ws:
        await ws.send("hello")
        print("connect:", await ws.recv())  # str for TEXT, bytes for BINARY


async def main(uri: str) -> None:
    await asyncio.gather(original_face(uri), new_face(uri))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
