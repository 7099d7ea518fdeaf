"""The attacks on memory: what the server does, what the application does meanwhile, the bound.

One table for the tests and for `make attacks`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from . import bombs, floods

if TYPE_CHECKING:
    from peers.raw import Script

MIB = 2**20

# What the application does: receives until the end; receives nothing, or nothing for a while; sends
# for as long as it may; sends with a limit on each send's time; closes at once; logs each frame,
# but blocks its loop.
Application = Literal[
    "receives",
    "waits",
    "waits, then receives",
    "sends",
    "gives up sending",
    "closes",
    "blocks and logs",
]


class Limits(NamedTuple):
    """The defaults of a face."""

    max_size: int
    max_buffered: int

    @property
    def bound(self) -> int:
        """The most memory that an attack may cost: two messages, what may wait, and 8 MiB."""
        return 2 * self.max_size + self.max_buffered + 8 * MIB


LIMITS = {"connect": Limits(MIB, 4 * MIB), "AioWebSocket": Limits(64 * MIB, 64 * MIB)}


class Attack(NamedTuple):
    """A script of the server's, the application's part in it, and how the connection then ends."""

    script: Script
    application: Application
    ending: str
    most: int | None = None

    def bound(self, face: str) -> int:
        """The most memory that it may cost: its own bound, or the face's."""
        return LIMITS[face].bound if self.most is None else self.most

    @property
    def name(self) -> str:
        """As the table shows it."""
        what = self.script.__name__.replace("_", " ").replace("2 62", "2^62")
        return f"{what}; the application {self.application}"


TOO_BIG = "ConnectionClosedError, sent 1009, PayloadTooBig"
WELL = "ConnectionClosedOK, sent 1000"
GONE = "ConnectionClosedError, EOFError"
CLOSED = "closed, 1000"
ABORTED = "closed, 1006"

ATTACKS = (
    Attack(floods.announcement_of_2_62_bytes, "receives", TOO_BIG),
    Attack(floods.announcement_over_max_size, "receives", TOO_BIG),
    Attack(floods.fragments_over_max_size, "receives", TOO_BIG),
    Attack(floods.fragments_of_no_bytes_without_end, "receives", TOO_BIG),
    Attack(floods.fragments_of_one_byte_without_end, "receives", TOO_BIG),
    Attack(floods.fragments_of_no_bytes_with_an_end, "receives", WELL),
    Attack(floods.pings, "waits", ABORTED),
    Attack(floods.pings_behind_an_unread_message, "waits", ABORTED),
    Attack(floods.pongs_behind_an_unread_message, "waits", ABORTED),
    Attack(floods.pongs_of_100_megabytes, "blocks and logs", CLOSED, 16 * MIB),
    Attack(floods.pings_within_a_message, "waits", ABORTED),
    Attack(floods.messages_of_one_byte, "waits", CLOSED),
    Attack(floods.messages_of_one_byte, "receives", WELL),
    Attack(floods.messages_of_no_bytes, "waits", CLOSED),
    Attack(floods.messages_of_fragments_of_no_bytes, "waits", ABORTED),
    Attack(floods.message_of_max_size, "receives", WELL),
    Attack(floods.text_of_max_size, "receives", WELL),
    Attack(floods.text_of_max_size_in_fragments, "receives", WELL),
    Attack(floods.messages_just_under_max_size, "waits", ABORTED),
    Attack(floods.half_a_message_behind_unread_ones, "waits", ABORTED),
    Attack(floods.field_of_16_mib, "receives", "InvalidMessage"),
    Attack(floods.fields_by_the_thousand, "receives", "InvalidMessage"),
    Attack(floods.interim_responses_without_end, "receives", "InvalidMessage"),
    Attack(floods.refusal_without_end, "receives", "InvalidStatus"),
    Attack(floods.refusal_in_chunks_without_end, "receives", "InvalidStatus"),
    Attack(floods.chunk_size_without_end, "receives", "InvalidStatus"),
    Attack(floods.chunk_trailer_without_end, "receives", "InvalidStatus"),
    Attack(floods.frames_behind_the_response, "waits", ABORTED),
    Attack(floods.messages_after_close, "closes", ABORTED),
    Attack(floods.messages_of_one_byte_after_close, "closes", ABORTED),
    Attack(floods.data_behind_a_fault, "waits", ABORTED),
    Attack(floods.no_reading, "sends", ABORTED),
    Attack(floods.no_reading, "gives up sending", ABORTED),
    Attack(bombs.bomb, "receives", TOO_BIG),
    Attack(bombs.bomb_in_fragments, "receives", TOO_BIG),
    Attack(bombs.bomb_behind_unread_messages, "waits", ABORTED),
    Attack(bombs.bomb_of_max_size, "receives", WELL),
    Attack(bombs.bombs_just_under_max_size, "waits", ABORTED),
    Attack(bombs.segment_of_bombs, "receives", WELL),
    Attack(bombs.segment_of_bombs, "waits, then receives", WELL),
    Attack(bombs.segment_of_bombs_and_no_close, "waits", CLOSED),
    Attack(bombs.segment_of_bombs_and_the_end_of_tcp, "waits", ABORTED),
    Attack(bombs.segment_of_bombs_and_the_end_of_tcp, "waits, then receives", GONE),
    Attack(bombs.blocks_of_nothing_without_end, "receives", TOO_BIG),
    Attack(bombs.plain_message_of_max_size, "receives", WELL),
    Attack(bombs.plain_messages_just_under_max_size, "waits", ABORTED),
    Attack(bombs.bombs_after_close, "closes", ABORTED),
)
