"""`async for` over a connection, on both faces: the messages until it is closed in good order."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from . import _core
from .exceptions import ConnectionClosedOK

__all__ = ["Messages", "each_message"]


class Messages(_core.Messages):
    """The messages of a connection, as `aiter(connection)` gives them."""

    async def aclose(self) -> None:
        """End the iteration, as of an async generator; the connection stays open."""
        self._end()


def each_message(
    connection: _core.Link, receiving: Callable[..., Any]
) -> Messages | AsyncGenerator[Any, None]:
    """Iterate by the engine's own `receiving`, or by what a subclass has put in its place."""
    name = receiving.__name__
    if name not in vars(connection) and getattr(type(connection), name) is receiving:
        return Messages(connection)
    return _each_received(getattr(connection, name))


async def _each_received(receive: Callable[[], Any]) -> AsyncGenerator[Any, None]:
    try:
        while True:
            yield await receive()
    except ConnectionClosedOK:
        return
