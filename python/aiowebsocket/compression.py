"""What the caller can say about compression. Knows the options, not how compressing is done."""

from .values import Value

__all__ = ["PerMessageDeflate"]


class PerMessageDeflate(Value):
    """How to compress messages with permessage-deflate (RFC 7692).

    `PerMessageDeflate()` is what `compression="deflate"` means. It is an offer: the server decides
    whether messages are compressed at all, and may ask for smaller windows; what was agreed on is
    the connection's `compression`. Immutable and hashable.

    Compression makes a message's length depend on its content. Where secrets travel next to text
    that others choose, an eavesdropper may guess them from lengths (RFC 7692 8): send those with
    `compress=False`, or open the connection with `compression=None`.

    Attributes:
        server_no_context_takeover: True asks the server to compress each message by itself: less
            memory there, longer messages. It fails the connection if the server does not agree.
        client_no_context_takeover: True compresses each of our messages by itself.
        server_max_window_bits: The server's window, 8 to 15 bits, if it is to be limited. It fails
            the connection if the server compresses without agreeing.
        client_max_window_bits: True lets the server limit our window; 8 to 15 bits limit it, too;
            None or False tells the server not to. With 8, our messages go uncompressed: zlib writes
            no stream with a window that small.
        level: 0, stored, to 9, the smallest: the CPU that may be spent. 1 by default, since it runs
            on the event loop: a message of 200 bytes takes 0.7 microseconds, at 6 ten times that
            for a sixth fewer bytes. For documents from 4 KiB on, 3 makes 30 % fewer bytes in twice
            the time.
        mem_level: 1 to 9: the memory that may be spent: 270 KiB a connection that compresses with
            5, 370 with 8, which at level 1 brings nothing.
        threshold: Messages with fewer bytes go uncompressed: below 32, compressing costs more time
            than the bytes are worth.

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If a number is out of its range.
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int | None
    client_max_window_bits: int | bool | None
    level: int
    mem_level: int
    threshold: int

    __slots__ = __match_args__ = (
        "server_no_context_takeover",
        "client_no_context_takeover",
        "server_max_window_bits",
        "client_max_window_bits",
        "level",
        "mem_level",
        "threshold",
    )

    def __init__(
        self,
        *,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: int | None = None,
        client_max_window_bits: int | bool | None = True,
        level: int = 1,
        mem_level: int = 5,
        threshold: int = 32,
    ) -> None:
        _check_flag("server_no_context_takeover", server_no_context_takeover)
        _check_flag("client_no_context_takeover", client_no_context_takeover)
        if server_max_window_bits is not None:
            _check_number("server_max_window_bits", server_max_window_bits, 8, 15)
        if client_max_window_bits is not None and not isinstance(client_max_window_bits, bool):
            _check_number("client_max_window_bits", client_max_window_bits, 8, 15)
        _check_number("level", level, 0, 9)
        _check_number("mem_level", mem_level, 1, 9)
        _check_number("threshold", threshold, 0, 2**31)
        super().__init__(
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
            level,
            mem_level,
            threshold,
        )


def _check_flag(name: str, flag: object) -> None:
    if not isinstance(flag, bool):
        raise TypeError(f"{name} is True or False, not {type(flag).__name__}")


def _check_number(name: str, number: object, least: int, most: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{name} is an int, not {type(number).__name__}")
    if not least <= number <= most:
        raise ValueError(f"{name} is {number}; it is {least} to {most}")
