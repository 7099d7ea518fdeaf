"""picows by its native API: callbacks, no coroutine between the socket and the user.

On aiofastnet's transports, as it does by itself where that is installed, and on the loop's own.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from . import Peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import Trust


class Client(WSListener):
    """Jobs inside `on_ws_frame`, a class each; only the end of a job wakes a coroutine.

    It need not ask for the type: the only other frame is the Close, which comes after the job.
    """

    transport: WSTransport
    done: asyncio.Future[bytes | str] | None = None
    left = 1
    paused: asyncio.Future[None] | None = None
    times: list[float]
    payload = b""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keeps what sends."""
        self.transport = transport
        self.times = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
        """A sink's answer."""
        self._end(frame.get_payload_as_utf8_text())

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """A connection lost in the middle of a job must not wait for ever."""
        for future in (self.paused, self.done):
            if future is not None and not future.done():
                future.set_exception(ConnectionError("the server has gone"))

    def pause_writing(self) -> None:
        """The transport has enough to write."""
        self.paused = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """It can take more."""
        if self.paused is not None:
            self.paused.set_result(None)
        self.paused = None

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        self.times, self.payload = [], payload
        await self._start(payload, count)
        return self.times

    async def flood(self, count: int, text: bool) -> bytes | str:  # noqa: ARG002
        """Asks once, receives `count` messages."""
        return await self._start(b"go", count)

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other while the transport takes them."""
        self.done = asyncio.get_running_loop().create_future()
        send = self.transport.send
        for message in messages:
            send(WSMsgType.BINARY, message)
            if self.paused is not None:
                await self.paused
        return int(await self.done)

    async def close(self) -> None:
        """Says goodbye."""
        self.transport.send_close()
        await self.transport.wait_disconnected()

    async def _start(self, first: bytes, count: int) -> bytes | str:
        self.left = count
        self.done = asyncio.get_running_loop().create_future()
        self.transport.send(WSMsgType.BINARY, first)
        return await self.done

    def _end(self, message: bytes | str) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_result(message)


class Echo(Client):
    """Answers each message with the next."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Makes bytes of the message, like every other peer, and sends the next."""
        message = frame.get_payload_as_bytes()
        self.times.append(perf_counter())
        self.left -= 1
        if self.left > 0:
            transport.send(WSMsgType.BINARY, self.payload)
        else:
            self._end(message)


class Flood(Client):
    """Receives bytes."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
        """Makes bytes of the message, like every other peer."""
        message = frame.get_payload_as_bytes()
        self.left -= 1
        if not self.left:
            self._end(message)


class TextFlood(Client):
    """Receives text."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002
        """Makes a str of the message, like every other peer."""
        message = frame.get_payload_as_utf8_text()
        self.left -= 1
        if not self.left:
            self._end(message)


async def open_client(uri: str, trust: Trust | None, *, aiofastnet: bool) -> Client:
    """A connection that does nothing but what is measured, its listener made for the job."""
    resource = urlsplit(uri)
    flood = TextFlood if "kind=text" in resource.query else Flood
    listener = {"/echo": Echo, "/flood": flood}.get(resource.path, Client)
    context = None if trust is None else trust.context
    _, client = await ws_connect(listener, uri, ssl_context=context, use_aiofastnet=aiofastnet)
    return cast("Client", client)


ASYNCIOS = "asyncio's and aiofastnet's transports resume no session"
PEERS = (
    Peer(
        "picows callbacks",
        ("picows",),
        "import picows",
        partial(open_client, aiofastnet=False),
        never_resumes=ASYNCIOS,
    ),
    Peer(
        "picows callbacks, aiofastnet",
        ("picows", "aiofastnet"),
        "import picows, aiofastnet",
        partial(open_client, aiofastnet=True),
        never_resumes=ASYNCIOS,
    ),
)
