"""The face for new code: `ClientConnection`, in the shape known from `websockets`.

What is called once a message is native (`_core.ClientConnection`); this file adds the rest. It
does not know how a connection is opened.
"""

import asyncio
import logging
import warnings
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from enum import IntEnum
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _core
from .compression import PerMessageDeflate
from .frames import (
    INTERNAL_ERROR,
    LONGEST_REASON,
    NORMAL_CLOSURE,
    PRIVATE_USE,
    REGISTERED,
    SENDABLE,
)
from .messages import Messages, each_message

if TYPE_CHECKING:
    import uuid

    from .handshake import Request, Response

__all__ = ["ClientConnection", "State"]

Data = str | bytes | bytearray | memoryview


class State(IntEnum):
    """The state of a connection (RFC 6455 4.1, 7.1.3, 7.1.4)."""

    CONNECTING, OPEN, CLOSING, CLOSED = 0, 1, 2, 3


class ClientConnection(_core.ClientConnection):
    """An open WebSocket connection; `connect` makes it.

    `await ws.send(message)`, `await ws.recv()`, `async for message in ws`. Messages that arrived
    are handed out before the end of the connection is. Leaving `async with` closes it.

    Attributes:
        logger: Where frames (DEBUG) and warnings are logged.
    """

    logger: logging.Logger

    # What few ask for is made when it is asked for: a connection is opened, and kept, for less.

    def __init__(self, opened: _core.Opened, options: dict[str, Any]) -> None:
        self._opened = opened
        self._deflate = options["deflate"]
        self.logger = options["logger"]

    @cached_property
    def request(self) -> "Request":
        """The opening handshake's request, as sent (RFC 6455 4.1)."""
        return self._opened.request

    @cached_property
    def response(self) -> "Response":
        """The server's response to the opening handshake (RFC 6455 4.2.2)."""
        return self._opened.response

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, or None."""
        return self._opened.subprotocol

    @cached_property
    def local_address(self) -> Any:
        """The socket's own address, as the socket module writes it."""
        return self._opened.local_address

    @cached_property
    def remote_address(self) -> Any:
        """The peer's address, as the socket module writes it."""
        return self._opened.remote_address

    @cached_property
    def id(self) -> "uuid.UUID":
        """A unique identifier of the connection, for logs."""
        import uuid  # noqa: PLC0415 - the import costs more than opening a connection

        return uuid.uuid4()

    @property
    def state(self) -> State:
        """The state of the connection (RFC 6455 4.1, 7.1.3, 7.1.4)."""
        return State(self._state)

    @property
    def compression(self) -> PerMessageDeflate | None:
        """What was agreed on of permessage-deflate (RFC 7692 7.1); None without compression."""
        agreed = self._opened.deflate
        if agreed is None:
            return None
        options = self._deflate
        return PerMessageDeflate(
            server_no_context_takeover=agreed[0],
            client_no_context_takeover=agreed[1],
            server_max_window_bits=agreed[2],
            client_max_window_bits=agreed[3],
            level=options.level,
            mem_level=options.mem_level,
            threshold=options.threshold,
        )

    @property
    def latency(self) -> float:
        """Seconds that the last answered ping took for its round trip; 0 before the first."""
        return self._latency

    def __aiter__(self) -> Messages | AsyncGenerator[str | bytes, None]:
        """Iterate over the messages until the connection is closed in good order.

        By `recv`, if a subclass has one of its own.
        """
        return each_message(self, _core.ClientConnection.recv)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[str | bytes]:
        """Receive the next message in parts, each as soon as it arrives.

        A part is a fragment of the peer's (RFC 6455 5.4) or, where its end has not arrived, what
        has; text is cut between two code points, and an empty fragment gives no part.

        Args:
            decode: As in `recv`.

        Raises:
            ConnectionClosed: When the connection is closed.
            ConcurrencyError: If another coroutine is receiving, or if an earlier iteration was
                left before its message had ended: then only `close` is possible.
        """
        part, ends = await self._recv_chunk(decode, begins=True)
        yield part
        while not ends:
            part, ends = await self._recv_chunk(decode, begins=False)
            if part:
                yield part

    async def ping(self, data: str | bytes | None = None) -> Awaitable[float]:
        """Send a Ping (RFC 6455 5.5.2).

        Args:
            data: Payload of at most 125 bytes; None makes a random one of four
                bytes, which no other ping under way has.

        Returns:
            A future that completes with the latency in seconds when the Pong arrives. It need not
            be awaited::

                pong = await ws.ping()
                latency = await pong

        Raises:
            ConnectionClosed: When the connection is closed.
            ConcurrencyError: If a ping with the same data is waiting for its pong.
            ValueError: If the data is too long.
        """
        payload = None if data is None else _control_payload(data)
        await self._until_its_end_is_known()
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._ping(payload, answered)
        await self._until_turn()
        return answered

    async def pong(self, data: str | bytes = b"") -> None:
        """Send a Pong that answers nothing, a one-way heartbeat (RFC 6455 5.5.3).

        Pings of the peer are answered without this.

        Raises:
            ConnectionClosed: When the connection is closed.
            ValueError: If the data is longer than 125 bytes.
        """
        payload = _control_payload(data)
        await self._until_its_end_is_known()
        self._pong(payload)
        await self._until_turn()

    async def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Perform the closing handshake (RFC 6455 7.1.2) and wait until TCP is closed.

        Returns within `close_timeout`, whatever the peer does; then the connection is aborted.
        Does nothing but wait if closing has begun already.

        Args:
            code: Close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
            reason: Close reason of at most 123 bytes in UTF-8.

        Raises:
            TypeError: If the code is no int or the reason no str.
            ValueError: If the code may not be sent or the reason is too long, whatever the state.
        """
        _check_close(code, reason)
        if self._sending_fragments:
            code, reason = INTERNAL_ERROR, "close during fragmented message"
        self._close(code, reason)
        await self.wait_closed()

    async def _until_its_end_is_known(self) -> None:
        """Wait while the connection is closing: to say then what became of it."""
        if self._state == State.CLOSING:
            await self._until_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        await self._until_closed()

    async def __aenter__(self) -> "ClientConnection":
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None:
            await self.close()
        else:
            await self.close(INTERNAL_ERROR)

    async def _send_fragments(
        self, message: object, text: bool | None, compress: bool | None
    ) -> None:
        """Send an iterable's items as the fragments of one message (RFC 6455 5.4)."""
        fragments = _fragments(message)
        await self._begin_parts()
        try:
            await self._send_each(fragments, text, compress)
        except BaseException:
            if self._sending_fragments:
                # Half a message has gone, and nothing but its other half could follow.
                self._close(INTERNAL_ERROR, "error in fragmented message")
            raise
        finally:
            self._end_parts()

    async def _send_each(
        self, fragments: AsyncIterator[Data], text: bool | None, compress: bool | None
    ) -> None:
        is_str: bool | None = None
        async for fragment in fragments:
            if is_str is None:
                is_str = isinstance(fragment, str)
                text = is_str if text is None else text
            elif isinstance(fragment, str) is not is_str:
                raise TypeError("the fragments of a message are all str or all bytes-like")
            await self._send_fragment(fragment, text, compress, fin=False)
        if is_str is not None:
            await self._send_fragment("" if is_str else b"", text, compress, fin=True)

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        warning = f"unclosed connection {self!r}" if self._state == State.OPEN else None
        self._abandon()
        if warning is not None:
            _warn(warning, ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.name} to {self.remote_address}>"


