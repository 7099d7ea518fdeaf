"""The original's face: `AioWebSocket` and its manipulator, `Converse`.

Scripts written for the pure-Python `aiowebsocket` run on it unchanged. What is called once a
message is native (`_core.Converse`); this file adds the rest.
"""

import re
import warnings
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _core
from .frames import NORMAL_CLOSURE
from .handshake import HeadersLike, Response
from .messages import Messages, each_message
from .opening import open_connection
from .options import (
    AIOWEBSOCKET,
    FIXED,
    TIMEOUT,
    Face,
    check_uri,
    header_fields,
)

if TYPE_CHECKING:
    from .compression import PerMessageDeflate
    from .enumerations import ControlFrames, DataFrames, SocketState
    from .parts import parse_uri
    from .streams import HandShake, MessageQueue, Reader, Writer
    from .tls import TLSConfig
else:  # A type checker that saw this would take every name for one of ours.

    def __getattr__(name: str) -> Any:
        if name not in _ALSO_HERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_ALSO_HERE[name]}", __package__), name)


__all__ = [
    "AioWebSocket",
    "ControlFrames",
    "Converse",
    "DataFrames",
    "HandShake",
    "SocketState",
    "parse_uri",
]

# What else scripts took from here: loaded when it is asked for (PEP 562).
_ALSO_HERE = {
    "ControlFrames": "enumerations",
    "DataFrames": "enumerations",
    "HandShake": "streams",
    "SocketState": "enumerations",
    "parse_uri": "parts",
}

_USER_AGENT = f"aiowebsocket/{_core.__version__}"
_REQUEST_LINE = r"[!-~]+ \S.* HTTP/\d\.\d"
# `SocketState.zero` and `.opened`, as the plain numbers that `state` gives.
_ZERO, _OPENED = 0, 1
_LEFT = (
    "It was closed by leaving `async with`; to keep a connection for longer, use"
    " create_connection() and close_connection()"
)


class Converse(_core.Converse):
    """Sends and receives messages on an open connection; `AioWebSocket.manipulator` is one.

    `await converse.send(message)`, `await converse.receive()`, and
    `async for message in converse`, which ends when the connection ends in good order.
    """

    def __init__(self, opened: _core.Opened, _options: dict[str, Any]) -> None:
        self._opened = opened

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, or None."""
        return self._opened.subprotocol

    @cached_property
    def response(self) -> Response:
        """The server's response to the opening handshake (RFC 6455 4.2.2)."""
        return self._opened.response

    @property
    def get_queue_size(self) -> int:
        """How many messages have arrived and wait to be received."""
        return self._queued

    def __aiter__(self) -> Messages | AsyncGenerator[Any, None]:
        """Iterate over the messages until the connection is closed in good order.

        By `receive`, if a subclass has one of its own.
        """
        return each_message(self, _core.Converse.receive)

    @cached_property
    def writer(self) -> "Writer":
        """For old scripts: `drain()`, `close()` and their kin of the original's stream."""
        from .streams import Writer  # noqa: PLC0415 - loaded only for who asks for it

        return Writer(self)

    @cached_property
    def reader(self) -> "Reader":
        """For old scripts: `at_eof()` of the original's stream."""
        from .streams import Reader  # noqa: PLC0415 - loaded only for who asks for it

        return Reader(self)

    @cached_property
    def message_queue(self) -> "MessageQueue":
        """For old scripts: `qsize()` and `empty()` of the original's queue."""
        from .streams import MessageQueue  # noqa: PLC0415 - loaded only for who asks for it

        return MessageQueue(self)

    @property
    def closed(self) -> bool:
        """Whether the connection has ended: nothing more will be received or sent."""
        return self.close_code is not None

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        warning = f"unclosed connection {self!r}" if self._state == _OPENED else None
        self._abandon()
        if warning is not None:
            _warn(warning, ResourceWarning, source=self, stacklevel=2)


