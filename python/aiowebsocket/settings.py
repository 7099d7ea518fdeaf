"""How an open connection behaves: the options of both faces, checked in one place.

Knows neither how a connection is opened nor what the engine makes of an option.
"""

import logging

from .compression import PerMessageDeflate
from .values import Value

__all__ = ["Settings", "check_at_least"]

# Nobody else in the loop runs meanwhile: more than a millisecond is no poll but a block.
_LONGEST_BUSY_POLL = 1_000
_OVERFLOWS = ("block", "drop_oldest", "drop_newest", "close")
_DRIVERS = ("auto", "loop", "lifeline")
_NUMBERS = (int, float)
# Even without an offer of ours there may be one among the caller's own headers.
_UNASKED_COMPRESSION = PerMessageDeflate()


class Settings(Value):
    """How an open connection behaves, whichever face it has.

    Attributes:
        max_size: Largest message accepted, in bytes; None is no limit.
        max_buffered: Bytes of messages that may wait to be received.
        overflow: What happens when more would wait: "block", "drop_oldest", "drop_newest", "close".
        write_limit: Bytes of output that may wait before send() does.
        close_timeout: Seconds that closing may take altogether; None is no limit.
        ping_interval: Seconds between two pings; None sends none.
        ping_timeout: Seconds that a pong may take; None waits for ever.
        app_stall_timeout: Seconds for which the engine stands in for a loop that has stalled; None
            is no limit.
        driver: Who serves the socket: "loop", "lifeline", or "auto".
        coalesce: Whether messages sent in one iteration of the loop leave together, at its end.
        busy_poll: Microseconds for which a receiver reads the socket itself before it parks.
        compression: How our own messages are compressed, where the server agreed to it.
        logger: Where frames (DEBUG) and warnings go.
    """

    max_size: int | None
    max_buffered: int
    overflow: str
    write_limit: int
    close_timeout: float | None
    ping_interval: float | None
    ping_timeout: float | None
    app_stall_timeout: float | None
    driver: str
    coalesce: bool
    busy_poll: int
    compression: PerMessageDeflate
    logger: logging.Logger

    __slots__ = __match_args__ = (
        "max_size",
        "max_buffered",
        "overflow",
        "write_limit",
        "close_timeout",
        "ping_interval",
        "ping_timeout",
        "app_stall_timeout",
        "driver",
        "coalesce",
        "busy_poll",
        "compression",
        "logger",
    )

    def __init__(
        self,
        *,
        max_size: int | None,
        max_buffered: int,
        overflow: str,
        write_limit: int,
        close_timeout: float | None,
        ping_interval: float | None,
        ping_timeout: float | None,
        app_stall_timeout: float | None,
        driver: str,
        coalesce: bool,
        busy_poll: int,
        compression: PerMessageDeflate | None,
        logger: logging.Logger,
    ) -> None:
        check_at_least(0, max_size=max_size, write_limit=write_limit, close_timeout=close_timeout)
        check_at_least(1, max_buffered=max_buffered)
        _check_above_zero(
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            app_stall_timeout=app_stall_timeout,
        )
        _check_one_of(_OVERFLOWS, "overflow", overflow)
        _check_one_of(_DRIVERS, "driver", driver)
        _check_busy_poll(busy_poll)
        if not isinstance(coalesce, bool):
            raise TypeError(f"coalesce is True or False, not {type(coalesce).__name__}")
        super().__init__(
            max_size,
            max_buffered,
            overflow,
            write_limit,
            close_timeout,
            ping_interval,
            ping_timeout,
            app_stall_timeout,
            driver,
            coalesce,
            busy_poll,
            compression or _UNASKED_COMPRESSION,
            logger,
        )


def check_at_least(least: int, **numbers: float | None) -> None:
    """Refuse what is no number, and numbers below `least`; None is no number to check."""
    for name, number in numbers.items():
        if number is not None and not _number(name, number) >= least:
            raise ValueError(f"{name} is {number!r}; it is at least {least}")


def _check_above_zero(**numbers: float | None) -> None:
    for name, number in numbers.items():
        if number is not None and not _number(name, number) > 0:
            raise ValueError(f"{name} is {number!r}; it is above 0, or None for off")


def _number(name: str, number: float) -> float:
    if isinstance(number, bool) or not isinstance(number, _NUMBERS):
        raise TypeError(f"{name} is a number, not {type(number).__name__}")
    return number


def _check_one_of(choices: tuple[str, ...], name: str, choice: str) -> None:
    if choice not in choices:
        listed = ", ".join(repr(one) for one in choices)
        raise ValueError(f"{name} is {choice!r}; it is one of {listed}")


def _check_busy_poll(busy_poll: int) -> None:
    if isinstance(busy_poll, bool) or not isinstance(busy_poll, int):
        raise TypeError(f"busy_poll is a whole number, not {type(busy_poll).__name__}")
    if not 0 <= busy_poll <= _LONGEST_BUSY_POLL:
        raise ValueError(f"busy_poll is {busy_poll}; it is 0 to {_LONGEST_BUSY_POLL} microseconds")
