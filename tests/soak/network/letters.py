"""Messages that carry their own digest, and how they are sent and taken in numbers.

Knows of a channel only that it sends and receives whole messages.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

LONGEST = 20_000
DIGEST = hashlib.sha256().digest_size
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


def letter(seed: int, number: int) -> bytes:
    """One letter of a pack: its digest, then as many bytes as `seed` and `number` decide."""
    chance = random.Random(f"{seed} {number}")
    body = chance.randbytes(chance.randint(1, LONGEST))
    return digest(seed, number, body) + body


def is_whole(message: object, seed: int, number: int) -> bool:
    """Whether this is that very letter of the pack, as it was sent."""
    if not isinstance(message, bytes):
        return False
    return message[:DIGEST] == digest(seed, number, message[DIGEST:])


def digest(seed: int, number: int, body: bytes) -> bytes:
    return hashlib.sha256(f"{seed} {number} ".encode() + body).digest()


async def send_pack(channel: Channel, seed: int, count: int) -> None:
    """Send so many letters."""
    for number in range(count):
        await channel.send(letter(seed, number))


async def take_pack(channel: Channel, seed: int, count: int) -> tuple[int, int]:
    """Take so many letters: how many were wrong, and the bytes of all."""
    wrong = size = 0
    for number in range(count):
        message = await channel.recv()
        wrong += not is_whole(message, seed, number)
        size += len(message)
    return wrong, size


async def exchange(channel: Channel) -> None:
    """The server's part: a pack of its own for each order, then the client's, and a verdict."""
    while True:
        order = str(await channel.recv(), "ascii").split()
        seed, count = map(int, order)
        await send_pack(channel, seed, count)
        wrong, _ = await take_pack(channel, seed, count)
        await channel.send(str(wrong).encode())


async def ask_for_exchange(channel: Channel, seed: int, count: int) -> tuple[int, int]:
    """The client's part: letters that were wrong, either way, and the bytes of all."""
    await channel.send(f"{seed} {count}".encode())
    wrong, size = await take_pack(channel, seed, count)
    await send_pack(channel, seed, count)
    return wrong + int(await channel.recv()), 2 * size