class AioWebSocket:
    """A WebSocket client: connects, and closes when `async with` is left.

    ::

        async with AioWebSocket("wss://echo.example.org") as aws:
            converse = aws.manipulator
            await converse.send("hello")
            print(await converse.receive())

    Constructing it does no I/O and needs no event loop. A redirect is not followed: like any other
    refusal it is an `InvalidStatus`.

    Args:
        uri: `ws://` or `wss://`; `http://` and `https://` mean the same.
        headers: The request's header, in place of the one made here: a list of lines ("Name:
            value", the request line may be the first) or a dict. What is missing is added.
        union_header: Headers that replace those of the same name, or are added.
        timeout: Seconds for everything until the connection is open: name, TCP, TLS and opening
            handshake together. 30 by default; None waits for ever.
        read_timeout: Kept for old scripts, without effect: a listener may be idle for longer.
        ssl: None: TLS with `wss://`. True: TLS always. A `TLSConfig`: TLS as it says.
        subprotocols: Subprotocols to offer, in order of preference (RFC 6455 1.9).
        compression: "deflate" or a `PerMessageDeflate` offers compression (RFC 7692). None, like
            the original, offers it only where `headers` or `union_header` do.
        max_size: Largest message accepted, in bytes: 64 MiB, which the original's users will not
            meet and which a hostile server cannot abuse for long. None is no limit.
        close_timeout: Seconds for closing altogether, then the connection is aborted.
        coalesce: True lets the messages that are sent within one iteration of the event loop leave
            together, at its end.
        busy_poll: Microseconds, 1,000 at most, for which `receive` reads the socket itself before
            it lets the loop wait for it, at the price of a busy CPU.
        ping_interval: Seconds between two pings (RFC 6455 5.5.2), sent and timed beside Python,
            whatever that does. None, the default: like the original it sends nothing by itself.
        ping_timeout: Seconds that a pong may take, or 10 times as many while anything arrives; then
            the connection is closed with 1011. None waits for ever.
        app_stall_timeout: Seconds for which the engine stands in for an event loop that does not
            run, before it closes the connection with 1001; None is no limit.
        max_buffered: Bytes of received messages that may wait: 64 MiB, since the original had no
            limit, and scripts send much to a server that echoes before they receive.
        overflow: What happens when more would wait: "block" stops reading, "drop_oldest" and
            "drop_newest" drop, "close" closes with 1008.
        proxy: The URL of a proxy, or True for the one that the environment or the system names; see
            docs/proxies.md. None, the default: like the original it asks nobody.
        proxy_ssl: A `TLSConfig` for a proxy that is `https://`.
        proxy_server_hostname: Name for TLS to ask for and to check instead of the proxy's host.
        proxy_headers: Headers that only the proxy gets.
        driver: Who serves the socket: "loop", "lifeline" (the engine's thread), or "auto".

    Attributes:
        state: 0 not connected, 1 opened, 2 closing, 3 closed (`SocketState`).
        converse: The manipulator; None before the connection is open.
    """

    def __init__(
        self,
        uri: str,
        headers: Sequence[str] | Mapping[str, Any] | None = None,
        union_header: Mapping[str, Any] | None = None,
        timeout: float | None = 30,
        read_timeout: float | None = 120,
        *,
        ssl: "TLSConfig | bool | None" = None,
        subprotocols: Sequence[str] | None = None,
        compression: "PerMessageDeflate | str | None" = None,
        max_size: int | None = 2**26,
        max_buffered: int = 2**26,
        close_timeout: float | None = 10,
        coalesce: bool = False,
        busy_poll: int = 0,
        proxy: str | bool | None = None,
        proxy_ssl: "TLSConfig | bool | None" = None,
        proxy_server_hostname: str | None = None,
        proxy_headers: "HeadersLike | None" = None,
        ping_interval: float | None = None,
        ping_timeout: float | None = 20,
        app_stall_timeout: float | None = None,
        overflow: str = "block",
        driver: str = "auto",
    ) -> None:
        # What was said, by the names of the signature above.
        self._options = _FACE.take(locals())
        TIMEOUT.check("timeout", timeout)
        self.uri = uri
        self.timeout = timeout
        self.read_timeout = read_timeout
        self.headers = [] if headers is None else headers
        self.union_header = {} if union_header is None else union_header
        self.ssl = ssl
        self.subprotocols = None if subprotocols is None else self._options["subprotocols"]
        self.compression = self._options["compression"]
        self.converse: Converse | None = None
        self._connecting = False

    @property
    def state(self) -> int:
        """0 not connected, 1 opened, 2 closing, 3 closed: `SocketState` as plain ints."""
        return _ZERO if self.converse is None else self.converse._state

    @property
    def manipulator(self) -> Any:
        """The `Converse` that sends and receives; None before the connection is open."""
        return self.converse

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self.converse is not None and self.converse.closed

    @property
    def close_code(self) -> int | None:
        """The close code (RFC 6455 7.1.5); None before the end of the connection."""
        return None if self.converse is None else self.converse.close_code

    @property
    def close_reason(self) -> str | None:
        """The close reason (RFC 6455 7.1.6); None before the end of the connection."""
        return None if self.converse is None else self.converse.close_reason

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, or None."""
        return None if self.converse is None else self.converse.subprotocol

    @property
    def response(self) -> Response | None:
        """The server's response to the opening handshake; None before it."""
        return None if self.converse is None else self.converse.response

    async def create_connection(self) -> None:
        """Open the connection. `async with` does this; without it, call `close_connection` later.

        Raises:
            ValueError: If URI or headers cannot be used; nothing has been sent.
            ConnectionError: If it is open or being opened already, or cannot be opened
                (`ConnectError`).
        """
        if self._connecting or (self.converse is not None and not self.converse.closed):
            raise ConnectionError("Connection is already exists.")
        self._connecting = True
        try:
            self.converse = await self._connect()
        finally:
            self._connecting = False

    async def _connect(self) -> Converse:
        request_line, headers = self._request()
        options = self._options | self._changed()
        opened = await open_connection(
            check_uri(self.uri).partition("#")[0],
            options,
            request_line=request_line,
            headers=headers,
            defaults=[] if self.headers else [("User-Agent", _USER_AGENT)],
            default_origin=not self.headers,
        )
        return Converse(opened, options)

    async def close_connection(self) -> None:
        """Perform the closing handshake, bounded by `close_timeout`.

        Does nothing before the connection is open or after it has ended; may be repeated.
        """
        if self.converse is None:
            return
        self.converse._close(NORMAL_CLOSURE, "")
        await self.converse._until_closed()

    async def __aenter__(self) -> "AioWebSocket":
        await self.create_connection()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.converse is not None and not self.converse.closed:
            self.converse._explain_end(_LEFT)
        await self.close_connection()

    def _changed(self) -> dict[str, Any]:
        """Take what may have been changed since it was constructed."""
        again = {name: getattr(self, name) for name in ("ssl", "subprotocols", "compression")}
        taken = {name: AIOWEBSOCKET[name].check(name, value) for name, value in again.items()}
        return taken | {"open_timeout": TIMEOUT.check("timeout", self.timeout)}

    def _request(self) -> tuple[str | None, list[tuple[str, str]]]:
        """Take the caller's header apart: the request line, if given, and the fields."""
        if isinstance(self.headers, Mapping):
            request_line: str | None = None
            fields = header_fields("headers", self.headers)
        else:
            request_line, fields = _parse_lines(self.headers)
        added = header_fields("union_header", self.union_header)
        union = {field[0].lower(): field for field in added}
        replaced = [union.pop(field[0].lower(), field) for field in fields]
        return request_line, [*replaced, *union.values()]


_FACE = Face(AIOWEBSOCKET, AioWebSocket.__init__, **FIXED)

# The original documents' first program spells it so.
AioWebsocket = AioWebSocket


def _parse_lines(lines: Sequence[str]) -> tuple[str | None, list[tuple[str, str]]]:
    # A blank line was how a script made the original send the end of the header.
    if isinstance(lines, str | bytes):
        raise TypeError("headers is a list of lines or a dict, not " + type(lines).__name__)
    for line in lines:
        if not isinstance(line, str):
            raise TypeError(f"a line of headers is {type(line).__name__}, it has to be str")
    lines = [line.rstrip("\r\n") for line in lines]
    lines = [line for line in lines if line]
    request_line = None
    if lines and re.fullmatch(_REQUEST_LINE, lines[0]):
        request_line, *lines = lines
    fields = []
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        if not colon:
            # Not the line itself: it may hold a credential.
            raise ValueError(f"line {number} of headers has no colon")
        fields.append((name, value.strip()))
    return request_line, fields
