"""A floor: an asyncio.Protocol that cuts frames and nothing else, to show what the loop costs.

It checks nothing, masks with zeros, and knows neither fragments nor pings: no client to use.
"""

from __future__ import annotations

import asyncio
import os
import struct
from base64 import b64encode
from time import perf_counter
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from . import JOBS, Peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust

FIN_TEXT, FIN_BINARY, FIN_CLOSE = 0x81, 0x82, 0x88
NO_MASK = bytes(4)


class Client(asyncio.Protocol):
    """Jobs inside `data_received`; only the end of a job wakes a coroutine."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.buffer = b""
        self.left = 1
        self.again = b""
        self.times: list[float] = []
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[bytes] = self.loop.create_future()
        self.writable = asyncio.Event()
        self.writable.set()
        self.take = self._head

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks to be upgraded."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not its children
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Hands on what has come since the last whole frame."""
        self.take(self.buffer + data if self.buffer else data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """A connection lost in the middle of a job must not wait for ever."""
        self.writable.set()
        if not self.done.done():
            self.done.set_result(b"")

    def pause_writing(self) -> None:
        """The transport has enough to write."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """It can take more."""
        self.writable.set()

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        self.times, self.again = [], frame(FIN_BINARY, payload)
        await self._start(self.again, count)
        return self.times

    async def flood(self, count: int, text: bool) -> bytes | str:
        """Asks once, receives `count` messages; a text is not made into a str but at the end."""
        self.again = b""
        last = await self._start(frame(FIN_TEXT, b"go"), count)
        return last.decode() if text else last

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other while the transport takes them."""
        self.again, self.left, self.done = b"", 1, self.loop.create_future()
        write, writable = self.transport.write, self.writable
        for message in messages:
            assert isinstance(message, bytes)
            write(frame(FIN_BINARY, message))
            if not writable.is_set():
                await writable.wait()
        return int(await self.done)

    async def close(self) -> None:
        """Says goodbye and waits for the end of the stream."""
        self.left, self.done = 0, self.loop.create_future()
        self.transport.write(frame(FIN_CLOSE, b""))
        await self.done
        self.transport.close()

    async def _start(self, first: bytes, count: int) -> bytes:
        self.left, self.done = count, self.loop.create_future()
        self.transport.write(first)
        return await self.done

    def _head(self, data: bytes) -> None:
        head, end, self.buffer = data.partition(b"\r\n\r\n")
        if end:
            self.take = self._frames
            self.done.set_result(head)
        else:
            self.buffer = data

    def _frames(self, data: bytes) -> None:
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin = data[at + 1], at + 2
            if length == 126 and size - at >= 4:
                length, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127 and size - at >= 10:
                length, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            elif length >= 126:
                break
            if size - begin < length:
                break
            at = begin + length
            self._message(data[begin:at])
        self.buffer = data[at:]

    def _message(self, payload: bytes) -> None:
        if self.again:
            self.times.append(perf_counter())
        self.left -= 1
        if self.left == 0:
            self.done.set_result(payload)
        elif self.again and self.left > 0:
            self.transport.write(self.again)


def frame(first: int, payload: bytes) -> bytes:
    """One frame, with a mask that changes nothing."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, 0x80 | size) + NO_MASK + payload
    if size < 2**16:
        return struct.pack("!BBH", first, 0x80 | 126, size) + NO_MASK + payload
    return struct.pack("!BBQ", first, 0x80 | 127, size) + NO_MASK + payload


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection by the shortest request that is one."""
    parts = urlsplit(uri)
    resource = f"{parts.path}?{parts.query}" if parts.query else parts.path
    key = b64encode(os.urandom(16)).decode()
    request = (
        f"GET {resource} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    context = None if trust is None else trust.context
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: Client(request.encode()), parts.hostname or "", parts.port or 0, ssl=context
    )
    await client.done
    return client


PEERS = (
    Peer(
        "bare asyncio.Protocol",
        (),
        "",
        open_client,
        role="floor",
        jobs=JOBS - {"import"},
        never_resumes="asyncio resumes no TLS session",
    ),
)
