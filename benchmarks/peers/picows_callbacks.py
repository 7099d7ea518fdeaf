"""picows by its native API: callbacks, no coroutine between the socket and the user."""

from __future__ import annotations

import asyncio
from typing import cast

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

NAME = "picows callbacks"
PACKAGE = "picows"


class Client(WSListener):
    """Echo and flood inside `on_ws_frame`; only the end of a job wakes a coroutine."""

    transport: WSTransport
    done: asyncio.Future[None]
    payload: bytes | None
    left: int

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keeps what sends."""
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Makes bytes of the message, like every other peer, and asks for the next.

        It need not ask for the type: the only other frame is the Close, when nothing is left.
        """
        frame.get_payload_as_bytes()
        self.left -= 1
        if self.left == 0:
            self.done.set_result(None)
        elif self.payload is not None:
            transport.send(WSMsgType.BINARY, self.payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        """A connection lost in the middle of a job must not wait for ever."""
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server has gone"))

    async def echo(self, payload: bytes, count: int) -> None:
        """One message at a time, there and back."""
        self.payload = payload
        await self._start(payload, count)

    async def flood(self, count: int) -> None:
        """Asks once, receives `count` messages."""
        self.payload = None
        await self._start(b"go", count)

    async def close(self) -> None:
        """Says goodbye."""
        self.transport.send_close()
        await self.transport.wait_disconnected()

    async def _start(self, first: bytes, count: int) -> None:
        self.left = count
        self.done = asyncio.get_running_loop().create_future()
        self.transport.send(WSMsgType.BINARY, first)
        await self.done


async def open_client(uri: str) -> Client:
    """A connection that does nothing but what is measured."""
    _, client = await ws_connect(Client, uri)
    return cast("Client", client)
