"""Immutable records: compared, hashed, copied, pickled and shown by their fields.

Written by hand because importing `dataclasses` costs more than the rest of the package together.
Knows nothing of WebSocket.
"""

from typing import Any, NoReturn

__all__ = ["Value"]


class Value:
    """A record whose fields are named, in order, by `__match_args__` (and by `__slots__`)."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __init__(self, *fields: object) -> None:
        for name, field in zip(self.__match_args__, fields, strict=True):
            object.__setattr__(self, name, field)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={text}" for name, text in self._shown().items())
        return f"{type(self).__qualname__}({shown})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name!r}")

    def __getstate__(self) -> tuple[Any, ...]:
        return self._fields()

    def __setstate__(self, fields: tuple[Any, ...]) -> None:
        # Not `self.__init__`: a subclass may take its fields by keyword or translate them.
        Value.__init__(self, *fields)

    def _shown(self) -> dict[str, str]:
        """Give the fields as repr() shows them; overridden where one is secret or long."""
        return {name: repr(getattr(self, name)) for name in self.__match_args__}

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)
