"""The door for new code: `connect`, in the shape known from `websockets`.

It knows how a connection is opened, once or again and again; what it opens is a
`ClientConnection`.
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Generator,
    Sequence,
)
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .addresses import UNIX_URI, located
from .connection import ClientConnection
from .exceptions import (
    ConnectError,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
)
from .opening import open_connection
from .options import CONNECT, USER_AGENT, Face, check_uri

if TYPE_CHECKING:
    import logging
    import os
    import socket

    from .compression import PerMessageDeflate
    from .handshake import HeadersLike
    from .tls import TLSConfig

    LoggerLike = logging.Logger | logging.LoggerAdapter[Any]

__all__ = ["USER_AGENT", "connect", "process_exception", "unix_connect"]

# "A random delay between 0 and 5 seconds is a reasonable initial delay", then truncated
# exponential backoff (RFC 6455 7.2.3).
_FIRST_DELAY = 5.0
_LONGEST_DELAY = 90.0
_BACKOFF = 1.618


class connect:  # noqa: N801 - known by this name
    """Open a WebSocket connection: `async with connect(uri) as ws` or `ws = await connect(uri)`.

    `async for ws in connect(uri)` connects again each time the connection has ended, after a
    random delay of 0 to 5 seconds at first, then with truncated exponential backoff
    (RFC 6455 7.2.3).

    What is said is checked at once: a wrong type or value is refused before a socket is opened.
    Seconds may be int or float; None and whatever is beyond 10**9 (31 years), infinity too, are for
    ever. Bytes and counts are int, and beyond 2**62 no limit.

    Args:
        uri: `ws://` or `wss://`; `http://` and `https://` mean the same. User name and password in
            it are sent as Basic credentials and shown nowhere.
        origin: Value of the Origin header (RFC 6455 10.2); None sends none.
        subprotocols: Subprotocols to offer, in order of preference (RFC 6455 1.9).
        additional_headers: More headers: a mapping, pairs, or `Headers`. Names are str, values str
            or int. One with the name of a mandatory header takes its place.
        user_agent_header: Value of the User-Agent header; None sends none.
        ssl: A `TLSConfig`; None and True mean `TLSConfig()` for `wss://`. Certificates are checked.
        server_hostname: Name for TLS to ask for and to check instead of the URI's host.
        host: A name or an address to connect to instead of the URI's. Host field and TLS stay the
            URI's, and a redirect to another origin goes where that says.
        port: A port to connect to instead of the URI's.
        local_addr: The IP address and port of this machine to connect from; port 0 is any.
        family: `socket.AF_INET` or `socket.AF_INET6`: only such addresses; 0 is both.
        happy_eyeballs_delay: Seconds after which the next address of a name is tried as well
            (RFC 8305 5 recommends 0.25); None: only when the one before has failed.
        interleave: So many addresses of the resolver's favourite family come first, then the
            families alternate (RFC 8305 4); 0 keeps the resolver's order.
        unix: True: a Unix socket, at `path`; see also `unix_connect`.
        path: Its path, or on Linux behind a NUL an abstract name. A URI that is
            `ws+unix:///run/app.sock:/resource` says both.
        proxy: True: the proxy that the environment names for the server, or the system; see
            docs/proxies.md. The URL of one: to every server, `http://`, `https://`, `socks4://`,
            `socks4a://`, `socks5://` or `socks5h://`, with user name and password if it wants them.
            None: no proxy.
        proxy_ssl: A `TLSConfig` for a proxy that is `https://`.
        proxy_server_hostname: Name for TLS to ask for and to check instead of the proxy's host.
        proxy_headers: Headers that only the proxy gets, which has to be `http://` or `https://`.
        open_timeout: Seconds for everything until the connection is open: name, proxy, TCP, TLS,
            opening handshake and redirects together; None waits for ever.
        max_redirects: Redirects (301, 302, 303, 307, 308) to follow: 5, more than any honest chain
            of http to https to www to a region needs, each a whole handshake (Fetch's 20 are for
            pages). 0 follows none. TLS is never left again. To another origin (scheme, host and
            port) go only User-Agent, Origin, Accept-Language and the subprotocols: no credentials,
            no cookies, no other header, and no client certificate.
        close_timeout: Seconds for closing altogether, then the connection is aborted. A server has
            2 of them after the second Close to end TCP first (RFC 6455 7.1.1); then we end our own.
        max_size: Largest message accepted, in bytes, over all its fragments: 1 MiB, since a
            server may be hostile. A larger one closes the connection with 1009. None is no limit.
        max_buffered: Bytes of received messages that may wait: 4 MiB.
        overflow: What happens when more would wait. "block": reading pauses, so nothing is lost and
            the server is slowed down; while it pauses, no pong is expected. "drop_oldest" and
            "drop_newest": messages are dropped, and counted in `stats`. "close": the connection is
            closed with 1008.
        write_limit: Bytes of output that may wait: 32 KiB. Beyond, `send` waits.
        coalesce: True lets the messages that are sent within one iteration of the event loop leave
            together, in one system call at its end: for many small messages at once. False: each
            leaves at once, for it is not known whether another follows.
        busy_poll: Microseconds, 1,000 at most, for which `recv` reads the socket again and again
            before it lets the loop wait for it: for answers that come within them, at the price of
            a busy CPU and of other tasks' turns. 0: the loop waits at once.
        compression: "deflate" offers compression to the server (RFC 7692), as browsers do; a
            `PerMessageDeflate` says how; None offers none. A Sec-WebSocket-Extensions among
            `additional_headers` takes the offer's place.
        ping_interval: Seconds between two pings (RFC 6455 5.5.2), which keep proxies from ending an
            idle connection and find a peer that has vanished: 20, since many proxies wait for 60 or
            30. Sent and timed beside Python, whatever that does. None sends none.
        ping_timeout: Seconds that a pong may take: 20; then the connection is closed with 1011.
            While anything arrives a pong is late, not missing: each arrival gives it as long again,
            up to 10 times `ping_timeout`, or to the end of a long frame. None waits for ever.
        app_stall_timeout: Where the event loop does not run for a second, the engine stands in for
            it: reads within `max_buffered`, answers pings and Close. After so many seconds of that
            it closes the connection with 1001, for a dead application is not to look alive. None,
            the default, is no limit.
        driver: "loop": the event loop watches the socket, which is fastest. "lifeline": the
            engine's own thread does. "auto": the loop where it can, else the engine's thread
            (Windows' proactor loop).
        sock: A connected stream socket to use, TCP or AF_UNIX, without TLS of its own. The engine
            owns it from then on, unless something is refused; each needs one of its own. A redirect
            is then an error, for it needs another connection.
        logger: Where frames (DEBUG) and warnings are logged: a logger or a `LoggerAdapter`;
            `aiowebsocket` by default. What may be secret in the handshake is shown as `***`: values
            of the query, of most headers, and subprotocols that look like tokens.
        process_exception: For `async for`: gets the exception of a failed attempt; returns None
            to try again, or the exception to raise.

    Raises:
        InvalidURI: If the URI is not a WebSocket URI.
        InvalidProxy: If `proxy`, or what the environment names, is not the URL of a proxy.
        TypeError: If an option is of the wrong type.
        ValueError: If an option cannot be sent or is out of range, or `sock` cannot be used.
        ConnectError: If the connection cannot be opened: `ResolveError`, `ConnectRefused`,
            `TLSError`, `CertificateError`, `ConnectTimeout`, or an `InvalidHandshake` such as
            `InvalidStatus`, which has the server's response; of that, `RedirectError` where a
            redirect cannot be followed, and `ProxyError` where a proxy does not lead to the
            server: `InvalidProxyStatus` has its response.
    """

    def __init__(
        self,
        uri: str,
        *,
        origin: str | None = None,
        subprotocols: Sequence[str] | None = None,
        additional_headers: "HeadersLike | None" = None,
        user_agent_header: str | None = USER_AGENT,
        ssl: "TLSConfig | bool | None" = None,
        server_hostname: str | None = None,
        host: str | None = None,
        port: int | None = None,
        local_addr: tuple[str, int] | None = None,
        family: int = 0,
        happy_eyeballs_delay: float | None = 0.25,
        interleave: int = 1,
        unix: bool = False,
        path: "str | bytes | os.PathLike[str] | None" = None,
        proxy: str | bool | None = True,
        proxy_ssl: "TLSConfig | bool | None" = None,
        proxy_server_hostname: str | None = None,
        proxy_headers: "HeadersLike | None" = None,
        open_timeout: float | None = 10,
        max_redirects: int = 5,
        close_timeout: float | None = 10,
        max_size: int | None = 2**20,
        max_buffered: int = 2**22,
        overflow: str = "block",
        write_limit: int = 2**15,
        coalesce: bool = False,
        busy_poll: int = 0,
        compression: "PerMessageDeflate | str | None" = "deflate",
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        app_stall_timeout: float | None = None,
        driver: str = "auto",
        sock: "socket.socket | None" = None,
        logger: "LoggerLike | None" = None,
        process_exception: Callable[[Exception], Exception | None] | None = None,
    ) -> None:
        # What was said, by the names of the signature above.
        options = _FACE.take(locals())
        self._uri, self._options = located(check_uri(uri), options)
        if ssl and self._uri.lower().startswith(("ws:", "http:")):
            raise ValueError(f"ssl={ssl!r} has no meaning without TLS: the URI is not wss://")
        # One may be entered again, within itself and in other tasks: who leaves ends its own.
        self._entered: list[tuple[asyncio.Task[Any] | None, ClientConnection]] = []

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        """Open the connection."""
        return self._open().__await__()

    async def _open(self) -> ClientConnection:
        options = self._options
        by_default = (("Origin", options["origin"]), ("User-Agent", options["user_agent_header"]))
        opened = await open_connection(
            self._uri,
            options,
            headers=options["additional_headers"],
            defaults=[(name, value) for name, value in by_default if value is not None],
        )
        return ClientConnection(opened, options)

    async def __aenter__(self) -> ClientConnection:
        connection = await self
        self._entered.append((asyncio.current_task(), connection))
        return connection

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._left().__aexit__(exc_type, exc_value, traceback)

    def _left(self) -> ClientConnection:
        """Give the connection that is being left: the last one that this task has entered."""
        if not self._entered:
            raise RuntimeError("connect: `async with` is left, but has not been entered")
        task = asyncio.current_task()
        entered = [place for place, (who, _) in enumerate(self._entered) if who is task]
        # Who enters in one task and leaves in another means the last of all.
        return self._entered.pop(entered[-1] if entered else -1)[1]

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        delays = _delays()
        while True:
            try:
                connection = await self
            except Exception as exception:
                refusal = (self._options["process_exception"] or process_exception)(exception)
                if refusal is exception:
                    raise
                if refusal is not None:
                    raise refusal from exception
                delay = next(delays)
                self._options["logger"].info(
                    "connect failed: %s; trying again in %.1f seconds", exception, delay
                )
                await asyncio.sleep(delay)
                continue
            delays = _delays()
            async with connection:
                yield connection


_FACE = Face(CONNECT, connect.__init__)


def unix_connect(
    path: "str | bytes | os.PathLike[str]", uri: str | None = None, **options: Any
) -> connect:
    """Open a WebSocket connection on a Unix socket; all else is as with `connect`.

    Args:
        path: The path of the socket, or on Linux behind a NUL an abstract name.
        uri: What is asked for: `ws://localhost/` unless another is given, or `wss://localhost/`
            with `ssl`.
        options: Those of `connect`.
    """
    if uri is None:
        uri = UNIX_URI[bool(options.get("ssl"))]
    return connect(uri, unix=True, path=path, **options)


def process_exception(exception: Exception) -> Exception | None:
    """Say whether a failed attempt to connect is to be repeated: None, or the exception to raise.

    Network errors, timeouts, garbage instead of a response, and the statuses 500, 502, 503 and 504,
    a proxy's too, pass with time; anything else is a mistake that would be repeated for ever.
    """
    if isinstance(exception, InvalidStatus | InvalidProxyStatus):
        transient = exception.response.status_code in {500, 502, 503, 504}
    elif isinstance(exception, InvalidHandshake):
        transient = isinstance(exception, InvalidMessage | InvalidProxyMessage)
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
