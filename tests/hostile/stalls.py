"""Scripts of a server that keeps a client waiting: while it opens, and while it closes.

Each function is one way to do so. A script ends when the client has gone, or when it has lasted
long enough for any deadline that is tested.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING

from peers import frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from peers.raw import Session

LASTING = 6.0
A_BYTE_EACH = 0.3  # seconds: faster than any timeout of a single read
BLOCK = 2**16
REFUSAL = b"HTTP/1.1 403 Forbidden\r\n"


def silence(session: Session) -> None:
    """Accept TCP and say nothing; what the client begins with is left unread."""
    session.go.wait(LASTING)


def tls_record_without_end(session: Session) -> None:
    """Announce a TLS record of a handshake, and send it byte by byte."""
    trickle(session, b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03")


def no_response(session: Session) -> None:
    """Read the request and say nothing."""
    session.read_request()
    session.receive_ending()


def slow_loris(session: Session) -> None:
    """Send a good response byte by byte."""
    trickle(session, session.response(session.read_request()))


def slow_fields_without_end(session: Session) -> None:
    """Send one field after the other, each whole."""
    session.read_request()
    session.send(b"HTTP/1.1 101 Switching Protocols\r\n")
    repeat(session, lambda: b"X: y\r\n", every=0.05)


def continue_without_end(session: Session) -> None:
    """Send one interim response after the other."""
    session.read_request()
    repeat(session, lambda: b"HTTP/1.1 100 Continue\r\n\r\n", every=0.02)


def head_without_end(session: Session) -> None:
    """Send a field whose value does not end, as fast as the client takes it."""
    session.read_request()
    session.send(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
    flood(session, lambda: b"x" * BLOCK)


def refusal_without_body(session: Session) -> None:
    """Refuse, and announce a body that does not come."""
    session.read_request()
    session.send(REFUSAL, b"Content-Length: 1000\r\n\r\n")
    session.receive_ending()


def refusal_byte_by_byte(session: Session) -> None:
    """Refuse, with a body of no known length that trickles."""
    session.read_request()
    session.send(REFUSAL, b"\r\n")
    trickle(session, b"x" * 1000)


def refusal_in_chunks_without_end(session: Session) -> None:
    """Refuse, with a chunk of one byte after the other."""
    session.read_request()
    session.send(REFUSAL, b"Transfer-Encoding: chunked\r\n\r\n")
    repeat(session, lambda: b"1\r\nx\r\n", every=0.02)


def refusal_without_end(session: Session) -> None:
    """Refuse, with a body that does not end, as fast as the client takes it."""
    session.read_request()
    session.send(REFUSAL, b"\r\n")
    flood(session, lambda: b"x" * BLOCK)


def no_answer_to_close(session: Session) -> None:
    """Read everything, the Close too, and do nothing."""
    session.open()
    session.wait_for_end()


def no_reading(session: Session) -> None:
    """Read nothing from the 101 on."""
    session.open()
    session.go.wait(LASTING)


def close_but_no_end_of_tcp(session: Session) -> None:
    """Answer Close, and keep the connection: no FIN, no close_notify, not even an answer to one."""
    read_close(session)
    session.send_close()
    session.wait_for_end()


def close_unasked_but_no_end_of_tcp(session: Session) -> None:
    """Begin the closing handshake, and keep the connection."""
    session.open()
    session.send_close()
    session.wait_for_end()


def fault_but_no_end_of_tcp(session: Session) -> None:
    """Break the protocol, and keep the connection though the client ends its side at once."""
    session.open()
    session.send(frames.frame(3))
    session.wait_for_end()
    session.go.wait(LASTING)


def half_a_close(session: Session) -> None:
    """Answer Close with a part of a frame."""
    read_close(session)
    session.send(frames.close(1000, "half")[:3])
    session.wait_for_end()


def close_byte_by_byte(session: Session) -> None:
    """Answer Close at a pace that never gets to its end in time."""
    read_close(session)
    trickle(session, frames.close(1000, "slow" * 20))


def data_after_close(session: Session) -> None:
    """Answer Close with 1 KiB a second, in small messages."""
    read_close(session)
    repeat(session, lambda: frames.binary(bytes(100)), every=0.1)


def flood_after_close(session: Session) -> None:
    """Answer Close with data as fast as the client takes it."""
    read_close(session)
    flood(session, lambda: frames.binary(bytes(BLOCK)))


def tiny_flood_after_close(session: Session) -> None:
    """Answer Close with messages of one byte."""
    read_close(session)
    flood(session, lambda: frames.binary(b"x") * 20_000)


def pings_after_close(session: Session) -> None:
    """Answer Close with pings as fast as the client takes them, and read no pong."""
    read_close(session)
    flood(session, lambda: frames.ping(bytes(100)) * 1000)


def flood_without_reading(session: Session) -> None:
    """Send data from the beginning on, and read nothing, the Close neither."""
    session.open()
    flood(session, lambda: frames.binary(bytes(BLOCK)))


def pings_without_reading(session: Session) -> None:
    """Send pings from the beginning on, and read neither pongs nor Close."""
    session.open()
    flood(session, lambda: frames.ping(bytes(100)) * 1000)


OPENING = (
    silence,
    tls_record_without_end,
    no_response,
    slow_loris,
    slow_fields_without_end,
    continue_without_end,
    head_without_end,
    refusal_without_body,
    refusal_byte_by_byte,
    refusal_in_chunks_without_end,
    refusal_without_end,
)
# Those that come before TLS has begun.
BELOW_TLS = (silence, tls_record_without_end)
CLOSING = (
    no_answer_to_close,
    no_reading,
    close_but_no_end_of_tcp,
    close_unasked_but_no_end_of_tcp,
    fault_but_no_end_of_tcp,
    half_a_close,
    close_byte_by_byte,
    data_after_close,
    flood_after_close,
    tiny_flood_after_close,
    pings_after_close,
    flood_without_reading,
    pings_without_reading,
)


def read_close(session: Session) -> None:
    """Open, and read on to the client's Close."""
    session.open()
    while session.receive().opcode != frames.CLOSE:
        pass


def trickle(session: Session, data: bytes) -> None:
    """Send byte by byte, then nothing."""
    pieces = (bytes([byte]) for byte in data)
    repeat(session, lambda: next(pieces, b""), every=A_BYTE_EACH)


def repeat(session: Session, make: Callable[[], bytes], *, every: float) -> None:
    """Send something new at intervals."""
    with contextlib.suppress(OSError):
        for _ in lasting():
            session.send(make())
            time.sleep(every)


def flood(session: Session, make: Callable[[], bytes]) -> None:
    """Send the same again and again, as fast as the client takes it, until it goes."""
    block = make()
    with contextlib.suppress(OSError):
        while True:
            session.send(block)


def lasting() -> Iterator[int]:
    """Count for as long as a script lasts."""
    end = time.monotonic() + LASTING
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())
