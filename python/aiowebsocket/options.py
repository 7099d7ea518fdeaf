"""The options of both faces: each is defined here once, with its type, default, unit and check.

The faces repeat names, types and defaults in their signatures, for editors; a test compares them.
A check is made as soon as an option is written down, and gives the value as the engine takes it.
"""

import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from . import _core
from .compression import PerMessageDeflate

if TYPE_CHECKING:
    from .tls import TLSConfig

__all__ = [
    "AIOWEBSOCKET",
    "CONNECT",
    "FIXED",
    "LOGGER",
    "TIMEOUT",
    "USER_AGENT",
    "Face",
    "Option",
    "check_connected",
    "check_uri",
    "header_fields",
]

LOGGER = logging.getLogger("aiowebsocket")
USER_AGENT = "Python/{}.{}.{} aiowebsocket/{}".format(*sys.version_info[:3], _core.__version__)

# Longer than this, 31 years, is for ever; more than this is no limit.
FOR_EVER = 10**9
NO_LIMIT = 2**62
# The engine's clock keeps no shorter ones.
_SHORTEST = 0.001
# Nobody else in the loop runs meanwhile: more than a millisecond is no poll but a block.
_LONGEST_BUSY_POLL = 1_000
_FAMILIES = {"AF_INET", "AF_INET6", "AF_UNIX"}
_LOGGING = ("isEnabledFor", "debug", "info", "warning")

Check: TypeAlias = Callable[[str, Any], Any]


class Option:
    """One option.

    Attributes:
        name: What it is called.
        type: Its type, as a signature writes it.
        default: Its value where nothing is said.
        check: Gives its value as the engine takes it, or raises TypeError or ValueError.
        unit: What a number counts; empty where there is none.
    """

    __slots__ = ("check", "default", "name", "type", "unit")

    def __init__(self, name: str, type_: str, default: Any, check: Check, unit: str = "") -> None:
        self.name, self.type, self.default = name, type_, default
        self.check, self.unit = check, unit

    def by_default(self, default: Any) -> "Option":
        """Give the same option with another default."""
        return Option(self.name, self.type, default, self.check, self.unit)


