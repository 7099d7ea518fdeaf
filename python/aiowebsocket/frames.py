"""What a Close frame says: a close code and a reason (RFC 6455 5.5.1, 7.1.5, 7.1.6).

Frames are built and parsed by the engine; this file only holds the outcome for the user.
"""

from .values import Value

__all__ = ["Close"]

# The codes that the package itself closes with or reports; `CloseCode` names and explains all.
NORMAL_CLOSURE = 1000
PROTOCOL_ERROR = 1002
ABNORMAL_CLOSURE = 1006
MESSAGE_TOO_BIG = 1009
INTERNAL_ERROR = 1011

# RFC 6455 7.4.1, in the words of websockets, on which people's log filters match.
EXPLANATIONS = {
    1000: "OK",
    1001: "going away",
    1002: "protocol error",
    1003: "unsupported data",
    1004: "unknown",
    1005: "no status received [internal]",
    1006: "abnormal closure [internal]",
    1007: "invalid frame payload data",
    1008: "policy violation",
    1009: "message too big",
    1010: "mandatory extension",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS handshake failure [internal]",
}
# RFC 6455 7.4.2.
REGISTERED = range(3000, 4000)
PRIVATE_USE = range(4000, 5000)
# Of the others those that may stand in a Close frame (RFC 6455 7.4.1).
SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1015)})
# A control frame's 125 bytes without the code's (RFC 6455 5.5).
LONGEST_REASON = 123


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
    if code in REGISTERED:
        return "registered"
    if code in PRIVATE_USE:
        return "private use"
    return EXPLANATIONS.get(code, "unknown")
