"""What is shown of what was sent and received, in log lines, in repr() and in errors: one rule.

A URI is shown without user name and password, without the values of its query (their names stay),
its fragment, and path segments that look like tokens. Of header fields those are shown that are
known to hold no credential; any other, an API key's too, is `***`. Of subprotocols words are
shown; what looks like a token, or stands behind a word such as "bearer" or "key", is `***`.

Messages are the application's own: at DEBUG the start of each is in the log. The values themselves
stay where they are: `ws.request.path`, `ws.request.headers["X-Api-Key"]`, `str(headers)`.
"""

import re

__all__ = ["shown_field", "shown_target", "shown_uri", "without_credentials"]

HIDDEN = "***"

_SHOWN = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow alt-svc
    cache-control connection content-encoding content-language content-length content-type date dnt
    expires host keep-alive last-modified max-forwards origin pragma proxy-authenticate retry-after
    sec-fetch-dest sec-fetch-mode sec-fetch-site sec-websocket-accept sec-websocket-extensions
    sec-websocket-key sec-websocket-version server strict-transport-security te trailer
    transfer-encoding upgrade user-agent vary via www-authenticate x-powered-by x-request-id
    """.split()  # noqa: SIM905 - read as words
)
_URIS = frozenset({"location", "content-location", "referer"})

# Random enough, and long enough, to be one: letters and digits, as in no word.
_TOKEN = r"(?=.*[0-9])(?=.*[A-Za-z]).{20,}"  # noqa: S105 - a pattern
_WORD = r"[a-z]{1,16}\d{0,3}|[A-Z]{1,16}\d{0,3}|[A-Z][a-z]{1,15}\d{0,3}|\d{1,3}|[A-Za-z\d]{1,3}"
# What follows one of these is a secret.
_INTRODUCES = frozenset(
    """
    apikey auth authentication authorization basic bearer credential credentials jwt key passwd
    password secret session sid signature ticket token
    """.split()  # noqa: SIM905 - read as words
)


def without_credentials(uri: str) -> str:
    """Hide user name and password of a URI, which may be none."""
    # All up to the last "@": a password with an unescaped "/" or "#" is what makes a URI invalid.
    before, at, after = uri.rpartition("@")
    if not at:
        return uri
    scheme, separator, _ = before.partition("://")
    return f"{scheme}{separator}{HIDDEN}@{after}" if separator else f"{HIDDEN}@{after}"


def shown_uri(uri: str) -> str:
    """Show a URI, absolute or relative, without what may be secret in it."""
    before, start, rest = uri.partition("//")
    if not start or re.search("[/?#]", before):
        return shown_target(uri)
    authority, target = re.fullmatch("([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    _, at, host = authority.rpartition("@")
    return before + start + (HIDDEN + at if at else "") + host + shown_target(target)


def shown_target(target: str) -> str:
    """Show path and query, as they stand in a request line or behind a URI's scheme."""
    target, fragment, _ = target.partition("#")
    path, query, parameters = target.partition("?")
    path = "/".join(HIDDEN if re.fullmatch(_TOKEN, part) else part for part in path.split("/"))
    shown = "&".join(map(_shown_parameter, parameters.split("&")))
    return path + query + shown + (f"#{HIDDEN}" if fragment else "")


def _shown_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    if equals:
        return f"{name}={HIDDEN}"
    return HIDDEN if parameter else ""


def shown_field(name: str, value: str) -> str:
    """Show the value of a header field."""
    lowered = name.lower()
    if lowered in _SHOWN:
        return value
    if lowered in _URIS:
        return shown_uri(value)
    if lowered == "sec-websocket-protocol":
        return _shown_subprotocols(value)
    return HIDDEN


def _shown_subprotocols(value: str) -> str:
    shown, is_introduced = [], False
    for subprotocol in value.split(","):
        name = subprotocol.strip()
        words = re.split(r"[^A-Za-z\d]+", name)
        shown.append(HIDDEN if is_introduced else _shown_subprotocol(name))
        is_introduced = words[-1].lower() in _INTRODUCES
    return ", ".join(shown)


def _shown_subprotocol(name: str) -> str:
    shown = ""
    for part in re.finditer(r"([A-Za-z\d]+)([^A-Za-z\d]*)", name):
        word, separator = part[1], part[2]
        shown += (word if re.fullmatch(_WORD, word) else HIDDEN) + separator
        if separator and word.lower() in _INTRODUCES:
            return shown + HIDDEN
    return shown or HIDDEN
