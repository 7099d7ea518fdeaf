"""The opening handshake as the user sees it afterwards: the request sent, the response received.

Parsing and judging happen in the engine (RFC 6455 4.1); this file holds the outcome and keeps
credentials out of whatever is printed.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from .redaction import shown_field, shown_target
from .values import Value

__all__ = ["Headers", "HeadersLike", "MultipleValuesError", "Request", "Response"]

# RFC 9110 5.6.2 (token) and 5.5 (field-value; \x80-\xff is obs-text).
_FIELD_NAME = r"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_FIELD_VALUE = r"[\t\x20-\x7e\x80-\xff]*"


class MultipleValuesError(LookupError):
    """Raised when one value is asked for and the header field is there several times."""

    def __str__(self) -> str:
        # The key in quotes, as KeyError shows it.
        return repr(self.args[0]) if len(self.args) == 1 else super().__str__()


class Headers(MutableMapping[str, str]):  # noqa: PLW1641 - it can change: no hash
    r"""Header fields: names match in any case, a name may occur several times, order is kept.

    - `headers[name]` is the value; KeyError if there is none, MultipleValuesError if there are
      several, which `get_all(name)` returns.
    - `headers[name] = value` adds a field and leaves those of the same name in place.
    - `del headers[name]` removes all fields of that name.
    - Iteration gives each name once, in lower case; `raw_items()` gives all fields as they are.

    A name has to be a token; a value may hold tabs and printable characters up to U+00FF, which
    stand for the bytes of ISO-8859-1. For text in UTF-8 write
    `headers[name] = text.encode("utf-8").decode("iso-8859-1")` and read it the other way round.

    `str()` is the serialization. `repr()` shows the values of fields that are known to hold no
    credential, such as Host, Origin, User-Agent or Server; of URIs and subprotocols what is no
    secret; and `***` for all others, such as Authorization, Cookie, X-Api-Key.
    """

    __slots__ = ("_fields",)

    def __init__(self, *args: "HeadersLike", **kwargs: str) -> None:
        self._fields: list[tuple[str, str]] = []
        self.update(*args, **kwargs)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        if len(values) > 1:
            raise MultipleValuesError(name)
        return values[0]

    def __setitem__(self, name: str, value: str) -> None:
        self._fields.append((_checked_name(name), _checked_value(name, value)))

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        lowered = name.lower()
        self._fields = [field for field in self._fields if field[0].lower() != lowered]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._fields))

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._fields})

    def __eq__(self, other: object) -> bool:
        """Whether both have the same names and, for each, the same values in the same order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return self._grouped() == other._grouped()

    def __str__(self) -> str:
        return "".join(f"{name}: {value}\r\n" for name, value in self._fields) + "\r\n"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.printable_items())!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._fields,)

    def copy(self) -> "Headers":
        """Return a copy that can be changed on its own."""
        return type(self)(self)

    def clear(self) -> None:
        """Remove all fields."""
        self._fields = []

    def update(self, *args: Any, **kwargs: str) -> None:
        """Add the fields of a Headers, a mapping or an iterable of pairs, then the keywords'."""
        # Of a Headers all fields, not one for each name.
        fields = (arg.raw_items() if isinstance(arg, Headers) else arg for arg in args)
        super().update(*fields, **kwargs)

    def get_all(self, name: str) -> list[str]:
        """Return all values of that name, in order; none is an empty list."""
        lowered = name.lower()
        return [value for spelled, value in self._fields if spelled.lower() == lowered]

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """Iterate over all fields as (name, value), in order and as spelled."""
        # Over a copy, so that `headers.update(headers)` comes to an end.
        return iter(self._fields.copy())

    def printable_items(self) -> Iterator[tuple[str, str]]:
        """Iterate over all fields as `raw_items` does, with what may be secret as `***`."""
        for name, value in self._fields:
            yield name, shown_field(name, value)

    def serialize(self) -> bytes:
        """Return the fields as they go over the wire, the blank line at the end included."""
        return str(self).encode("iso-8859-1")

    def _grouped(self) -> dict[str, list[str]]:
        return {name: self.get_all(name) for name in self}


HeadersLike = Headers | Mapping[str, str] | Iterable[tuple[str, str]]


class Request(Value):
    """The opening handshake's request (RFC 6455 4.1); printed without its credentials.

    Attributes:
        path: The resource name: path and query.
        headers: All header fields, in the order in which they were sent.
    """

    path: str
    headers: Headers

    __slots__ = __match_args__ = ("path", "headers")

    def __init__(self, path: str, headers: Headers) -> None:
        super().__init__(path, headers)

    def _shown(self) -> dict[str, str]:
        return {**super()._shown(), "path": repr(shown_target(self.path))}


class Response(Value):
    """The server's response to the opening handshake (RFC 6455 4.2.2).

    Attributes:
        status_code: 101 when the connection is open, anything else for a refusal.
        reason_phrase: What follows the status in the status line, possibly nothing.
        headers: All header fields, in order.
        body: The start of a refusal's body; empty for 101.
    """

    status_code: int
    reason_phrase: str
    headers: Headers
    body: bytes

    __slots__ = __match_args__ = ("status_code", "reason_phrase", "headers", "body")

    def __init__(
        self, status_code: int, reason_phrase: str, headers: Headers, body: bytes = b""
    ) -> None:
        super().__init__(status_code, reason_phrase, headers, body)

    def _shown(self) -> dict[str, str]:
        return {**super()._shown(), "body": f"<{len(self.body)} bytes>"}


def _checked_name(name: str) -> str:
    if not re.fullmatch(_FIELD_NAME, name):
        raise ValueError(f"header name {name!r} is not a token (RFC 9110 5.6.2)")
    return name


def _checked_value(name: str, value: str | int) -> str:
    # Numbers are welcome, as in {"X-Version": 2}; str(b"...") or str(None) would be a mistake.
    if isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise TypeError(f"header {name} is {type(value).__name__}, it has to be str")
    if not re.fullmatch(_FIELD_VALUE, value):
        # The character only: the value may be a credential.
        wrong = re.sub(_FIELD_VALUE, "", value)[0]
        raise ValueError(f"header {name} holds {wrong!a}, no value may (RFC 9110 5.5)")
    return value
