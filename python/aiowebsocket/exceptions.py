"""Every exception of the package, sorted by guilt: the peer, the network, or the caller.

Each class is also what existing scripts catch: an OSError where asyncio raised one, a ValueError
for a bad URI. Messages are written by whoever raises; nothing here knows a frame or a socket.
"""

# An OSError given two arguments takes the first for errno and changes its text, so none here ever
# hands its base more than one. What a constructor got stays in `args`, for pickle and copy.

# ruff: noqa: N818 - the names are those that people know from the original and from websockets.

import asyncio
import socket
import ssl
import sys
from typing import TYPE_CHECKING, Any

from .frames import ABNORMAL_CLOSURE, MESSAGE_TOO_BIG, PROTOCOL_ERROR
from .redaction import shown_uri, without_credentials

if TYPE_CHECKING:
    from .frames import Close
    from .handshake import Response

__all__ = [
    "AioWebSocketError",
    "CertificateError",
    "ConcurrencyError",
    "ConnectError",
    "ConnectRefused",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "EngineError",
    "FrameError",
    "HandShakeError",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidMessage",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidProxyStatus",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "RedirectError",
    "ResolveError",
    "TLSError",
    "WebSocketException",
]


class AioWebSocketError(Exception):
    """Base of every exception this package raises on its own account."""


WebSocketException = AioWebSocketError


class InvalidURI(AioWebSocketError, ValueError):
    """Raised before any I/O when a URI is not a valid WebSocket URI (RFC 6455 3).

    Attributes:
        uri: The URI as given, its user name and password replaced by `***`. The message shows `***`
            for the values of the query, the fragment, and what else may be secret, too.
        msg: What is wrong with it.
    """

    def __init__(self, uri: str, msg: str) -> None:
        self.uri = without_credentials(uri)
        self.msg = msg
        super().__init__(self.uri, msg)

    def __str__(self) -> str:
        return f"{_printable(shown_uri(self.uri))} isn't a valid URI: {self.msg}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown_uri(self.uri)!r}, {self.msg!r})"


class InvalidProxy(AioWebSocketError, ValueError):
    """Raised before any I/O when what is to be a proxy is not the URL of one.

    Attributes:
        proxy: The URL as given, its user name and password replaced by `***`.
        msg: What is wrong with it.
    """

    def __init__(self, proxy: str, msg: str) -> None:
        self.proxy = without_credentials(proxy)
        self.msg = msg
        super().__init__(self.proxy, msg)

    def __str__(self) -> str:
        return f"{_printable(shown_uri(self.proxy))} isn't a valid proxy: {self.msg}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown_uri(self.proxy)!r}, {self.msg!r})"


