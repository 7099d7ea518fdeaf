"""A WebSocket client for asyncio whose engine is Rust.

Two faces over one engine: `connect` and `ClientConnection` in the shape that people know from
`websockets`, and `AioWebSocket` and `Converse`, on which scripts written for the original
`aiowebsocket` run unchanged.
"""

from ._core import __version__
from .client import USER_AGENT, connect
from .compression import PerMessageDeflate
from .connection import ClientConnection
from .converses import AioWebSocket, Converse
from .enumerations import (
    CloseCode,
    ControlFrames,
    DataFrames,
    SocketState,
    State,
    StatusCodes,
)
from .exceptions import (
    AioWebSocketError,
    CertificateError,
    ConcurrencyError,
    ConnectError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    ConnectRefused,
    ConnectTimeout,
    FrameError,
    HandShakeError,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    RedirectError,
    ResolveError,
    TLSError,
    WebSocketException,
)
from .frames import Close
from .handshake import Headers, HeadersLike, MultipleValuesError, Request, Response
from .tls import TLSConfig

# The documents' first program spells it so.
AioWebsocket = AioWebSocket

__all__ = [
    "USER_AGENT",
    "AioWebSocket",
    "AioWebSocketError",
    "AioWebsocket",
    "CertificateError",
    "ClientConnection",
    "Close",
    "CloseCode",
    "ConcurrencyError",
    "ConnectError",
    "ConnectRefused",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "ControlFrames",
    "Converse",
    "DataFrames",
    "FrameError",
    "HandShakeError",
    "Headers",
    "HeadersLike",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidMessage",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "MultipleValuesError",
    "NegotiationError",
    "PayloadTooBig",
    "PerMessageDeflate",
    "ProtocolError",
    "RedirectError",
    "Request",
    "ResolveError",
    "Response",
    "SocketState",
    "State",
    "StatusCodes",
    "TLSConfig",
    "TLSError",
    "WebSocketException",
    "__version__",
    "connect",
]
