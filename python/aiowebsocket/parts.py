"""`parse_uri`, kept for scripts that took it from the original package.

Connecting does not pass through here: the engine parses the URI itself.
"""

import re
from typing import NamedTuple

from .exceptions import InvalidURI

__all__ = ["REMOTE", "parse_uri"]

# http and https are synonyms; whether TLS is spoken.
_SCHEMES = {"ws": False, "http": False, "wss": True, "https": True}


class REMOTE(NamedTuple):
    """The parts of a WebSocket URI (RFC 6455 3).

    Attributes:
        scheme: The scheme in lower case, as it was given: ws, wss, http or https.
        host: The host in lower case; an IPv6 address without its brackets.
        port: The port, or the scheme's default: 80, or 443 with TLS.
        resource: The resource name: path ("/" if empty) and query.
        ssl: Whether TLS is spoken.
    """

    scheme: str
    host: str
    port: int
    resource: str
    ssl: bool


def parse_uri(uri: str) -> REMOTE:
    """Take a WebSocket URI apart; user name, password and fragment are left out.

    Raises:
        InvalidURI: If it is not one; also a ValueError.
    """
    # Imported late: asyncio does not load it, and few need this function.
    from urllib.parse import urlsplit  # noqa: PLC0415

    # Before urlsplit, which silently drops some of them.
    control = re.search(r"[\x00-\x1f\x7f-\x9f]", uri)
    if control:
        raise InvalidURI(uri, f"it has the control character {control[0]!a}")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidURI(uri, "its host or port is malformed") from error
    if parts.scheme not in _SCHEMES:
        raise InvalidURI(uri, f"its scheme has to be one of {', '.join(_SCHEMES)}")
    if not host:
        raise InvalidURI(uri, "it has no host")
    tls = _SCHEMES[parts.scheme]
    resource = parts.path or "/"
    if parts.query:
        resource += f"?{parts.query}"
    return REMOTE(parts.scheme, host, port or (443 if tls else 80), resource, tls)