class Face:
    """The options of one face, as its constructor gets them."""

    def __init__(self, options: dict[str, Option], constructor: Any, **fixed: Any) -> None:
        # The constructor's own defaults: of these, and only of these, it is known by identity that
        # they need no check.
        self._written = [
            (name, default, options[name].check)
            for name, default in constructor.__kwdefaults__.items()
        ]
        by_default = {name: check(name, default) for name, default, check in self._written}
        self._by_default = _with_deflate(fixed | by_default)

    def take(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check what the constructor was given, and give it as the engine takes it."""
        changed = {
            name: check(name, given[name])
            for name, default, check in self._written
            if given[name] is not default
        }
        # Those who change nothing share one.
        return _with_deflate(self._by_default | changed) if changed else self._by_default


def _with_deflate(options: dict[str, Any]) -> dict[str, Any]:
    # How our own messages are compressed: there may be an offer among the caller's headers too.
    return options | {"deflate": options["compression"] or _DEFLATE}


def header_fields(name: str, headers: Any) -> list[tuple[str, str]]:
    """Give header fields in order, whatever they were written as: a mapping, pairs, `Headers`."""
    if headers is None:
        return []
    if isinstance(headers, str | bytes):
        raise TypeError(f"{name} is a mapping or pairs of name and value, not {_kind(headers)}")
    # A mapping may give one value for each name, where `Headers`, ours or another's, has several.
    raw_items = getattr(headers, "raw_items", None)
    if raw_items is not None:
        return [(field, _from_wire(_header_value(field, value))) for field, value in raw_items()]
    try:
        pairs = [*headers.items()] if isinstance(headers, Mapping) else [(n, v) for n, v in headers]
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is a mapping or pairs of name and value: {error}") from error
    return [(field, _header_value(field, value)) for field, value in pairs]


def _header_value(field: Any, value: Any) -> str:
    """Give a header's value as text; a whole number is welcome."""
    if not isinstance(field, str):
        raise TypeError(f"a header's name is str, not {_kind(field)}")
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    # Not the value itself: it may be a credential.
    raise TypeError(f"header {field} is {_kind(value)}, it has to be str (or int)")


def _from_wire(value: str) -> str:
    # A Headers value has a character for each byte; the engine writes text as UTF-8.
    try:
        return value.encode("iso-8859-1").decode()
    except UnicodeError:
        return value


def _seconds(least: float = 0) -> Check:
    def check(name: str, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} is a number of seconds or None, not {_kind(value)}")
        if not value >= least:
            raise ValueError(f"{name} is {value!r}; it is at least {least} seconds, or None")
        return None if value >= FOR_EVER else float(value)

    return check


def _amount(least: int = 0, most: int | None = None, *, or_none: bool = False) -> Check:
    def check(name: str, value: Any) -> int | None:
        if value is None and or_none:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is an int{' or None' * or_none}, not {_kind(value)}")
        if value < least:
            raise ValueError(f"{name} is {value!r}; it is at least {least}")
        if most is not None and value > most:
            raise ValueError(f"{name} is {value!r}; it is {least} to {most}")
        return min(value, NO_LIMIT)

    return check


def _one_of(*choices: str) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            listed = ", ".join(map(repr, choices))
            raise ValueError(f"{name} is {value!r}; it is one of {listed}")
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {_kind(value)}")
    return value


def _text(name: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is a str or None, not {_kind(value)}")
    return value


def check_uri(uri: Any) -> str:
    """Refuse a URI that is no text; the engine reads it."""
    if not isinstance(uri, str):
        raise TypeError(f"uri is a str, not {_kind(uri)}")
    return uri


def _subprotocols(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(f"{name} is a sequence of str, not {_kind(value)}")
    subprotocols = list(value)
    for index, subprotocol in enumerate(subprotocols):
        if not isinstance(subprotocol, str):
            raise TypeError(f"{name}[{index}] is {_kind(subprotocol)}, it has to be str")
    return subprotocols


def _ssl(name: str, value: Any) -> "TLSConfig | bool | None":
    if value is None or isinstance(value, bool):
        return value
    from .tls import TLSConfig  # noqa: PLC0415 - loaded only for who configures TLS

    if isinstance(value, TLSConfig):
        return value
    if isinstance(value, ssl.SSLContext):
        raise TypeError(
            f"{name} is an ssl.SSLContext, which the engine's TLS (rustls) cannot take over"
            " faithfully; say what it does with"
            " aiowebsocket.TLSConfig(ca_file=..., cert_file=..., ...)"
        )
    raise TypeError(f"{name} is None, True, False or a TLSConfig, not {_kind(value)}")


def _local_addr(name: str, value: Any) -> tuple[str, int] | None:
    if value is None:
        return None
    match value:
        case (str() as host, int() as port) if 0 <= port < 2**16:
            return host, port
    raise TypeError(f"{name} is an IP address and a port, as ('10.0.0.1', 0), not {value!r}")


def _family(name: str, value: Any) -> int:
    for family, number in ((socket.AF_UNSPEC, 0), (socket.AF_INET, 4), (socket.AF_INET6, 6)):
        if value == family:
            return number
    raise ValueError(f"{name} is {value!r}; it is socket.AF_INET, AF_INET6 or AF_UNSPEC")


def _path(name: str, value: Any) -> bytes | None:
    if value is None:
        return None
    try:
        path = os.fsencode(value)
    except TypeError:
        raise TypeError(f"{name} is the path of a Unix socket, not {_kind(value)}") from None
    if not path:
        raise ValueError(f"{name} is empty")
    return path


def _proxy(name: str, value: Any) -> str | bool | None:
    if value is None or value is False:
        return None
    if value is True or isinstance(value, str):
        return value
    raise TypeError(f"{name} is True, None or the URL of a proxy, not {_kind(value)}")


def _proxy_ssl(name: str, value: Any) -> "TLSConfig | bool | None":
    if value is False:
        raise ValueError(f"{name} is False; a proxy without TLS is one whose URL is http://")
    return _ssl(name, value)


# One for all, since it cannot change.
_DEFLATE = PerMessageDeflate()


def _compression(name: str, value: Any) -> PerMessageDeflate | None:
    if value is None or isinstance(value, PerMessageDeflate):
        return value
    if isinstance(value, str):
        if value == "deflate":
            return _DEFLATE
        raise ValueError(f"{name} is 'deflate', None or PerMessageDeflate, not {value!r}")
    raise TypeError(f"{name} is 'deflate', None or PerMessageDeflate, not {_kind(value)} {value!r}")


def _sock(name: str, value: Any) -> "socket.socket | None":
    if value is None:
        return None
    if not isinstance(value, socket.socket):
        raise TypeError(f"{name} is a socket.socket, not {_kind(value)}")
    if isinstance(value, ssl.SSLSocket):
        raise TypeError(
            f"{name} is an ssl.SSLSocket, whose TLS cannot be taken over; hand in the socket"
            " without it, and say with wss:// and ssl= what TLS is to be"
        )
    if value.type != socket.SOCK_STREAM or value.family.name not in _FAMILIES:
        kind = f"{value.family.name}, {value.type.name}"
        raise ValueError(f"{name} is {kind}; it is a stream: TCP (IPv4 or IPv6) or AF_UNIX")
    return value


def check_connected(sock: "socket.socket") -> None:
    """Refuse a socket that is closed or not connected; it is its caller's still."""
    if sock.fileno() == -1:
        raise ValueError(
            "sock is closed, or was given away: a connection owns its socket from the moment"
            " it is opened, so each needs one of its own"
        )
    try:
        sock.getpeername()
    except OSError as error:
        raise ValueError(f"sock is not connected: {error.strerror}") from error


def _logger(name: str, value: Any) -> Any:
    if value is None:
        return LOGGER
    for method in _LOGGING:
        if not callable(getattr(value, method, None)):
            raise TypeError(f"{name} is a logger or None, and {_kind(value)} has no {method}()")
    return value


def _callable(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise TypeError(f"{name} can be called, or is None, and {_kind(value)} cannot")
    return value


def _kind(value: object) -> str:
    return type(value).__name__


_OPTIONS = (
    Option("origin", "str | None", None, _text),
    Option("subprotocols", "Sequence[str] | None", None, _subprotocols),
    Option("additional_headers", "HeadersLike | None", None, header_fields),
    Option("user_agent_header", "str | None", USER_AGENT, _text),
    Option("ssl", "TLSConfig | bool | None", None, _ssl),
    Option("server_hostname", "str | None", None, _text),
    Option("host", "str | None", None, _text),
    Option("port", "int | None", None, _amount(1, 2**16 - 1, or_none=True)),
    Option("local_addr", "tuple[str, int] | None", None, _local_addr),
    Option("family", "int", 0, _family),
    Option("happy_eyeballs_delay", "float | None", 0.25, _seconds(), "seconds"),
    Option("interleave", "int", 1, _amount(), "addresses"),
    Option("unix", "bool", False, _flag),
    Option("path", "str | bytes | os.PathLike[str] | None", None, _path),
    Option("proxy", "str | bool | None", True, _proxy),
    Option("proxy_ssl", "TLSConfig | bool | None", None, _proxy_ssl),
    Option("proxy_server_hostname", "str | None", None, _text),
    Option("proxy_headers", "HeadersLike | None", None, header_fields),
    Option("open_timeout", "float | None", 10, _seconds(), "seconds"),
    Option("max_redirects", "int", 5, _amount(), "redirects"),
    Option("close_timeout", "float | None", 10, _seconds(), "seconds"),
    Option("max_size", "int | None", 2**20, _amount(or_none=True), "bytes"),
    Option("max_buffered", "int", 2**22, _amount(1), "bytes"),
    Option("overflow", "str", "block", _one_of("block", "drop_oldest", "drop_newest", "close")),
    Option("write_limit", "int", 2**15, _amount(), "bytes"),
    Option("coalesce", "bool", False, _flag),
    Option("busy_poll", "int", 0, _amount(0, _LONGEST_BUSY_POLL), "microseconds"),
    Option("compression", "PerMessageDeflate | str | None", "deflate", _compression),
    Option("ping_interval", "float | None", 20, _seconds(_SHORTEST), "seconds"),
    Option("ping_timeout", "float | None", 20, _seconds(_SHORTEST), "seconds"),
    Option("app_stall_timeout", "float | None", None, _seconds(_SHORTEST), "seconds"),
    Option("driver", "str", "auto", _one_of("auto", "loop", "lifeline")),
    Option("sock", "socket.socket | None", None, _sock),
    Option("logger", "LoggerLike | None", None, _logger),
    Option(
        "process_exception",
        "Callable[[Exception], Exception | None] | None",
        None,
        _callable,
    ),
)

# The options of `connect`.
CONNECT = {option.name: option for option in _OPTIONS}
# Those of `AioWebSocket`: without what a script of the original's says with its headers.
AIOWEBSOCKET = {
    name: CONNECT[name]
    for name in (
        "ssl",
        "proxy_ssl",
        "proxy_server_hostname",
        "proxy_headers",
        "subprotocols",
        "close_timeout",
        "overflow",
        "coalesce",
        "busy_poll",
        "ping_timeout",
        "app_stall_timeout",
        "driver",
    )
} | {
    "proxy": CONNECT["proxy"].by_default(None),
    "compression": CONNECT["compression"].by_default(None),
    "max_size": CONNECT["max_size"].by_default(2**26),
    "max_buffered": CONNECT["max_buffered"].by_default(2**26),
    "ping_interval": CONNECT["ping_interval"].by_default(None),
}
# What `AioWebSocket` leaves as it is; the original followed no redirect.
FIXED = {
    name: option.check(name, option.default)
    for name, option in CONNECT.items()
    if name not in AIOWEBSOCKET
} | {"max_redirects": 0}
# Its positional one, `open_timeout` by the original's name.
TIMEOUT = Option("timeout", "float | None", 30, _seconds(), "seconds")
