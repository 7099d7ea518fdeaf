"""The face for new code: `connect` and `ClientConnection`, in the shape known from `websockets`.

What is called once a message is native (`_core.ClientConnection`); this file adds the rest.
"""

import asyncio
import logging
import os
import sys
import warnings
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _core
from .compression import PerMessageDeflate
from .enumerations import CloseCode, State
from .exceptions import ConnectError, InvalidHandshake, InvalidMessage, InvalidStatus
from .handshake import HeadersLike, Request, Response
from .opening import (
    LOGGER,
    CompressionOption,
    Settings,
    SSLOption,
    header_fields,
    offered_compression,
    open_connection,
    refuse_unavailable,
)

if TYPE_CHECKING:
    import socket
    import uuid

__all__ = ["USER_AGENT", "ClientConnection", "connect", "process_exception"]

Data = str | bytes | bytearray | memoryview

USER_AGENT = "Python/{}.{}.{} aiowebsocket/{}".format(*sys.version_info[:3], _core.__version__)

# "A random delay between 0 and 5 seconds is a reasonable initial delay", then truncated
# exponential backoff (RFC 6455 7.2.3).
_FIRST_DELAY = 5.0
_LONGEST_DELAY = 90.0
_BACKOFF = 1.618


class ClientConnection(_core.ClientConnection):
    """An open WebSocket connection; `connect` makes it.

    `await ws.send(message)`, `await ws.recv()`, `async for message in ws`. Messages that arrived
    are handed out before the end of the connection is. Leaving `async with` closes it.

    Attributes:
        request: The opening handshake's request, as sent (RFC 6455 4.1).
        response: The server's response to it.
        subprotocol: The subprotocol that the server chose, or None.
        local_address: The socket's own address, as the socket module writes it.
        remote_address: The peer's.
        logger: Where frames (DEBUG) and warnings are logged.
    """

    request: Request
    response: Response
    subprotocol: str | None
    local_address: Any
    remote_address: Any
    logger: logging.Logger

    def __init__(self, opened: _core.Opened, settings: Settings) -> None:
        self.request = opened.request
        self.response = opened.response
        self.subprotocol = opened.subprotocol
        self._deflate = opened.deflate
        self._settings = settings
        self.local_address = opened.local_address
        self.remote_address = opened.remote_address
        self.logger = settings.logger
        self._id: uuid.UUID | None = None
        self._turn = asyncio.Lock()

    @property
    def id(self) -> "uuid.UUID":
        """A unique identifier of the connection, for logs."""
        if self._id is None:
            import uuid  # noqa: PLC0415 - the import costs more than opening a connection

            self._id = uuid.uuid4()
        return self._id

    @property
    def state(self) -> State:
        """The state of the connection (RFC 6455 4.1, 7.1.3, 7.1.4)."""
        return State(self._state)

    @property
    def compression(self) -> PerMessageDeflate | None:
        """What was agreed on of permessage-deflate (RFC 7692 7.1); None without compression."""
        if self._deflate is None:
            return None
        options = self._settings.compression
        return PerMessageDeflate(
            server_no_context_takeover=self._deflate[0],
            client_no_context_takeover=self._deflate[1],
            server_max_window_bits=self._deflate[2],
            client_max_window_bits=self._deflate[3],
            level=options.level,
            mem_level=options.mem_level,
            threshold=options.threshold,
        )

    @property
    def latency(self) -> float:
        """Seconds that the last answered ping took for its round trip; 0 before the first."""
        return self._latency

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[str | bytes]:
        """Receive the next message in parts, each as soon as it arrives.

        A part ends where the network or the peer's fragments happened to end, but never within a
        code point of text.

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
            data: Payload of at most 125 bytes; None makes a random one of four bytes.

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
        payload = os.urandom(4) if data is None else _control_payload(data)
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._ping(payload, answered)
        return answered

    async def pong(self, data: str | bytes = b"") -> None:
        """Send a Pong that answers nothing, a one-way heartbeat (RFC 6455 5.5.3).

        Pings of the peer are answered without this.

        Raises:
            ConnectionClosed: When the connection is closed.
            ValueError: If the data is longer than 125 bytes.
        """
        self._pong(_control_payload(data))

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Perform the closing handshake (RFC 6455 7.1.2) and wait until TCP is closed.

        Returns within `close_timeout`, whatever the peer does; then the connection is aborted.
        Does nothing but wait if closing has begun already.

        Args:
            code: Close code: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
            reason: Close reason of at most 123 bytes in UTF-8.

        Raises:
            ValueError: If the code may not be sent or the reason is too long.
        """
        if self._sending_fragments:
            code, reason = CloseCode.INTERNAL_ERROR, "close during fragmented message"
        self._close(code, reason)
        await self.wait_closed()

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
            await self.close(CloseCode.INTERNAL_ERROR)

    async def _send_fragments(
        self, message: object, text: bool | None, compress: bool | None
    ) -> None:
        """Send an iterable's items as the fragments of one message (RFC 6455 5.4)."""
        fragments = _fragments(message)
        async with self._turn:
            self._hold(True)
            try:
                await self._send_each(fragments, text, compress)
            except BaseException:
                if self._sending_fragments:
                    # Half a message has gone, and nothing but its other half could follow.
                    self._close(CloseCode.INTERNAL_ERROR, "error in fragmented message")
                raise
            finally:
                self._hold(False)

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