class ConnectError(AioWebSocketError, ConnectionError):
    """Base of everything that can go wrong between a valid URI and an open connection.

    Raised itself for a network failure that has no class of its own, such as an unreachable
    network or a connection reset during the opening handshake (RFC 6455 4.1).

    Attributes:
        errno: The operating system's error number, None where there is none.
        strerror: The message.
        redirects: The redirects that had been followed by then, in order: status and URI of each.
    """

    redirects: tuple[tuple[int, str], ...] = ()

    def __init__(self, message: str = "", *, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno
        self.strerror = message

    def __str__(self) -> str:
        # OSError's own text would be "[Errno 111] ...".
        return self.strerror or ""

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError keeps these two outside `__dict__`, so that pickle and copy would lose them.
        kept = {"errno": self.errno, "strerror": self.strerror}
        return type(self), self.args, {**vars(self), **kept}


class ConnectRefused(ConnectError, ConnectionRefusedError):
    """Raised when every address of the host refused the TCP connection; errno is ECONNREFUSED."""


class ResolveError(ConnectError, socket.gaierror):
    """Raised when the host name has no address; errno is one of `socket.EAI_*`."""


class TLSError(ConnectError, ssl.SSLError):
    """Raised when the TLS handshake fails (RFC 6455 4.1 step 5).

    Attributes:
        library: The TLS implementation, where `ssl.SSLError` says "SSL".
        reason: The message.
    """

    def __init__(self, message: str = "", *, errno: int | None = None) -> None:
        super().__init__(message, errno=errno)
        self.library = "rustls"
        self.reason = message


class CertificateError(TLSError, ssl.SSLCertVerificationError):
    """Raised when the server's certificate or host name cannot be verified (RFC 6455 10.6).

    Attributes:
        verify_code: Always 1, OpenSSL's number for an unspecified verification failure.
        verify_message: The message.
    """

    def __init__(self, message: str = "", *, errno: int | None = None) -> None:
        super().__init__(message, errno=errno)
        self.verify_code = 1
        self.verify_message = message


if sys.version_info >= (3, 11):
    _Timeout = TimeoutError
else:

    class _Timeout(TimeoutError, asyncio.TimeoutError):
        """Both of Python 3.10's timeout errors; one and the same since 3.11."""


class ConnectTimeout(ConnectError, _Timeout):
    """Raised when the connection was not open within the timeout.

    One deadline covers it all: name lookup, proxy, TCP, TLS and the opening handshake.
    """


class InvalidHandshake(ConnectError):
    """Base of the ways in which a server's opening handshake can be wrong (RFC 6455 4.1)."""


HandShakeError = InvalidHandshake


class InvalidMessage(InvalidHandshake):
    """Raised when what the server sent is not an HTTP/1.1 response, or its head is too big.

    Also when the connection ended before the response was complete. (RFC 6455 4.2.2, RFC 9112)
    """


class InvalidStatus(InvalidHandshake):
    """Raised when the server answers with another status than 101 (RFC 6455 4.1).

    Attributes:
        response: The server's response: status, headers and the start of its body.
    """

    def __init__(
        self, response: "Response", *, message: str | None = None, errno: int | None = None
    ) -> None:
        if message is None:
            message = f"server rejected WebSocket connection: HTTP {response.status_code:d}"
        super().__init__(message, errno=errno)
        self.args = (response,)
        self.response = response


class RedirectError(InvalidStatus):
    """Raised when the server redirects and `connect` cannot follow (RFC 6455 4.1, RFC 9110 15.4).

    The message says why: too many redirects, from TLS to a URI without it, a Location that is
    missing or not a WebSocket URI, or a socket that was handed in.
    """


class InvalidHeader(InvalidHandshake):
    """Raised when a header field of the response is missing or has a wrong value (RFC 6455 4.1).

    Attributes:
        name: Name of the header field.
        value: Its value, None where the field is missing.
    """

    def __init__(
        self,
        name: str,
        value: str | None = None,
        *,
        message: str | None = None,
        errno: int | None = None,
    ) -> None:
        super().__init__(_header_fault(name, value) if message is None else message, errno=errno)
        self.args = (name, value)
        self.name = name
        self.value = value


class InvalidUpgrade(InvalidHeader):
    """Raised when Upgrade or Connection do not switch to WebSocket (RFC 6455 4.1, 2. and 3.)."""


class NegotiationError(InvalidHandshake):
    """Raised when the server chose an extension or subprotocol that was not offered.

    Also when its choice has parameters that the offer does not allow. (RFC 6455 4.1, 9.1; RFC 7692)
    """


class ProxyError(InvalidHandshake):
    """Raised when a proxy does not lead to the server.

    Raised itself for a SOCKS proxy, whose refusal the message says in words (RFC 1928 6).
    """


class InvalidProxyMessage(ProxyError):
    """Raised when what an HTTP proxy sent is not an HTTP/1.1 response, or its head is too big.

    Also when the connection ended before the response was complete. (RFC 9110 9.3.6, RFC 9112)
    """


class InvalidProxyStatus(ProxyError):
    """Raised when an HTTP proxy refuses: its answer to CONNECT is not 2xx (RFC 9110 9.3.6).

    Attributes:
        response: The proxy's response: status, headers and the start of its body.
    """

    def __init__(
        self, response: "Response", *, message: str | None = None, errno: int | None = None
    ) -> None:
        if message is None:
            message = f"proxy rejected connection: HTTP {response.status_code:d}"
        super().__init__(message, errno=errno)
        self.args = (response,)
        self.response = response


class ConnectionClosed(AioWebSocketError, asyncio.IncompleteReadError, ConnectionResetError):
    """Base of the two ways a connection ends; raised by receive() and send() afterwards.

    Messages that arrived before the end are handed out first (RFC 6455 7.1.4 to 7.1.6).

    Attributes:
        rcvd: Code and reason of the Close frame received, None if none was.
        sent: Code and reason of the Close frame sent, None if none was.
        rcvd_then_sent: Which of the two came first; None unless there are both.
        detail: One more sentence for the message, or None.
        partial: Always `b""`: a message is handed out whole or not at all.
        expected: Always None.
    """

    def __init__(
        self,
        rcvd: "Close | None" = None,
        sent: "Close | None" = None,
        rcvd_then_sent: bool | None = None,
        *,
        detail: str | None = None,
    ) -> None:
        # Past IncompleteReadError's constructor, which would write a message of its own.
        self.args = (rcvd, sent, rcvd_then_sent)
        self.rcvd = rcvd
        self.sent = sent
        self.rcvd_then_sent = rcvd_then_sent
        self.detail = detail
        self.partial = b""
        self.expected = None

    @property
    def code(self) -> int:
        """The connection's close code: the one received, or 1006 (RFC 6455 7.1.5)."""
        return ABNORMAL_CLOSURE if self.rcvd is None else self.rcvd.code

    @property
    def reason(self) -> str:
        """The connection's close reason: the one received, or nothing (RFC 6455 7.1.6)."""
        return "" if self.rcvd is None else self.rcvd.reason

    def __str__(self) -> str:
        course = self._course()
        return course if self.detail is None else f"{course}. {self.detail}"

    def __reduce__(self) -> tuple[Any, ...]:
        # IncompleteReadError's would call the constructor with (partial, expected).
        return type(self), self.args, vars(self)

    def _course(self) -> str:
        if self.rcvd is None:
            if self.sent is None:
                return "no close frame received or sent"
            return f"sent {self.sent}; no close frame received"
        if self.sent is None:
            return f"received {self.rcvd}; no close frame sent"
        if self.rcvd_then_sent:
            return f"received {self.rcvd}; then sent {self.sent}"
        return f"sent {self.sent}; then received {self.rcvd}"


class ConnectionClosedOK(ConnectionClosed):
    """The connection ended properly: both Close frames, with code 1000, 1001 or none."""


class ConnectionClosedError(ConnectionClosed):
    """The connection ended otherwise: another code, or no complete closing handshake.

    When the peer broke the protocol, `__cause__` is the ProtocolError.
    """


class ProtocolError(AioWebSocketError):
    """The peer broke the protocol; the `__cause__` of ConnectionClosedError (RFC 6455 7.1.7).

    Attributes:
        code: The close code with which the connection was failed: 1002, or 1007 for data that
            does not fit its type.
    """

    def __init__(self, message: str = "", *, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.code = code


FrameError = ProtocolError


class PayloadTooBig(ProtocolError):
    """A message was bigger than `max_size` allows; its `code` is 1009 (RFC 6455 7.4.1, 10.4)."""

    def __init__(self, message: str = "", *, code: int = MESSAGE_TOO_BIG) -> None:
        super().__init__(message, code=code)


class ConcurrencyError(AioWebSocketError, RuntimeError):
    """Raised when the caller uses a connection in two ways that exclude each other at once."""


class EngineError(AioWebSocketError, RuntimeError):
    """Raised when the engine has a bug; the connection has failed with it.

    The message says what went wrong where. Please report it.
    """


def _header_fault(name: str, value: str | None) -> str:
    if value is None:
        return f"missing {name} header"
    if value == "":
        return f"empty {name} header"
    return f"invalid {name} header: {value}"


def _printable(text: str) -> str:
    # An error is often logged, and a line break in it would forge a second log line.
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
