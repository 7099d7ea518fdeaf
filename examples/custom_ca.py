"""wss with a CA of one's own: a company's, or a test bench's.

python examples/custom_ca.py wss://localhost:8766 ca.pem
"""

from __future__ import annotations

import asyncio
import sys

from aiowebsocket import TLSConfig, connect


async def main(uri: str, ca_file: str) -> None:
    async with connect(uri, ssl=TLSConfig(ca_file=ca_file)) as ws:
        await ws.send("over TLS, by our own CA")
        print(await ws.recv())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
