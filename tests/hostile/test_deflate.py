"""permessage-deflate (RFC 7692): wrong frames, wrong data, bombs, and what is merely unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faces import FACES, as_bytes
from peers import deflate, frames
from peers.deflate import EMPTY, RSV1, TAIL, final_block, message, stored
from peers.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

from .faults import MAX_SIZE, Fault, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.raw import Session

pytestmark = pytest.mark.every("scheme", "face")

AGREED = "Sec-WebSocket-Extensions: permessage-deflate"
FORGETFUL = f"{AGREED}; server_no_context_takeover"
DATA = b"to be or not to be, " * 20
DEFLATED = deflate.deflate(DATA)
BOMB = 2**24

# What the server sends once the extension is agreed on. Bad data is 1007, as bad text is.
FAULTS = {
    # "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first
    # fragments" (6).
    "RSV1 on a ping": Fault(frame(PING, b"x", rsv=RSV1), 1002),
    "RSV1 on a pong": Fault(frame(PONG, b"x", rsv=RSV1), 1002),
    "RSV1 on a close": Fault(frame(CLOSE, b"\x03\xe8", rsv=RSV1), 1002),
    "RSV1 on a continuation": Fault(
        frames.binary(b"a", fin=False) + frame(CONTINUATION, b"b", rsv=RSV1), 1002
    ),
    "RSV1 on a continuation of a compressed message": Fault(
        frame(BINARY, DEFLATED[:5], fin=False, rsv=RSV1)
        + frame(CONTINUATION, DEFLATED[5:], rsv=RSV1),
        1002,
    ),
    "RSV1 on an unknown opcode": Fault(frame(3, DEFLATED, rsv=RSV1), 1002),
    "RSV2 beside RSV1": Fault(frame(BINARY, DEFLATED, rsv=RSV1 | 2), 1002),
    "RSV3 beside RSV1": Fault(frame(BINARY, DEFLATED, rsv=RSV1 | 1), 1002),
    "RSV2 alone": Fault(frame(BINARY, DATA, rsv=2), 1002),
    # What is no deflate, and what has no end (7.2.2).
    "data that is no deflate": Fault(message(b"\xff" * 20), 1007),
    "a reserved type of block": Fault(message(b"\x06\x00"), 1007),
    "a distance before the beginning": Fault(message(b"\x03\x02\x00"), 1007),
    "a stored block with a wrong length": Fault(message(b"\0\x05\0\0\0hello"), 1007),
    "data that is cut": Fault(message(DEFLATED[:-3]), 1007),
    "data that is cut, in fragments": Fault(message(DEFLATED[:-3], size=4), 1007),
    "a stored block that is cut": Fault(message(stored(DATA)[:-3]), 1007),
    "a final block that is cut": Fault(message(final_block(DATA)[:-3]), 1007),
    "no deflate behind whole blocks": Fault(message(DEFLATED + TAIL + b"\xff" * 4), 1007),
    "no deflate behind a final block": Fault(message(final_block(DATA) + b"\xff" * 4), 1007),
    "no deflate, before the message is whole": Fault(
        frame(BINARY, b"\xff" * 20, fin=False, rsv=RSV1), 1007
    ),
    "no deflate, before the frame is whole": Fault(
        frame(BINARY, b"\xff" * 120, rsv=RSV1)[:50], 1007
    ),
    "no deflate after good messages": Fault(
        deflate.binary(DATA) + deflate.text(b"good") + message(b"\xff"), 1007, (DATA, b"good")
    ),
    # Text is what inflating makes of it (RFC 6455 8.1).
    "text that is not UTF-8": Fault(deflate.text(b"ab\xff"), 1007),
    "text cut within a code point": Fault(deflate.text(b"ab\xe2\x82"), 1007),
    "text that is not UTF-8, in fragments": Fault(deflate.text(b"ab\xff", size=1), 1007),
    "a wrong byte before the message is whole": Fault(
        frame(TEXT, deflate.deflate(b"ab\xff") + TAIL, fin=False, rsv=RSV1), 1007
    ),
    "text that is wrong before it is too long": Fault(
        message(deflate.deflate_of_zeros(2**20, before=b"\xff"), opcode=TEXT), 1007
    ),
    # The limit is for what a message becomes (10.4).
    "a message over max_size": Fault(deflate.binary(bytes(MAX_SIZE + 1)), 1009),
    "fragments over max_size": Fault(deflate.binary(bytes(MAX_SIZE + 1), size=3), 1009),
    "text over max_size": Fault(deflate.text(b"x" * (MAX_SIZE + 1)), 1009),
    "text over max_size, cut there within a code point": Fault(
        deflate.text("\u20ac".encode() * MAX_SIZE), 1009
    ),
    "a bomb": Fault(message(deflate.deflate_of_zeros(BOMB)), 1009),
    "a bomb in fragments": Fault(message(deflate.deflate_of_zeros(BOMB), size=100), 1009),
    "a bomb before the frame is whole": Fault(message(deflate.deflate_of_zeros(BOMB))[:-9], 1009),
    "a bomb in a final block": Fault(message(final_block(bytes(BOMB)) + EMPTY), 1009),
    "a bomb after good messages": Fault(
        deflate.binary(DATA) + deflate.text(b"good") + message(deflate.deflate_of_zeros(BOMB)),
        1009,
        (DATA, b"good"),
    ),
    "2^40 bytes announced, compressed": Fault(b"\xc2\x7f" + (2**40).to_bytes(8, "big"), 1009),
    "stored blocks of nothing without end": Fault(
        frame(BINARY, b"", fin=False, rsv=RSV1)
        + frames.continuation(stored(b"") * 20, fin=False) * 10_000,
        1009,
    ),
    "final blocks of nothing without end": Fault(
        frame(BINARY, b"", fin=False, rsv=RSV1)
        + frames.continuation(stored(b"", final=True) * 20, fin=False) * 10_000,
        1009,
    ),
    "compressed fragments of no bytes without end": Fault(
        frame(BINARY, b"", fin=False, rsv=RSV1) + frames.continuation(b"", fin=False) * 5000, 1009
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_fails_the_connection_with_its_code(
    raw_peer: MakeRawPeer, face: str, name: str
) -> None:
    await judge(raw_peer, face, FAULTS[name], FORGETFUL, compression="deflate")


async def test_rsv1_without_the_extension_fails_the_connection(
    raw_peer: MakeRawPeer, face: str
) -> None:
    """It was offered, and the server did not take it."""
    await judge(raw_peer, face, Fault(deflate.binary(DATA), 1002), compression="deflate")


async def test_a_server_that_is_to_forget_may_not_repeat_an_earlier_message(
    raw_peer: MakeRawPeer, face: str
) -> None:
    stream = deflate.compressor()
    first, second = (message(deflate.deflate(DATA, stream)) for _ in range(2))
    fault = Fault(first + second, 1007, (DATA,))
    await judge(raw_peer, face, fault, FORGETFUL, compression="deflate")


UNUSUAL = {
    "a stored block": (message(stored(DATA) + EMPTY), DATA),
    "a final block": (message(final_block(DATA) + EMPTY), DATA),
    "a final block, and not the byte behind it": (message(final_block(DATA)), DATA),
    "a final block in fragments": (message(final_block(DATA) + EMPTY, size=1), DATA),
    "a stored final block": (message(stored(DATA, final=True) + EMPTY), DATA),
    "a final block in the middle": (message(final_block(b"to be ") + DEFLATED), b"to be " + DATA),
    "final blocks alone": (message(final_block(b"to ") + final_block(b"be") + EMPTY), b"to be"),
    "several blocks": (message(deflate.several_blocks([DATA[:50], DATA[50:]])), DATA),
    "blocks of nothing": (message(stored(b"") * 50 + DEFLATED), DATA),
    "a message of no bytes": (message(EMPTY), b""),
    "a message of no bytes in fragments": (message(EMPTY, size=1), b""),
    "a message of no bytes in a final block": (message(final_block(b"") + EMPTY), b""),
    "a message of no bytes that leaves out its one byte": (message(b""), b""),
    "fragments of one byte, the last one empty": (message(DEFLATED, size=1), DATA),
    "a first fragment of no bytes": (
        frame(BINARY, b"", fin=False, rsv=RSV1) + frames.continuation(DEFLATED),
        DATA,
    ),
    "a code point in two fragments": (
        deflate.text("\u20ac".encode(), size=2),
        "\u20ac".encode(),
    ),
    "not compressed": (frames.binary(DATA), DATA),
    "pings between fragments": (
        frame(BINARY, DEFLATED[:5], fin=False, rsv=RSV1)
        + frames.ping(b"between")
        + frames.continuation(DEFLATED[5:9], fin=False)
        + frames.ping(b"between")
        + frames.continuation(DEFLATED[9:]),
        DATA,
    ),
}


@pytest.mark.parametrize("agreed", [AGREED, FORGETFUL], ids=["takes over", "forgets"])
@pytest.mark.parametrize("name", UNUSUAL)
async def test_what_is_merely_unusual_is_inflated(
    raw_peer: MakeRawPeer, face: str, name: str, agreed: str
) -> None:
    """And the message after it, which repeats nothing of what was before, is too."""
    sent, whole = UNUSUAL[name]

    def script(session: Session) -> None:
        session.open(agreed)
        session.send(sent, deflate.text(b"the next one"))

    peer = raw_peer(script)
    client = FACES[face](peer.uri, compression="deflate")
    await client.open()
    assert as_bytes(await client.receive()) == whole
    assert as_bytes(await client.receive()) == b"the next one"
    await client.close()
    assert client.close_code == 1000
    await peer.report()
    *pongs, close = peer.sessions[0].frames
    assert close.opcode == CLOSE
    assert {(pong.opcode, pong.payload) for pong in pongs} <= {(PONG, b"between")}
    assert bool(pongs) == (name == "pings between fragments")


async def test_a_context_that_is_taken_over_survives_a_final_block(
    raw_peer: MakeRawPeer, face: str
) -> None:
    """The messages after it repeat each other, and nothing that BFINAL would have ended."""
    stream = deflate.compressor()

    def script(session: Session) -> None:
        session.open(AGREED)
        session.send(message(final_block(b"first") + EMPTY))
        session.send(*(message(deflate.deflate(DATA, stream)) for _ in range(3)))

    client = FACES[face](raw_peer(script).uri, compression="deflate")
    await client.open()
    received = [as_bytes(await client.receive()) for _ in range(4)]
    assert received == [b"first", DATA, DATA, DATA]
    await client.close()


# Lengths about those at which room for what is inflated is made, and the limit itself.
STEP = 2**15
LIMIT = 4 * STEP


@pytest.mark.parametrize("length", [STEP - 1, STEP, STEP + 1, 2 * STEP, LIMIT - 1, LIMIT])
async def test_a_small_frame_may_become_as_long_as_max_size(
    raw_peer: MakeRawPeer, face: str, length: int
) -> None:
    """However the compressor ends it."""
    ends = (deflate.deflate(bytes(length)), final_block(bytes(length)) + EMPTY)

    def script(session: Session) -> None:
        session.open(FORGETFUL)
        session.send(*map(message, ends), deflate.text(b"the next one"))

    client = FACES[face](raw_peer(script).uri, compression="deflate", max_size=LIMIT)
    await client.open()
    for _ in ends:
        assert as_bytes(await client.receive()) == bytes(length)
    assert as_bytes(await client.receive()) == b"the next one"
    await client.close()
    assert client.close_code == 1000


@pytest.mark.parametrize("end", [deflate.deflate, final_block], ids=["flushed", "final"])
async def test_one_byte_more_than_max_size_is_too_much(
    raw_peer: MakeRawPeer, face: str, end: Callable[[bytes], bytes]
) -> None:
    at_most, too_much = message(end(bytes(MAX_SIZE))), message(end(bytes(MAX_SIZE + 1)))
    fault = Fault(at_most + too_much, 1009, (bytes(MAX_SIZE),))
    await judge(raw_peer, face, fault, FORGETFUL, compression="deflate")