class connect:  # noqa: N801 - known by this name
    """Open a WebSocket connection: `async with connect(uri) as ws` or `ws = await connect(uri)`.

    `async for ws in connect(uri)` connects again each time the connection has ended, after a
    random delay of 0 to 5 seconds at first, then with truncated exponential backoff
    (RFC 6455 7.2.3).

    Args:
        uri: `ws://` or `wss://`; `http://` and `https://` mean the same. User name and password in
            it are sent as Basic credentials and shown nowhere.
        origin: Value of the Origin header (RFC 6455 10.2); None sends none.
        subprotocols: Subprotocols to offer, in order of preference (RFC 6455 1.9).
        additional_headers: More headers: a mapping, pairs, or `Headers`. One with the name of a
            mandatory header takes its place.
        user_agent_header: Value of the User-Agent header; None sends none.
        ssl: A `TLSConfig`; None and True mean `TLSConfig()` for `wss://`. Certificates are checked.
        server_hostname: Name for TLS to ask for and to check instead of the URI's host.
        open_timeout: Seconds for everything until the connection is open: name, TCP, TLS, opening
            handshake and redirects together; None waits for ever.
        max_redirects: Redirects (301, 302, 303, 307, 308) to follow: 5, more than any honest chain
            of http to https to www to a region needs, each a whole handshake (Fetch's 20 are for
            pages). 0 follows none. TLS is never left again. To another origin (scheme, host and
            port) go only User-Agent, Origin, Accept-Language and the subprotocols: no credentials,
            no cookies, no other header, and no client certificate.
        close_timeout: Seconds for closing altogether, then the connection is aborted.
        max_size: Largest message accepted, in bytes, over all its fragments: 1 MiB, since a
            server may be hostile. A larger one closes the connection with 1009. None is no limit.
        max_buffered: Bytes of received messages that may wait: 4 MiB. Beyond, reading pauses.
        write_limit: Bytes of output that may wait: 32 KiB. Beyond, `send` waits.
        compression: "deflate" offers compression to the server (RFC 7692), as browsers do; a
            `PerMessageDeflate` says how; None offers none. A Sec-WebSocket-Extensions among
            `additional_headers` takes the offer's place.
        ping_interval: Not available yet; only None.
        ping_timeout: Seconds to wait for a pong, once pings are sent.
        sock: A connected socket to use. The connection owns it from then on. A redirect is then
            an error, for it needs another connection.
        logger: Where frames (DEBUG) and warnings are logged; `aiowebsocket` by default.
        process_exception: For `async for`: gets the exception of a failed attempt; returns None
            to try again, or the exception to raise.

    Raises:
        InvalidURI: If the URI is not a WebSocket URI.
        ValueError: If an option cannot be sent or is out of range.
        ConnectError: If the connection cannot be opened: `ResolveError`, `ConnectRefused`,
            `TLSError`, `CertificateError`, `ConnectTimeout`, or an `InvalidHandshake` such as
            `InvalidStatus`, which has the server's response; of that, `RedirectError` where a
            redirect cannot be followed.
    """

    def __init__(
        self,
        uri: str,
        *,
        origin: str | None = None,
        subprotocols: Sequence[str] | None = None,
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None = USER_AGENT,
        ssl: SSLOption = None,
        server_hostname: str | None = None,
        open_timeout: float | None = 10,
        max_redirects: int = 5,
        close_timeout: float | None = 10,
        max_size: int | None = 2**20,
        max_buffered: int = 2**22,
        write_limit: int = 2**15,
        compression: CompressionOption = "deflate",
        ping_interval: float | None = None,
        ping_timeout: float | None = 20,
        sock: "socket.socket | None" = None,
        logger: logging.Logger | None = None,
        process_exception: Callable[[Exception], Exception | None] | None = None,
    ) -> None:
        refuse_unavailable(ping_interval=ping_interval, ping_timeout=ping_timeout)
        if ssl and uri.lower().startswith(("ws:", "http:")):
            raise ValueError(f"ssl={ssl!r} has no meaning without TLS: the URI is not wss://")
        self._uri = uri
        self._compression = offered_compression(compression)
        self._settings = Settings(
            max_size=max_size,
            max_buffered=max_buffered,
            write_limit=write_limit,
            close_timeout=close_timeout,
            compression=self._compression,
            logger=LOGGER if logger is None else logger,
        )
        self._ssl = ssl
        self._server_hostname = server_hostname
        self._subprotocols = subprotocols
        self._open_timeout = open_timeout
        self._max_redirects = max_redirects
        self._headers = header_fields(additional_headers)
        self._defaults: list[tuple[str, str]] = []
        if origin is not None:
            self._defaults.append(("Origin", origin))
        if user_agent_header is not None:
            self._defaults.append(("User-Agent", user_agent_header))
        self._sock = sock
        self._process_exception = process_exception or globals()["process_exception"]
        self._connection: ClientConnection | None = None

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        """Open the connection."""
        return self._open().__await__()

    async def _open(self) -> ClientConnection:
        opened = await open_connection(
            self._uri,
            logger=self._settings.logger,
            ssl=self._ssl,
            server_hostname=self._server_hostname,
            subprotocols=self._subprotocols,
            open_timeout=self._open_timeout,
            compression=self._compression,
            headers=self._headers,
            defaults=self._defaults,
            sock=self._sock,
            max_redirects=self._max_redirects,
        )
        return ClientConnection(opened, self._settings)

    async def __aenter__(self) -> ClientConnection:
        self._connection = await self
        return await self._connection.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            await self._connection.__aexit__(exc_type, exc_value, traceback)

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        delays = _delays()
        while True:
            try:
                connection = await self
            except Exception as exception:
                refusal = self._process_exception(exception)
                if refusal is exception:
                    raise
                if refusal is not None:
                    raise refusal from exception
                delay = next(delays)
                self._settings.logger.info(
                    "connect failed: %s; trying again in %.1f seconds", exception, delay
                )
                await asyncio.sleep(delay)
                continue
            delays = _delays()
            async with connection:
                yield connection


def process_exception(exception: Exception) -> Exception | None:
    """Say whether a failed attempt to connect is to be repeated: None, or the exception to raise.

    Network errors, timeouts, garbage instead of a response, and the statuses 500, 502, 503 and 504
    pass with time; anything else is a mistake that would be repeated for ever.
    """
    if isinstance(exception, InvalidStatus):
        transient = exception.response.status_code in {500, 502, 503, 504}
    elif isinstance(exception, InvalidHandshake):
        transient = isinstance(exception, InvalidMessage)
    else:
        transient = isinstance(exception, ConnectError)
    return None if transient else exception


def _delays() -> Generator[float, None, None]:
    import random  # noqa: PLC0415 - only who connects again pays for the import

    yield random.uniform(0, _FIRST_DELAY)  # noqa: S311 - no secret
    delay = _FIRST_DELAY
    while True:
        yield delay
        delay = min(delay * _BACKOFF, _LONGEST_DELAY)


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


def _control_payload(data: str | bytes) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"the data of a ping or pong is str or bytes-like, not {type(data).__name__}")
