"""The engine. Import `aiowebsocket`, not this module: its names may change in any release."""

from asyncio import Future
from collections.abc import AsyncIterable, Awaitable, Coroutine, Generator, Iterable
from types import CodeType, FrameType, TracebackType
from typing import Any, Generic, Literal, TypeAlias, TypeVar, final, overload

from typing_extensions import Buffer, Self, disjoint_base

from .exceptions import ConnectionClosed
from .handshake import Request, Response
from .stats import Stats

_T_co = TypeVar("_T_co", covariant=True)
_Data: TypeAlias = str | Buffer

__all__ = [
    "ClientConnection",
    "Converse",
    "Link",
    "Messages",
    "Opened",
    "Operation",
    "__version__",
    "open_connection",
]

__version__: str

def open_connection(
    uri: str,
    options: dict[str, Any],
    *,
    request_line: str | None = None,
    headers: list[tuple[str, str]] = ...,
    defaults: list[tuple[str, str]] = ...,
    default_origin: bool = False,
) -> Future[Opened]: ...

@final
class Opened:
    @property
    def request(self) -> Request: ...
    @property
    def response(self) -> Response: ...
    @property
    def subprotocol(self) -> str | None: ...
    @property
    def deflate(self) -> tuple[bool, bool, int, int] | None: ...
    @property
    def redirects(self) -> tuple[tuple[int, str], ...]: ...
    @property
    def local_address(self) -> Any: ...
    @property
    def remote_address(self) -> Any: ...

