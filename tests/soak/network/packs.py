"""Packs of letters, to and fro: what both ends of the storm do.

Knows of a channel only that it sends and receives whole messages.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Protocol

from soak.letters import letter, name

if TYPE_CHECKING:
    import asyncio

LONGEST = 20_000
LENGTH_FIELD = 4


class Channel(Protocol):
    """What letters travel on."""

    async def send(self, message: bytes, /) -> Any: ...

    async def recv(self) -> Any: ...


class PlainChannel:
    """A stream of bytes as a channel: each message after its length."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, message: bytes) -> None:
        self._writer.write(len(message).to_bytes(LENGTH_FIELD, "big") + message)
        await self._writer.drain()

    async def recv(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(LENGTH_FIELD), "big")
        return await self._reader.readexactly(length)


async def send_pack(channel: Channel, pack: int, count: int) -> None:
    """Send so many letters, of sizes that the pack decides."""
    sizes = random.Random(pack)
    for number in range(count):
        await channel.send(letter(pack, number, sizes.randint(1, LONGEST)))


async def take_pack(channel: Channel, pack: int, count: int) -> tuple[int, int]:
    """Take so many letters: how many were wrong, and the bytes of all."""
    wrong = size = 0
    for number in range(count):
        message = await channel.recv()
        wrong += name(message) != (pack, number)
        size += len(message)
    return wrong, size


async def exchange(channel: Channel) -> None:
    """The server's part: a pack of its own for each order, then the client's, and a verdict."""
    while True:
        pack, count = map(int, str(await channel.recv(), "ascii").split())
        await send_pack(channel, pack, count)
        wrong, _ = await take_pack(channel, pack, count)
        await channel.send(str(wrong).encode())


async def ask_for_exchange(channel: Channel, pack: int, count: int) -> tuple[int, int]:
    """The client's part: letters that were wrong, either way, and the bytes of all."""
    await channel.send(f"{pack} {count}".encode())
    wrong, size = await take_pack(channel, pack, count)
    await send_pack(channel, pack, count)
    return wrong + int(await channel.recv()), 2 * size
