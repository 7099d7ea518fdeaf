"""What scripts of the original's reach beside `send` and `receive`: views for compatibility.

There were asyncio's streams and a queue behind a manipulator. Here is the engine, and these answer
for it truthfully. New code has no use for them.
"""

from typing import TYPE_CHECKING, Any, NoReturn

from .frames import NORMAL_CLOSURE

if TYPE_CHECKING:
    from .converses import Converse

__all__ = ["HandShake", "MessageQueue", "Reader", "Writer"]

_OPENED = 1


class _View:
    """One side of a manipulator, which it keeps alive."""

    def __init__(self, converse: "Converse") -> None:
        self._converse = converse

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._converse!r}>"


class Writer(_View):
    """`converse.writer`: what asyncio's StreamWriter says and does, but for writing bytes."""

    async def drain(self) -> None:
        """Wait until the network has taken so much of what was sent that there is room.

        `send` does that by itself.

        Raises:
            ConnectionClosed: When the connection is known to be closed.
        """
        await self._converse._until_room()

    def close(self) -> None:
        """Begin the closing handshake and do not wait; does nothing where it has begun."""
        self._converse._close(NORMAL_CLOSURE, "")

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._converse._state != _OPENED

    async def wait_closed(self) -> None:
        """Wait until the connection is closed, whoever closes it."""
        await self._converse._until_closed()


class Reader(_View):
    """`converse.reader`: whether there is anything left to receive."""

    def at_eof(self) -> bool:
        """Whether the connection has ended and all messages that had arrived are handed out."""
        return self._converse.closed and self._converse._queued == 0


class MessageQueue(_View):
    """`converse.message_queue`: the messages that have arrived and wait to be received."""

    def qsize(self) -> int:
        """How many messages wait."""
        return self._converse._queued

    def empty(self) -> bool:
        """Whether none waits."""
        return self.qsize() == 0


class HandShake:
    """The original's name for the opening handshake, kept for scripts that import it.

    The engine does the handshake; there is nothing to construct. What was asked and answered is
    `AioWebSocket.response` and, at DEBUG, in the log.
    """

    def __new__(cls, *_: Any, **__: Any) -> NoReturn:
        """Refuse, and name the remedy."""
        raise TypeError(
            "HandShake is only a name here: the engine does the opening handshake; use"
            " AioWebSocket(uri, headers=..., union_header=...) and its create_connection()"
        )
