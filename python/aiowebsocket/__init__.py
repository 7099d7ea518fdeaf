"""A WebSocket client for asyncio whose engine is Rust.

Two faces over one engine: `connect` and `ClientConnection` in the shape that people know from
`websockets`, and `AioWebSocket` and `Converse`, on which scripts written for the original
`aiowebsocket` run unchanged.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    EngineError,
    FrameError,
    HandShakeError,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    ProxyError,
    RedirectError,
    ResolveError,
    TLSError,
    WebSocketException,
)
from .frames import Close

# Whatever needs the engine, or is seldom needed, is loaded when it is asked for (PEP 562): each of
# these modules, and with it the names that it gives to the package. So importing the package is
# harmless where the engine cannot be, in a sub-interpreter. Exceptions are not among them, for a
# program that has run out of descriptors could not load the one that says so.
_LOADED_WHEN_ASKED_FOR = {
    "_core": ("__version__",),
    "client": ("connect", "unix_connect"),
    "compression": ("PerMessageDeflate",),
    "connection": ("ClientConnection", "State"),
    "converses": ("AioWebSocket", "AioWebsocket", "Converse"),
    "enumerations": ("CloseCode", "ControlFrames", "DataFrames", "SocketState", "StatusCodes"),
    "handshake": ("Headers", "HeadersLike", "MultipleValuesError", "Request", "Response"),
    "options": ("USER_AGENT",),
    "stats": ("Stats",),
    "tls": ("TLSConfig",),
}

if TYPE_CHECKING:
    from ._core import __version__
    from .client import connect, unix_connect
    from .compression import PerMessageDeflate
    from .connection import ClientConnection, State
    from .converses import AioWebSocket, AioWebsocket, Converse
    from .enumerations import CloseCode, ControlFrames, DataFrames, SocketState, StatusCodes
    from .handshake import Headers, HeadersLike, MultipleValuesError, Request, Response
    from .options import USER_AGENT
    from .stats import Stats
    from .tls import TLSConfig
else:  # A type checker that saw this would take every name for one of ours.

    def __getattr__(name: str) -> Any:
        for module_name, names in _LOADED_WHEN_ASKED_FOR.items():
            if name == module_name or name in names:
                try:
                    module = import_module(f".{module_name}", __name__)
                except ImportError as error:
                    # CPython's own words, where a sub-interpreter has a GIL of its own.
                    if "subinterpreters" in str(error):
                        words = "aiowebsocket works in the main interpreter only"
                        raise ImportError(words, name=error.name) from error
                    raise
                # Kept, so that each is asked for once.
                globals()[name] = module if name == module_name else getattr(module, name)
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_LOADED_WHEN_ASKED_FOR})


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
    "EngineError",
    "FrameError",
    "HandShakeError",
    "Headers",
    "HeadersLike",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidMessage",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidProxyStatus",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "MultipleValuesError",
    "NegotiationError",
    "PayloadTooBig",
    "PerMessageDeflate",
    "ProtocolError",
    "ProxyError",
    "RedirectError",
    "Request",
    "ResolveError",
    "Response",
    "SocketState",
    "State",
    "Stats",
    "StatusCodes",
    "TLSConfig",
    "TLSError",
    "WebSocketException",
    "__version__",
    "connect",
    "unix_connect",
]
