"""wreq: Rust behind pyo3 like ours, but every call goes through threads of tokio's."""

from __future__ import annotations

from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING

import wreq
from wreq import Message

from . import Peer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wreq import WebSocket

    from . import Trust

# Its limits cannot be taken away, only raised.
LIMIT = 2**30


class Client:
    """Every job by `await send` and `await recv`."""

    def __init__(self, connection: WebSocket) -> None:
        self.connection = connection

    async def echo(self, payload: bytes, count: int) -> list[float]:
        """One message at a time, there and back."""
        send, recv = self.connection.send, self.connection.recv
        times = []
        for _ in range(count):
            await send(Message.from_binary(payload))
            payload_of(await recv())
            times.append(perf_counter())
        return times

    async def flood(self, count: int, text: bool) -> bytes | str | memoryview:  # noqa: ARG002
        """Asks once, receives `count` messages."""
        recv = self.connection.recv
        await self.connection.send(Message.from_text("go"))
        message: bytes | str | memoryview = ""
        for _ in range(count):
            message = payload_of(await recv())
        return message

    async def sink(self, messages: Iterable[bytes | str]) -> int:
        """Sends one after the other, receives the count of their bytes."""
        send = self.connection.send
        for message in messages:
            await send(Message.from_binary(message))
        return int(str(payload_of(await self.connection.recv())))

    async def close(self) -> None:
        """Says goodbye."""
        await self.connection.close()


def payload_of(message: Message | None) -> str | memoryview:
    """The message as a program would use it: the bytes are not copied."""
    if message is None:
        raise ConnectionError("the server has gone")
    binary = message.binary
    return (message.text or "") if binary is None else binary


@cache
def session(ca_file: Path | None) -> wreq.Client:
    """One for all connections, as its documentation advises."""
    return fresh_session(ca_file)


def fresh_session(ca_file: Path | None) -> wreq.Client:
    """One that has been nowhere yet."""
    return (
        wreq.Client(no_proxy=True)
        if ca_file is None
        else wreq.Client(no_proxy=True, tls_verify=ca_file)
    )


async def open_client(uri: str, trust: Trust | None) -> Client:
    """A connection that does nothing but what is measured."""
    ca_file = None if trust is None else trust.ca_file
    client = fresh_session(ca_file) if trust is not None and trust.fresh else session(ca_file)
    return Client(await client.websocket(uri, max_message_size=LIMIT, max_frame_size=LIMIT))


PEERS = (Peer("wreq", ("wreq",), "import wreq", open_client),)