def _fragments(message: object) -> AsyncIterator[Data]:
    if isinstance(message, AsyncIterable):
        return aiter(message)
    if isinstance(message, Iterable) and not isinstance(message, Mapping):
        return _each(message)
    raise TypeError(
        "a message is str, bytes-like, or an iterable or async iterable of these,"
        f" not {type(message).__name__}"
    )


async def _each(fragments: Iterable[Data]) -> AsyncIterator[Data]:
    for fragment in fragments:
        yield fragment


def _check_close(code: object, reason: object) -> None:
    """Refuse what no Close frame may say, also where none would be sent any more."""
    if isinstance(code, bool) or not isinstance(code, int):
        raise TypeError(f"a close code is an int, not {type(code).__name__}")
    if not isinstance(reason, str):
        raise TypeError(f"a close reason is a str, not {type(reason).__name__}")
    if code not in SENDABLE and not (REGISTERED.start <= code < PRIVATE_USE.stop):
        raise ValueError(
            f"close code {code} may not be sent; use 1000-1003, 1007-1014, or 3000-4999"
        )
    length = len(reason.encode())
    if length > LONGEST_REASON:
        raise ValueError(
            f"a close reason has at most {LONGEST_REASON} bytes of UTF-8, not {length}"
        )


def _control_payload(data: str | bytes) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"the data of a ping or pong is str or bytes-like, not {type(data).__name__}")
