"""What a Close frame says: a close code and a reason (RFC 6455 5.5.1, 7.1.5, 7.1.6).

Frames are built and parsed by the engine; this file only holds the outcome for the user.
"""

from .enumerations import CloseCode
from .values import Value

__all__ = ["Close"]

# RFC 6455 7.4.2.
_REGISTERED = range(3000, 4000)
_PRIVATE_USE = range(4000, 5000)
_EXPLANATIONS: dict[int, str] = {code.value: code.explanation for code in CloseCode}


class Close(Value):
    """Close code and reason of one Close frame.

    A frame without a code is `Close(1005, "")`, as RFC 6455 7.1.5 has it.

    Attributes:
        code: Close code (RFC 6455 7.4).
        reason: Close reason, empty when the frame carried none (RFC 6455 7.1.6).
    """

    code: int
    reason: str

    __slots__ = __match_args__ = ("code", "reason")

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)

    def __str__(self) -> str:
        """Show code, its meaning and the reason: `1001 (going away) server restarts`."""
        shown = f"{self.code:d} ({_explanation(self.code)})"
        return f"{shown} {self.reason}" if self.reason else shown


def _explanation(code: int) -> str:
    if code in _REGISTERED:
        return "registered"
    if code in _PRIVATE_USE:
        return "private use"
    return _EXPLANATIONS.get(code, "unknown")
