"""The numbers of the protocol by name: states, opcodes and close codes (RFC 6455 4.1, 5.2, 7.4).

SocketState, DataFrames, ControlFrames and StatusCodes are the original package's, unchanged.
Only names and meanings live here; what to do about a code is the engine's business. The rest of
the package does with plain numbers, so that this file is loaded only for who asks for a name.
"""

from enum import IntEnum

from .connection import State
from .frames import EXPLANATIONS

__all__ = ["CloseCode", "ControlFrames", "DataFrames", "SocketState", "State", "StatusCodes"]

_EITHER, _CLIENT, _SERVER, _NOBODY = "either side", "client", "server", "nobody"


class CloseCode(IntEnum):
    """Close codes: RFC 6455 7.4.1, later registrations at IANA (1012 to 1014) included.

    Each member's `__doc__` tells its meaning. Codes beyond these (RFC 6455 7.4.2):

    - 0 to 999 are not used;
    - 1000 to 2999 belong to the protocol: only the codes listed here have a meaning;
    - 3000 to 3999 are registered at IANA by libraries, frameworks and applications;
    - 4000 to 4999 are for private use, by agreement between the two applications.

    Attributes:
        explanation: The meaning in two or three words, as messages show it.
        sent_by: Who may put the code into a Close frame: "either side", "client", "server",
            or "nobody" for a code that is only ever reported locally.
    """

    _value_: int
    explanation: str
    sent_by: str

    # The defaults are for type checkers, which take `CloseCode(1000)` for a call of this.
    def __new__(cls, code: int, sent_by: str = "", doc: str = "") -> "CloseCode":
        """Make one member; its value is the code alone."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.explanation = EXPLANATIONS[code]
        member.sent_by = sent_by
        member.__doc__ = f"{doc} Sent by: {sent_by}."
        return member

    @property
    def may_be_sent(self) -> bool:
        """Whether the code may stand in a Close frame (RFC 6455 7.4.1)."""
        return self.sent_by != _NOBODY

    NORMAL_CLOSURE = (
        1000,
        _EITHER,
        "The purpose for which the connection was established has been fulfilled.",
    )
    GOING_AWAY = (
        1001,
        _EITHER,
        "The endpoint goes away: a server shuts down, or a browser leaves the page.",
    )
    PROTOCOL_ERROR = (
        1002,
        _EITHER,
        "The connection was failed because the other side broke the protocol.",
    )
    UNSUPPORTED_DATA = (
        1003,
        _EITHER,
        "A message of a type the endpoint cannot accept arrived,"
        " such as binary where only text is understood.",
    )
    RESERVED = (
        1004,
        _NOBODY,
        "Reserved: a meaning might be defined in the future.",
    )
    NO_STATUS_RCVD = (
        1005,
        _NOBODY,
        "Reported locally when the Close frame received carried no code.",
    )
    ABNORMAL_CLOSURE = (
        1006,
        _NOBODY,
        "Reported locally when the connection ended without a Close frame being received.",
    )
    INVALID_DATA = (
        1007,
        _EITHER,
        "A message's data did not fit its type, such as a text message that is not UTF-8.",
    )
    POLICY_VIOLATION = (
        1008,
        _EITHER,
        "A message violated the endpoint's policy; the general code where neither"
        " 1003 nor 1009 fits or details are to be hidden.",
    )
    MESSAGE_TOO_BIG = (
        1009,
        _EITHER,
        "A message was too big for the endpoint to process.",
    )
    MANDATORY_EXTENSION = (
        1010,
        _CLIENT,
        "The client expected an extension which the server did not negotiate; the reason should"
        " list it. A server does not need this code: it can fail the opening handshake instead.",
    )
    INTERNAL_ERROR = (
        1011,
        _EITHER,
        "An unexpected condition kept the endpoint from fulfilling the request. The RFC's text"
        " names the server only; erratum 3227 extends it to both.",
    )
    SERVICE_RESTART = (
        1012,
        _SERVER,
        "The service restarts; a client may reconnect after a random delay of 5 to 30 seconds.",
    )
    TRY_AGAIN_LATER = (
        1013,
        _SERVER,
        "The service is overloaded; a client should connect to another address,"
        " or to the same one when its user asks for it.",
    )
    BAD_GATEWAY = (
        1014,
        _SERVER,
        "The server is a gateway or proxy and got an invalid response from upstream,"
        " like HTTP status 502.",
    )
    TLS_HANDSHAKE = (
        1015,
        _NOBODY,
        "Reported locally when the TLS handshake failed,"
        " such as for a certificate that cannot be verified.",
    )


class SocketState(IntEnum):
    """The original's names for the state of a connection; `connecting` is an alias of `zero`."""

    zero, connecting, opened, closing, closed = 0, 0, 1, 2, 3


class DataFrames(IntEnum):
    """Opcodes of data frames (RFC 6455 5.6); 0x3 to 0x7 are reserved."""

    cont, text, binary = 0x0, 0x1, 0x2


class ControlFrames(IntEnum):
    """Opcodes of control frames (RFC 6455 5.5); 0xB to 0xF are reserved."""

    close, ping, pong = 0x8, 0x9, 0xA


# The original's list: the codes of RFC 6455 7.4.1 that may stand in a Close frame.
StatusCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011]
