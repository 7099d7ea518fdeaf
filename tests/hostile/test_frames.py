"""Frames (RFC 6455 5 and 8.1): what fails a connection and with which code, and what must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faces import FACES, as_bytes
from peers import frames
from peers.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame

from .faults import MAX_SIZE, Fault, judge

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme", "face")

KEY = b"\1\2\3\4"
EURO = "\u20ac".encode()

FAULTS = {
    # A server masks nothing (5.1).
    "a masked text": Fault(frame(TEXT, b"x", masking_key=KEY), 1002),
    "a masked continuation": Fault(
        frames.text("a", fin=False) + frame(CONTINUATION, b"x", masking_key=KEY), 1002
    ),
    "a masked ping": Fault(frame(PING, b"x", masking_key=KEY), 1002),
    "a masked close": Fault(frame(CLOSE, b"\x03\xe8", masking_key=KEY), 1002),
    # Reserved bits and opcodes (5.2).
    "RSV1": Fault(frame(TEXT, b"x", rsv=4), 1002),
    "RSV2": Fault(frame(TEXT, b"x", rsv=2), 1002),
    "RSV3": Fault(frame(TEXT, b"x", rsv=1), 1002),
    "RSV1 on a ping": Fault(frame(PING, rsv=4), 1002),
    "RSV1 on a continuation": Fault(frames.text("a", fin=False) + frame(CONTINUATION, rsv=4), 1002),
    "opcode 3": Fault(frame(3), 1002),
    "opcode 7": Fault(frame(7), 1002),
    "opcode 11": Fault(frame(11), 1002),
    "opcode 15": Fault(frame(15), 1002),
    # "The minimal number of bytes MUST be used", "the most significant bit MUST be 0" (5.2).
    "16 bits for a length of 125": Fault(frame(TEXT, b"x" * 125, length_field=126), 1002),
    "64 bits for a length of 126": Fault(frame(TEXT, b"x" * 126, length_field=127), 1002),
    "64 bits for a length of 65535": Fault(frame(TEXT, b"x" * 65535, length_field=127), 1002),
    "a length with its top bit set": Fault(b"\x82\x7f\x80" + bytes(7), 1002),
    "a length of all bits": Fault(b"\x82\x7f" + b"\xff" * 8, 1002),
    # Control frames (5.5).
    "a ping of 126 bytes": Fault(frame(PING, b"x" * 126), 1002),
    "a close of 126 bytes": Fault(frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "a ping that announces 2^62 bytes": Fault(b"\x89\x7f" + (2**62).to_bytes(8, "big"), 1002),
    "a fragmented ping": Fault(frame(PING, b"x", fin=False), 1002),
    "a fragmented close": Fault(frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    # Fragments (5.4).
    "a continuation of nothing": Fault(frames.continuation(b"x"), 1002),
    "a continuation after the end": Fault(
        frames.text("a") + frames.continuation(b"x"), 1002, (b"a",)
    ),
    "a message within a message": Fault(frames.text("a", fin=False) + frames.text("b"), 1002),
    # The limit (10.4), decided on the header.
    "a frame over max_size": Fault(frame(BINARY, bytes(MAX_SIZE + 1)), 1009),
    "2^40 bytes announced": Fault(b"\x82\x7f" + (2**40).to_bytes(8, "big"), 1009),
    "2^63 - 1 bytes announced": Fault(b"\x82\x7f" + (2**63 - 1).to_bytes(8, "big"), 1009),
    "fragments over max_size": Fault(
        frames.binary(bytes(600), fin=False) + frames.continuation(bytes(401)), 1009
    ),
    "fragments over max_size, by the header": Fault(
        frames.binary(bytes(600), fin=False) + frame(CONTINUATION, bytes(401))[:4], 1009
    ),
    "2^63 - 1 bytes announced by a continuation": Fault(
        frames.binary(b"x", fin=False) + b"\x80\x7f" + (2**63 - 1).to_bytes(8, "big"), 1009
    ),
    "fragments without end, empty": Fault(
        frames.binary(b"", fin=False) + frames.continuation(b"", fin=False) * 5000, 1009
    ),
    "fragments without end, of one byte": Fault(
        frames.binary(b"", fin=False) + frames.continuation(b"x", fin=False) * 1001, 1009
    ),
    # Text (8.1).
    "text that is not UTF-8": Fault(frame(TEXT, b"abc\xff"), 1007),
    "a surrogate": Fault(frame(TEXT, b"\xed\xa0\x80"), 1007),
    "an overlong form": Fault(frame(TEXT, b"\xc0\xaf"), 1007),
    "a code point beyond U+10FFFF": Fault(frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "text cut within a code point": Fault(frame(TEXT, EURO[:2]), 1007),
    "a code point cut by the end of the fragments": Fault(
        frame(TEXT, EURO[:1], fin=False) + frames.continuation(EURO[1:2]), 1007
    ),
    "a code point that a fragment breaks off": Fault(
        frame(TEXT, EURO[:2], fin=False) + frames.continuation(b"x", fin=False), 1007
    ),
    "a wrong byte before the message is whole": Fault(frame(TEXT, b"ab\xff", fin=False), 1007),
    "a wrong byte before the frame is whole": Fault(frame(TEXT, b"ab\xff" + b"x" * 97)[:50], 1007),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_fails_the_connection_with_its_code(
    raw_peer: MakeRawPeer, face: str, name: str
) -> None:
    await judge(raw_peer, face, FAULTS[name])


def fragments(*payloads: bytes) -> list[bytes]:
    """Frames of one text message."""
    first, *middle, last = payloads
    return [
        frame(TEXT, first, fin=False),
        *(frames.continuation(payload, fin=False) for payload in middle),
        frames.continuation(last),
    ]


WELCOME = {
    "fragments of no bytes": (b"".join(fragments(b"", b"", b"")), b""),
    "fragments of no bytes, first, middle and last": (
        b"".join(fragments(b"", b"a", b"", b"b", b"")),
        b"ab",
    ),
    "a code point over fragments": (
        b"".join(fragments(EURO[:1], b"", EURO[1:2], EURO[2:])),
        EURO,
    ),
    "pings and pongs between fragments": (
        frames.ping(b"between").join(fragments(b"a", b"b", b"c")) + frames.pong(b"unasked"),
        b"abc",
    ),
    "a message of max_size": (frame(TEXT, b"x" * MAX_SIZE), b"x" * MAX_SIZE),
    "fragments of max_size": (b"".join(fragments(b"x" * 600, b"x" * 400)), b"x" * MAX_SIZE),
    "max_size in fragments of one byte": (b"".join(fragments(*[b"x"] * MAX_SIZE)), b"x" * MAX_SIZE),
    "lengths about 126": (frame(TEXT, b"x" * 125) + frame(TEXT, b"x" * 126), b"x" * 125),
    "a control frame of 125 bytes": (frames.ping(b"p" * 125) + frames.text("a"), b"a"),
}


@pytest.mark.parametrize("name", WELCOME)
async def test_what_only_looks_wrong_is_welcome(
    raw_peer: MakeRawPeer, face: str, name: str
) -> None:
    sent, message = WELCOME[name]

    def script(session: Session) -> None:
        session.open()
        session.send(sent, frames.text("last"))

    client = FACES[face](raw_peer(script).uri, max_size=MAX_SIZE)
    await client.open()
    assert as_bytes(await client.receive()) == message
    while as_bytes(await client.receive()) != b"last":
        pass
    await client.close()
    assert client.close_code == 1000


async def test_of_a_flood_of_pings_the_last_is_answered(raw_peer: MakeRawPeer, face: str) -> None:
    """All of them may be, but a peer that does not read is owed only the latest (5.5.3)."""
    pings = [number.to_bytes(100, "big") for number in range(20_000)]

    def script(session: Session) -> None:
        session.open()
        session.send(*map(frames.ping, pings), frames.text("flooded"))

    peer = raw_peer(script)
    client = FACES[face](peer.uri)
    await client.open()
    assert as_bytes(await client.receive()) == b"flooded"
    await client.close()
    await peer.report()
    *pongs, _ = peer.sessions[0].frames
    assert {pong.opcode for pong in pongs} == {frames.PONG}
    answered = [pong.payload for pong in pongs]
    assert answered == sorted(set(answered))
    assert answered[-1] == pings[-1]
    assert set(answered) <= set(pings)
