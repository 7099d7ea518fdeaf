"""Opening a connection: what both faces do between their options and the engine.

Knows the options that the faces share and the log of the opening handshake; the engine does the
rest.
"""

import logging
import ssl as ssl_module
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from . import _core
from .compression import PerMessageDeflate
from .exceptions import ConnectError
from .settings import check_at_least

if TYPE_CHECKING:
    import socket

    from .handshake import HeadersLike, Request, Response
    from .tls import TLSConfig

__all__ = [
    "LOGGER",
    "CompressionOption",
    "SSLOption",
    "header_fields",
    "offered_compression",
    "open_connection",
]

LOGGER = logging.getLogger("aiowebsocket")

SSLOption: TypeAlias = "TLSConfig | bool | None"
CompressionOption = PerMessageDeflate | str | None


async def open_connection(
    uri: str,
    *,
    logger: logging.Logger,
    ssl: SSLOption,
    server_hostname: str | None,
    subprotocols: Sequence[str] | None,
    open_timeout: float | None,
    compression: PerMessageDeflate | None,
    headers: Iterable[tuple[str, str]],
    defaults: Iterable[tuple[str, str]] = (),
    default_origin: bool = False,
    request_line: str | None = None,
    sock: "socket.socket | None" = None,
    max_redirects: int = 0,
) -> _core.Opened:
    """Open a connection; cancelling closes its socket. Every face opens through here."""
    switch, tls = _tls(ssl)
    if server_hostname is None and tls is not None:
        server_hostname = tls.server_hostname
    check_at_least(0, open_timeout=open_timeout, max_redirects=max_redirects)
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols is a sequence of str, not the str {subprotocols!r}")
    options: dict[str, object] = {
        "request_line": request_line,
        "headers": list(headers),
        "defaults": list(defaults),
        "default_origin": default_origin,
        "subprotocols": list(subprotocols or ()),
        "deflate": compression,
        "ssl": switch,
        "tls": tls,
        "server_hostname": server_hostname,
        "timeout": open_timeout,
        "max_redirects": max_redirects,
    }
    # The engine owns the descriptor from here on, whatever comes of the opening.
    descriptor = None if sock is None else sock.detach()
    try:
        opened = await _core.open_connection(uri, **options, sock=descriptor)  # type: ignore[arg-type]
    except ConnectError as error:
        _log_redirects(logger, error.redirects)
        raise
    if logger.isEnabledFor(logging.DEBUG):
        _log_redirects(logger, opened.redirects)
        _log_handshake(logger, opened.request, opened.response)
    return opened


def header_fields(headers: "HeadersLike | None") -> list[tuple[str, str]]:
    """Give header fields in order, whatever they were written as."""
    if headers is None:
        return []
    from .handshake import Headers  # noqa: PLC0415 - loaded only for who has headers of their own

    if isinstance(headers, Headers):
        return [(name, _from_wire(value)) for name, value in headers.raw_items()]
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name, str(value)) for name, value in pairs]


def _from_wire(value: str) -> str:
    # A Headers value has a character for each byte; the engine writes text as UTF-8.
    try:
        return value.encode("iso-8859-1").decode()
    except UnicodeDecodeError:
        return value


def offered_compression(compression: CompressionOption) -> PerMessageDeflate | None:
    """Say what to offer the server: None is no compression."""
    if compression is None or isinstance(compression, PerMessageDeflate):
        return compression
    if isinstance(compression, str):
        if compression == "deflate":
            return PerMessageDeflate()
        raise ValueError(
            f"compression is 'deflate', None or PerMessageDeflate, not {compression!r}"
        )
    raise TypeError(
        "compression is 'deflate', None or PerMessageDeflate,"
        f" not {type(compression).__name__} {compression!r}"
    )


def _tls(ssl: SSLOption) -> "tuple[bool | None, TLSConfig | None]":
    if ssl is None or isinstance(ssl, bool):
        return ssl, None
    from .tls import TLSConfig  # noqa: PLC0415 - loaded only for who configures TLS

    if isinstance(ssl, TLSConfig):
        return True, ssl
    if isinstance(ssl, ssl_module.SSLContext):
        raise TypeError(
            "ssl is an ssl.SSLContext, which the engine's TLS (rustls) cannot take over faithfully;"
            " say what it does with aiowebsocket.TLSConfig(ca_file=..., cert_file=..., ...)"
        )
    raise TypeError(f"ssl is None, True, False or a TLSConfig, not {type(ssl).__name__}")


def _log_redirects(logger: logging.Logger, redirects: Sequence[tuple[int, str]]) -> None:
    for status, uri in redirects:
        logger.debug("< HTTP/1.1 %d, redirected to %.200s", status, uri)


def _log_handshake(logger: logging.Logger, request: "Request", response: "Response") -> None:
    logger.debug("> GET %s HTTP/1.1", request.path)
    for name, value in request.headers.printable_items():
        logger.debug("> %s: %s", name, value)
    logger.debug("< HTTP/1.1 %d %s", response.status_code, response.reason_phrase)
    for name, value in response.headers.printable_items():
        logger.debug("< %s: %s", name, value)