@final
class Operation(Coroutine[Any, Any, _T_co], Generic[_T_co]):
    """What send() and receive() return: awaitable once, like a coroutine."""

    def __await__(self) -> Generator[Any, Any, _T_co]: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Any: ...
    def send(self, value: Any, /) -> Any: ...
    def throw(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any: ...
    def close(self) -> None: ...
    @property
    def cr_await(self) -> Awaitable[Any] | None: ...
    @property
    def cr_code(self) -> CodeType: ...
    @property
    def cr_frame(self) -> FrameType | None: ...
    @property
    def cr_origin(self) -> None: ...
    @property
    def cr_running(self) -> bool: ...
    @property
    def cr_suspended(self) -> bool: ...
    @property
    def __name__(self) -> str: ...
    @property
    def __qualname__(self) -> str: ...

@disjoint_base
class Link:
    """One open connection on the running event loop."""

    @property
    def _state(self) -> int: ...
    @property
    def close_code(self) -> int | None:
        """The close code (RFC 6455 7.1.5): the one received, or 1006; None while open."""
    @property
    def close_reason(self) -> str | None:
        """The close reason (RFC 6455 7.1.6): the one received, or nothing; None while open."""
    @property
    def last_received_at(self) -> float | None:
        """When the message arrived that was handed out last, in seconds of `time.monotonic()`.

        Taken as its last byte was read from the socket, so `time.monotonic() - last_received_at` is
        how long it waited for its receiver. None before the first.
        """
    @property
    def stats(self) -> Stats:
        """The connection's counters, as they are now: a `Stats`."""
    @property
    def _queued(self) -> int: ...
    @property
    def _sending_fragments(self) -> bool: ...
    @property
    def _latency(self) -> float: ...
    def _closed_error(self) -> ConnectionClosed: ...
    def _explain_end(self, detail: str) -> None: ...
    def _ping(self, payload: bytes | None, answered: Future[float]) -> None: ...
    def _pong(self, payload: bytes) -> None: ...
    def _close(self, code: int, reason: str) -> None: ...
    def _until_room(self) -> Operation[None]: ...
    def _until_turn(self) -> Operation[None]: ...
    def _until_closed(self) -> Operation[None]: ...
    def _abandon(self) -> None: ...

class ClientConnection(Link):
    def __new__(cls, opened: Opened, options: dict[str, Any]) -> Self: ...
    async def send(
        self,
        message: _Data | Iterable[_Data] | AsyncIterable[_Data],
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        """Send a message (RFC 6455 5.6).

        A str is sent as TEXT, bytes-like objects as BINARY. An iterable or async iterable of
        these is sent as the fragments of one message; other messages wait meanwhile.

        Returns as soon as the message has been handed to the network or to the output buffer,
        and waits only while that is above `write_limit`. Cancelling it leaves a whole message
        or none on the wire; in the middle of an iterable, it ends the connection with 1011.

        Args:
            message: The message.
            text: True sends TEXT, False BINARY, whatever the type; bytes must then be UTF-8.
            compress: Where compression was agreed on, True and False decide for this message; None
                leaves it to the message's length. Use False for what is compressed already, and for
                secrets beside text that others choose (RFC 7692 8).

        Raises:
            ConnectionClosed: When the connection is closed.
            TypeError: If the message is of another type.
            UnicodeError: If it cannot be text.
        """
    async def send_many(
        self,
        messages: Iterable[_Data],
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        """Send messages, which leave together: in one system call where the network takes them.

        For a batch that is at hand. Waits as `send` does. Cancelling it leaves whole messages on
        the wire, the first of them.

        Args:
            messages: An iterable of str and bytes-like objects, each a message of its own.
            text: As for `send`, for all of them.
            compress: As for `send`, for all of them.

        Raises:
            ConnectionClosed: When the connection is closed.
            TypeError: If one of them is of another type; then none has been sent.
            UnicodeError: If one of them cannot be text; then none has been sent.
        """
    @overload
    async def recv(self, decode: Literal[True]) -> str: ...
    @overload
    async def recv(self, decode: Literal[False]) -> bytes: ...
    @overload
    async def recv(self, decode: bool | None = None) -> str | bytes:
        """Receive the next message.

        Messages that arrived are handed out before the end of the connection is. Cancelling it
        is safe: no message is lost.

        Args:
            decode: None gives TEXT as str and BINARY as bytes; True gives str, False bytes for
                both. With True, BINARY that is not UTF-8 ends the connection with 1007.

        Raises:
            ConnectionClosed: When the connection is closed.
            ConcurrencyError: If another coroutine is receiving.
        """
    def send_threadsafe(
        self,
        message: _Data,
        *,
        text: bool | None = None,
        compress: bool | None = None,
        timeout: float | None = None,
    ) -> None:
        """Send a message from any thread, without an event loop.

        Writes it at once, in the calling thread. Blocks, without holding the interpreter, while the
        output is above `write_limit` or a message in fragments is under way; the loop need not run
        for that to end. Messages of one thread keep their order.

        Args:
            message: A str, sent as TEXT, or a bytes-like object, sent as BINARY.
            text: True sends TEXT, False BINARY, whatever the type; bytes must then be UTF-8.
            compress: As for `send`.
            timeout: Seconds to wait for room at most; None waits for ever.

        Raises:
            ConnectionClosed: When the connection is closed.
            TimeoutError: If there was no room in time; nothing has been sent.
            TypeError: If the message is of another type, or `timeout` is no number.
            UnicodeError: If it cannot be text.
        """
    async def recv_many(self, max: int | None = None) -> list[str | bytes]:  # noqa: A002
        """Receive all messages that have arrived, one at least, as a list.

        For floods: one awaitable for all that one read of the socket has brought. TEXT is str,
        BINARY is bytes. Cancelling it is safe: no message is lost.

        Args:
            max: The most messages to hand out at once; None is no limit but `max_buffered`, which
                bounds what waits.

        Raises:
            ConnectionClosed: When the connection is closed.
            ConcurrencyError: If another coroutine is receiving.
            ValueError: If `max` is less than 1.
        """
    def _recv_chunk(
        self, decode: bool | None, begins: bool
    ) -> Operation[tuple[str | bytes, bool]]: ...
    def _send_fragment(
        self, message: _Data, text: bool | None, compress: bool | None, fin: bool
    ) -> Operation[None]: ...
    def _begin_parts(self) -> Operation[None]: ...
    def _end_parts(self) -> None: ...

class Converse(Link):
    def __new__(cls, opened: Opened, options: dict[str, Any]) -> Self: ...
    async def send(
        self,
        message: _Data,
        fin: bool = True,
        mask: bool = True,
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        """Send a message.

        A str is sent as TEXT; bytes-like objects are sent as TEXT where they are valid UTF-8,
        as the original did, and as BINARY where not.

        Waits only while too much output is waiting for the network. After the end of the
        connection, messages are dropped, with one warning in the log, until `receive` has told
        of the end; from then on they raise.

        Args:
            message: The message.
            fin: False sends a fragment: the next `send` continues the message (RFC 6455 5.4).
            mask: True; a client must mask (RFC 6455 5.1).
            text: True sends TEXT, False BINARY, whatever the type.
            compress: Where compression was agreed on, True and False decide for this message; None
                leaves it to the message's length.

        Raises:
            ConnectionClosed: When the connection is known to be closed.
            TypeError: If the message is neither str nor bytes-like.
            ValueError: If `mask` is False, or `text` is True and the bytes are not UTF-8.
        """
    async def send_many(
        self,
        messages: Iterable[_Data],
        *,
        text: bool | None = None,
        compress: bool | None = None,
    ) -> None:
        """Send messages, which leave together: in one system call where the network takes them.

        Args:
            messages: An iterable of str and bytes-like objects, each a message of its own, sent as
                `send` would.
            text: As for `send`, for all of them.
            compress: As for `send`, for all of them.

        Raises:
            ConnectionClosed: When the connection is known to be closed.
            TypeError: If one of them is neither str nor bytes-like; then none has been sent.
            UnicodeError: If one of them cannot be text; then none has been sent.
        """
    def send_threadsafe(
        self,
        message: _Data,
        *,
        text: bool | None = None,
        compress: bool | None = None,
        timeout: float | None = None,
    ) -> None:
        """Send a message from any thread, without an event loop.

        Writes it at once, in the calling thread. Blocks, without holding the interpreter, while the
        output is full or a message in fragments is under way; the loop need not run meanwhile.

        Args:
            message: A str or bytes-like object, sent as `send` would.
            text: True sends TEXT, False BINARY, whatever the type.
            compress: As for `send`.
            timeout: Seconds to wait for room at most; None waits for ever.

        Raises:
            ConnectionClosed: When the connection is closed.
            TimeoutError: If there was no room in time; nothing has been sent.
            TypeError: If the message is neither str nor bytes-like.
        """
    async def receive(self, text: bool = False, mask: bool = False) -> Any:
        """Receive the next message, as bytes; an empty message is None.

        Pings are answered without this. Several coroutines may receive at once: first come,
        first served. Cancelling it is safe: no message is lost.

        Args:
            text: True gives a str. If a BINARY message is not UTF-8, UnicodeDecodeError is
                raised, which has its bytes, and the connection stays open.
            mask: Accepted and ignored.

        Raises:
            ConnectionClosed: When the connection is closed; it is an asyncio.IncompleteReadError
                and a ConnectionResetError as well. Messages that arrived come first.
        """
    async def receive_many(self, max: int | None = None) -> list[Any]:  # noqa: A002
        """Receive all messages that have arrived, one at least, as a list of bytes.

        For floods: one awaitable for all that one read of the socket has brought. An empty message
        is None. Where several coroutines receive at once, it leaves a message to each of the others
        in line. Cancelling it is safe: no message is lost.

        Args:
            max: The most messages to hand out at once; None is no limit but what has arrived.

        Raises:
            ConnectionClosed: When the connection is closed.
            ValueError: If `max` is less than 1.
        """

@disjoint_base
class Messages:
    def __new__(cls, connection: Link) -> Self: ...
    def __aiter__(self) -> Self: ...
    def __anext__(self) -> Operation[Any]: ...
    def _end(self) -> None: ...
