"""Opening a connection: what both faces do between their options and the engine.

Knows what is logged of the opening handshake; the engine does the rest.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _core
from .exceptions import ConnectError
from .options import check_connected
from .proxies import named_proxies
from .redaction import shown_target, shown_uri

if TYPE_CHECKING:
    from .handshake import Request, Response

__all__ = ["open_connection"]


async def open_connection(
    uri: str,
    options: dict[str, Any],
    *,
    headers: list[tuple[str, str]],
    defaults: list[tuple[str, str]],
    default_origin: bool = False,
    request_line: str | None = None,
) -> _core.Opened:
    """Open a connection; cancelling closes its socket. Every face opens through here."""
    if options["sock"] is not None:
        check_connected(options["sock"])
    # Read anew each time, as it may have changed; one socket needs no proxy.
    if options["proxy"] is True:
        to_socket = options["unix"] or options["sock"] is not None
        named = {} if to_socket else named_proxies()
        options = options | {"proxy": named} if named else options
    logger = options["logger"]
    try:
        opened = await _core.open_connection(
            uri,
            options,
            request_line=request_line,
            headers=headers,
            defaults=defaults,
            default_origin=default_origin,
        )
    except ConnectError as error:
        _log_redirects(logger, error.redirects)
        raise
    if logger.isEnabledFor(logging.DEBUG):
        _log_redirects(logger, opened.redirects)
        _log_handshake(logger, opened.request, opened.response)
    return opened


def _log_redirects(logger: logging.Logger, redirects: Sequence[tuple[int, str]]) -> None:
    for status, uri in redirects:
        logger.debug("< HTTP/1.1 %d, redirected to %.200s", status, shown_uri(uri))


def _log_handshake(logger: logging.Logger, request: "Request", response: "Response") -> None:
    logger.debug("> GET %s HTTP/1.1", shown_target(request.path))
    for name, value in request.headers.printable_items():
        logger.debug("> %s: %s", name, value)
    logger.debug("< HTTP/1.1 %d %s", response.status_code, response.reason_phrase)
    for name, value in response.headers.printable_items():
        logger.debug("< %s: %s", name, value)
