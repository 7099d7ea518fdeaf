"""Scripts of a server that is after the client's memory.

A script knows the limit that it works against from the path of the request. It sends for as long
as the client takes it, and reads what it must, which is mostly nothing.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from peers import frames
from peers.frames import frame

from .stalls import REFUSAL, flood, read_close

if TYPE_CHECKING:
    from peers.raw import Request, Session

MANY = 1_000_000
BATCH = 10_000
PONGS = 100_000_000  # bytes of them, headers included
SMALL = 60_000  # a message that fits a read many times
MEGABYTE = 2**20


def greeting(session: Session) -> None:
    """No attack: one message and a good end, with which the client warms up."""
    session.open()
    session.send(frames.text("hello"))
    end_well(session)


def announcement_of_2_62_bytes(session: Session) -> None:
    session.open()
    session.send(b"\x82\x7f" + (2**62).to_bytes(8, "big"), bytes(MEGABYTE))
    session.receive_ending()


def announcement_over_max_size(session: Session) -> None:
    limit = open_under_attack(session)
    session.send(b"\x82\x7f" + (limit + 1).to_bytes(8, "big"), bytes(MEGABYTE))
    session.receive_ending()


def fragments_over_max_size(session: Session) -> None:
    """One byte more than allowed, in fragments of 16 KiB."""
    limit = open_under_attack(session)
    session.send(frames.binary(b"x", fin=False))
    for _ in range(limit // 2**14):
        session.send(frames.continuation(bytes(2**14), fin=False))
    session.receive_ending()


def fragments_of_no_bytes_without_end(session: Session) -> None:
    session.open()
    session.send(frames.binary(b"", fin=False))
    flood(session, lambda: frames.continuation(b"", fin=False) * BATCH)


def fragments_of_one_byte_without_end(session: Session) -> None:
    session.open()
    session.send(frames.binary(b"", fin=False))
    flood(session, lambda: frames.continuation(b"x", fin=False) * BATCH)


def fragments_of_no_bytes_with_an_end(session: Session) -> None:
    session.open()
    session.send(frames.binary(b"", fin=False))
    repeat(session, frames.continuation(b"", fin=False))
    session.send(frames.continuation(b""))
    end_well(session)


def pings(session: Session) -> None:
    session.open()
    session.send(frames.ping(bytes(100)) * 20_000)
    flood(session, lambda: frames.ping(bytes(125)) * BATCH)


def pings_behind_an_unread_message(session: Session) -> None:
    session.open()
    session.send(frames.binary(b"x"))
    flood(session, lambda: frames.ping(bytes(125)) * BATCH)


def pongs_behind_an_unread_message(session: Session) -> None:
    session.open()
    session.send(frames.binary(b"x"))
    flood(session, lambda: frames.pong(bytes(125)) * BATCH)


def pongs_of_100_megabytes(session: Session) -> None:
    session.open()
    for _ in range(PONGS // (125 * BATCH)):
        session.send(frames.pong(bytes(123)) * BATCH)
    end_well(session)


def pings_within_a_message(session: Session) -> None:
    session.open()
    session.send(frames.binary(b"x", fin=False))
    flood(session, lambda: frames.ping(bytes(125)) * BATCH)


def messages_of_one_byte(session: Session) -> None:
    session.open()
    repeat(session, frames.binary(b"x"))
    end_well(session)


def messages_of_no_bytes(session: Session) -> None:
    session.open()
    repeat(session, frames.binary(b""))
    end_well(session)


def messages_of_fragments_of_no_bytes(session: Session) -> None:
    """Each message has one byte, and headers that are worth much more."""
    session.open()
    empty = frames.continuation(b"", fin=False) * SMALL
    flood(session, lambda: frames.binary(b"x", fin=False) + empty + frames.continuation(b""))


def message_of_max_size(session: Session) -> None:
    limit = open_under_attack(session)
    session.send(frames.binary(bytes(limit)))
    end_well(session)


def text_of_max_size(session: Session) -> None:
    limit = open_under_attack(session)
    session.send(frame(frames.TEXT, b"x" * limit))
    end_well(session)


def text_of_max_size_in_fragments(session: Session) -> None:
    limit = open_under_attack(session)
    session.send(frame(frames.TEXT, b"", fin=False))
    for _ in range(limit // 2**14):
        session.send(frames.continuation(b"x" * 2**14, fin=False))
    session.send(frames.continuation(b""))
    end_well(session)


def messages_just_under_max_size(session: Session) -> None:
    limit = open_under_attack(session)
    flood(session, lambda: frames.binary(bytes(limit - 1)))


def half_a_message_behind_unread_ones(session: Session) -> None:
    """As much as may wait, and then a message that nearly reaches its limit."""
    limit = open_under_attack(session)
    session.send(frames.binary(bytes(SMALL)) * 69)
    session.send(frames.binary(bytes(limit))[:-1])
    session.receive_ending()


def field_of_16_mib(session: Session) -> None:
    session.read_request()
    session.send(b"HTTP/1.1 101 Switching Protocols\r\nX: ", b"x" * 2**24)
    session.receive_ending()


def fields_by_the_thousand(session: Session) -> None:
    session.read_request()
    session.send(b"HTTP/1.1 101 Switching Protocols\r\n")
    flood(session, lambda: b"X: y\r\n" * BATCH)


def interim_responses_without_end(session: Session) -> None:
    session.read_request()
    flood(session, lambda: b"HTTP/1.1 100 Continue\r\n\r\n" * BATCH)


def refusal_without_end(session: Session) -> None:
    session.read_request()
    session.send(REFUSAL, b"\r\n")
    flood(session, lambda: bytes(MEGABYTE))


def refusal_in_chunks_without_end(session: Session) -> None:
    session.read_request()
    session.send(REFUSAL, b"Transfer-Encoding: chunked\r\n\r\n")
    flood(session, lambda: b"1\r\nx\r\n" * BATCH)


def chunk_size_without_end(session: Session) -> None:
    session.read_request()
    session.send(REFUSAL, b"Transfer-Encoding: chunked\r\n\r\n")
    flood(session, lambda: b"0" * MEGABYTE)


def chunk_trailer_without_end(session: Session) -> None:
    session.read_request()
    session.send(REFUSAL, b"Transfer-Encoding: chunked\r\n\r\n0\r\n")
    flood(session, lambda: b"X: y\r\n" * BATCH)


def frames_behind_the_response(session: Session) -> None:
    """Data in the same segment as the 101, and as much of it as goes."""
    request = session.read_request()
    session.send(session.response(request), frames.binary(bytes(SMALL)) * 100)
    flood(session, lambda: frames.binary(bytes(SMALL)))


def messages_after_close(session: Session) -> None:
    read_close(session)
    flood(session, lambda: frames.binary(bytes(SMALL)))


def messages_of_one_byte_after_close(session: Session) -> None:
    read_close(session)
    flood(session, lambda: frames.binary(b"x") * BATCH)


def data_behind_a_fault(session: Session) -> None:
    session.open()
    session.send(frame(3))
    flood(session, lambda: bytes(MEGABYTE))


def no_reading(session: Session) -> None:
    session.open()
    session.go.wait(10)


SCRIPTS = (
    greeting,
    announcement_of_2_62_bytes,
    announcement_over_max_size,
    fragments_over_max_size,
    fragments_of_no_bytes_without_end,
    fragments_of_one_byte_without_end,
    fragments_of_no_bytes_with_an_end,
    pings,
    pings_behind_an_unread_message,
    pongs_behind_an_unread_message,
    pongs_of_100_megabytes,
    pings_within_a_message,
    messages_of_one_byte,
    messages_of_no_bytes,
    messages_of_fragments_of_no_bytes,
    message_of_max_size,
    text_of_max_size,
    text_of_max_size_in_fragments,
    messages_just_under_max_size,
    half_a_message_behind_unread_ones,
    field_of_16_mib,
    fields_by_the_thousand,
    interim_responses_without_end,
    refusal_without_end,
    refusal_in_chunks_without_end,
    chunk_size_without_end,
    chunk_trailer_without_end,
    frames_behind_the_response,
    messages_after_close,
    messages_of_one_byte_after_close,
    data_behind_a_fault,
    no_reading,
)


def open_under_attack(session: Session) -> int:
    """Take the opening handshake; the limit that there is to attack."""
    return max_size(session.open())


def max_size(request: Request) -> int:
    """The client's, which the path of its request tells."""
    return int(request.request_line.split(" ")[1].removeprefix("/"))


def end_well(session: Session) -> None:
    """Close as a good server does: what has been sent is to be received."""
    session.send_close()
    session.see_off()


def repeat(session: Session, data: bytes) -> None:
    """Send the same so many times, in segments of a good size."""
    batches = itertools.repeat(data * BATCH, MANY // BATCH)
    for batch in batches:
        session.send(batch)
