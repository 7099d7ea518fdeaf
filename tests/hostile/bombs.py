"""Scripts of a server that is after the client's memory by compression, a thousand to one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from peers import deflate, frames
from peers.frames import BINARY, frame

from .floods import BATCH, SMALL, end_well, max_size
from .stalls import flood

if TYPE_CHECKING:
    from peers.raw import Session

AGREED = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"
EXPLODED = 2**29
IN_ONE_READ = 250


@functools.cache
def zeros(size: int) -> bytes:
    """What inflates to so many zeros; made once."""
    return deflate.deflate_of_zeros(size)


def bomb(session: Session) -> None:
    session.open(AGREED)
    session.send(deflate.message(zeros(EXPLODED)))
    session.receive_ending()


def bomb_in_fragments(session: Session) -> None:
    session.open(AGREED)
    session.send(deflate.message(zeros(EXPLODED), size=1000))
    session.receive_ending()


def bomb_behind_unread_messages(session: Session) -> None:
    """As much as may wait, and then a message that becomes too long."""
    session.open(AGREED)
    session.send(deflate.message(zeros(SMALL)) * 69, deflate.message(zeros(EXPLODED)))
    session.receive_ending()


def bomb_of_max_size(session: Session) -> None:
    limit = max_size(session.open(AGREED))
    session.send(deflate.message(zeros(limit)))
    end_well(session)


def bombs_just_under_max_size(session: Session) -> None:
    """Many of them fit one read."""
    message = under_max_size(session)
    flood(session, lambda: message * IN_ONE_READ)


def segment_of_bombs(session: Session) -> None:
    session.send(segment(session))
    end_well(session)


def segment_of_bombs_and_no_close(session: Session) -> None:
    session.send(segment(session))
    session.see_off()


def segment_of_bombs_and_the_end_of_tcp(session: Session) -> None:
    session.send(segment(session))
    session.finish()
    session.receive_ending()


def blocks_of_nothing_without_end(session: Session) -> None:
    """Stored blocks that inflate to no byte, in fragments."""
    session.open(AGREED)
    session.send(frame(BINARY, b"", fin=False, rsv=deflate.RSV1))
    blocks = frames.continuation(deflate.stored(b"") * BATCH, fin=False)
    flood(session, lambda: blocks)


def plain_message_of_max_size(session: Session) -> None:
    """The extension is agreed on, and not used."""
    limit = max_size(session.open(AGREED))
    session.send(frames.binary(bytes(limit)))
    end_well(session)


def plain_messages_just_under_max_size(session: Session) -> None:
    limit = max_size(session.open(AGREED))
    flood(session, lambda: frames.binary(bytes(limit - 1)))


def bombs_after_close(session: Session) -> None:
    message = under_max_size(session)
    while session.receive().opcode != frames.CLOSE:
        pass
    flood(session, lambda: message * IN_ONE_READ)


SCRIPTS = (
    bomb,
    bomb_in_fragments,
    bomb_behind_unread_messages,
    bomb_of_max_size,
    bombs_just_under_max_size,
    segment_of_bombs,
    segment_of_bombs_and_no_close,
    segment_of_bombs_and_the_end_of_tcp,
    blocks_of_nothing_without_end,
    plain_message_of_max_size,
    plain_messages_just_under_max_size,
    bombs_after_close,
)


def under_max_size(session: Session) -> bytes:
    """Take the opening handshake; a message that becomes nearly as long as it may."""
    return deflate.message(zeros(max_size(session.open(AGREED)) - 1))


def segment(session: Session) -> bytes:
    """Take the opening handshake; bombs that are together no longer than the largest one."""
    message = under_max_size(session)
    return message * min(IN_ONE_READ, len(zeros(EXPLODED)) // len(message))
