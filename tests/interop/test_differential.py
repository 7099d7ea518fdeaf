"""The same bytes of a server, read by us and by websockets' sans-IO parser.

Both give the same messages and Pongs, then the same end: the server's Close, a close code of their
own, or none. Where they may differ stands in one table, each row with its argument and an example.
More cases than the few of every run: DIFFERENTIAL_CASES=50000.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import re
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

import aiowebsocket
from aiowebsocket import connect
from peers import frames

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 6455 1.3: a key and its answer, which can thus be written before it is asked for.
KEY = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
BATCH = 100
BATCHES = -(-int(os.environ.get("DIFFERENTIAL_CASES", "500")) // BATCH)
MAX_SIZE = 300


class Reading(NamedTuple):
    """What a client makes of a server's bytes."""

    messages: list[str | bytes]
    pongs: list[bytes]
    # "closed" or "failed", the code, and of a failure the reason.
    end: str

    @property
    def code(self) -> str:
        return self.end.split(":")[0]


@dataclass(frozen=True)
class Difference:
    """Ends that may differ, and which of the two may have read on."""

    ours: str
    theirs: str
    because: str
    example: bytes
    goes_on: Literal["neither", "we", "they"] = "neither"

    def covers(self, ours: Reading, theirs: Reading) -> bool:
        if not (re.match(self.ours, ours.end) and re.match(self.theirs, theirs.end)):
            return False
        return (
            same(ours, theirs)
            or (self.goes_on == "we" and begins(theirs, ours))
            or (self.goes_on == "they" and begins(ours, theirs))
        )


BY_HEADER = (
    r"failed 1002: (reserved bits|opcode|Ping|Pong|Close|text|binary|continuation)"
    r"(?!.*invalid code|.*body of one byte)"
)

DIFFERENCES = (
    Difference(
        ours=r"failed 1002: payload length \d+ is written in",
        theirs=r".*",
        because="RFC 6455 5.2: the minimal number of bytes MUST be used; they do not look",
        example=frames.frame(frames.BINARY, b"x", length_field=126) + frames.close(1000),
        goes_on="they",
    ),
    Difference(
        ours=r"failed 1002: payload length \d+ has its top bit set",
        theirs=r"failed (1009|1006)",
        because="RFC 6455 5.2: the top bit MUST be 0, so this is no length and not a big one",
        example=b"\x82\x7f" + b"\xff" * 8,
    ),
    Difference(
        ours=r"failed 1007: text message is not valid UTF-8",
        theirs=r".*",
        because="RFC 6455 8.1: we fail at the wrong byte, they at the message's end",
        example=frames.text("", fin=False)
        + frames.continuation(b"\xff", fin=False)
        + frames.ping(),
        goes_on="they",
    ),
    Difference(
        ours=BY_HEADER,
        theirs=r"failed 1006",
        because="we fail at the header, they wait for the payload, which does not come",
        example=b"\xc1\x05Hel",
    ),
    Difference(
        ours=BY_HEADER,
        theirs=r"failed 1009",
        because="a frame with two faults: we name the one that no limit excuses",
        example=frames.frame(frames.PING, b"x" * 301),
    ),
    Difference(
        ours=r".*",
        theirs=r"failed 1009: frame with \d{1,3} bytes after reading",
        because="they hold a Ping between fragments to what is left of the message's limit",
        example=frames.text("x" * 299, fin=False) + frames.ping(b"xx") + frames.continuation(b"x"),
        goes_on="we",
    ),
    Difference(
        ours=r"closed \d+|failed (1002|1007): (Close|the reason)",
        theirs=r"failed 1002: incomplete fragmented message",
        because="RFC 6455 5.4: control frames MAY come between fragments, and a Close is one",
        example=frames.text("a", fin=False) + frames.close(1000),
    ),
    Difference(
        ours=r"failed 1002: Close frame carries the invalid code",
        theirs=r"failed 1007",
        because="a Close with two faults: the code comes first on the wire",
        example=frames.frame(frames.CLOSE, b"\x00\x00\xff"),
    ),
)


@pytest.mark.parametrize("batch", range(BATCHES))
async def test_the_same_bytes_are_the_same_messages_and_the_same_end(batch: int) -> None:
    source = random.Random(batch)
    for case in range(BATCH):
        wire = server_bytes(source)
        cut = source.randrange(len(wire) + 1)
        ours, theirs = await our_reading(wire, cut), their_reading(wire)
        if ours.code != theirs.code or not same(ours, theirs):
            known = any(difference.covers(ours, theirs) for difference in DIFFERENCES)
            assert known, f"case {case} of {batch}: {wire!r}\nwe: {ours}\nthey: {theirs}"


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.because)
async def test_each_difference_is_one(difference: Difference) -> None:
    ours, theirs = await our_reading(difference.example, 0), their_reading(difference.example)
    assert ours.code != theirs.code
    assert difference.covers(ours, theirs), (ours, theirs)


def same(ours: Reading, theirs: Reading) -> bool:
    return (ours.messages, ours.pongs) == (theirs.messages, theirs.pongs)


def begins(one: Reading, other: Reading) -> bool:
    """Whether the other goes on where the one ends."""
    messages, pongs = other.messages[: len(one.messages)], other.pongs[: len(one.pongs)]
    return (one.messages, one.pongs) == (messages, pongs)


async def our_reading(wire: bytes, cut: int) -> Reading:
    """Ours, of bytes of which some arrive with the response and the others when they will."""
    client, server = socket.socketpair()
    server.setblocking(False)
    sending = asyncio.ensure_future(send(server, RESPONSE + wire[:cut], wire[cut:]))
    websocket = await connect("ws://h/", sock=client, additional_headers=KEY, max_size=MAX_SIZE)
    messages: list[str | bytes] = []
    try:
        while True:
            messages.append(await websocket.recv())
    except aiowebsocket.ConnectionClosed as error:
        if error.rcvd is not None:
            end = f"closed {error.rcvd.code}"
        elif error.sent is not None:
            end = f"failed {error.sent.code}: {error.sent.reason}"
        else:
            end = "failed 1006"
    await sending
    return Reading(messages, await pongs_on(server), end)


async def send(server: socket.socket, *pieces: bytes) -> None:
    """A client that has failed the connection may have gone before the end."""
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            await asyncio.get_running_loop().sock_sendall(server, piece)
        server.shutdown(socket.SHUT_WR)


async def pongs_on(server: socket.socket) -> list[bytes]:
    """The payloads of the Pongs among all that the client has sent."""
    sent = bytearray()
    with server, contextlib.suppress(ConnectionError):
        while data := await asyncio.get_running_loop().sock_recv(server, 2**16):
            sent += data
    stream = io.BytesIO(sent.split(b"\r\n\r\n", 1)[1])
    pongs = []
    while stream.tell() < len(stream.getbuffer()):
        frame = frames.read_frame(stream.read)
        if frame.opcode == frames.PONG:
            pongs.append(frame.payload)
    return pongs


def their_reading(wire: bytes) -> Reading:
    """Theirs: frames from the parser, messages as their connections make them of those."""
    protocol = ClientProtocol(parse_uri("ws://h/"), max_size=MAX_SIZE, state=OPEN)
    protocol.receive_data(wire)
    protocol.receive_eof()
    messages: list[str | bytes] = []
    pongs: list[bytes] = []
    parts: list[bytes] = []
    kind = Opcode.CONT
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode is Opcode.PING:
            pongs.append(bytes(frame.data))
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            parts, kind = [], frame.opcode
        if frame.opcode in {Opcode.CONT, Opcode.TEXT, Opcode.BINARY}:
            parts.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(parts)
                try:
                    messages.append(message.decode() if kind is Opcode.TEXT else message)
                except UnicodeDecodeError:
                    return Reading(messages, pongs, "failed 1007: message")
    return Reading(messages, pongs, their_end(protocol))


def their_end(protocol: ClientProtocol) -> str:
    fault = protocol.parser_exc
    match fault:
        case None:
            return f"closed {protocol.close_code}"
        case EOFError():
            return "failed 1006"
        case PayloadTooBig():
            return f"failed 1009: {fault}"
        case UnicodeDecodeError():
            return "failed 1007"
        case _:
            return f"failed 1002: {fault}"


def server_bytes(source: random.Random) -> bytes:
    """Mostly good frames, so that a reading gets far; then a byte may change, or the end go."""
    wire = b"".join(some_frames(source) for _ in range(source.randrange(1, 9)))
    if source.random() < 0.3:
        place = source.randrange(len(wire))
        wire = wire[:place] + source.randbytes(source.randrange(3)) + wire[place + 1 :]
    if source.random() < 0.2:
        wire = wire[: source.randrange(len(wire))]
    return wire


def some_frames(source: random.Random) -> bytes:
    """A message, whole or in fragments, a control frame, or a fault."""
    return source.choices(list(MAKERS), list(MAKERS.values()))[0](source)


def in_fragments(source: random.Random) -> bytes:
    opcode = source.choice([frames.TEXT, frames.BINARY])
    message = some_text(source) if opcode == frames.TEXT else some_bytes(source)
    wire = b""
    while source.random() < 0.7:
        place = source.randrange(len(message) + 1)
        wire += frames.frame(opcode, message[:place], fin=False)
        wire += some_control(source) if source.random() < 0.2 else b""
        opcode, message = frames.CONTINUATION, message[place:]
    return wire + frames.frame(opcode, message)


def some_text(source: random.Random) -> bytes:
    text = "".join(source.choices("az\u00e9\u20ac\U0001f600", k=source.choice([0, 3, 20, 60])))
    wrong = source.choice([b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f"])
    return text.encode() + (wrong if source.random() < 0.08 else b"")


def some_bytes(source: random.Random) -> bytes:
    return source.randbytes(source.choice([0, 1, 5, 125, 126, 250, 300]))


def some_control(source: random.Random) -> bytes:
    return frames.frame(source.choice([frames.PING, frames.PONG]), source.randbytes(5))


def some_close(source: random.Random) -> bytes:
    code = source.choice([None, 1000, 1001, 1003, 1011, 3000, 4999, 1005, 1006, 999, 2999, 5000])
    return frames.close(code, "" if code is None else source.choice(["", "bye", "\u20ac"]))


def some_fault(source: random.Random) -> bytes:
    """Anything may be wrong with a header, and most of it is right."""
    opcode = source.choice([frames.TEXT, frames.CONTINUATION, frames.PING, frames.CLOSE, 3, 11])
    payload = source.randbytes(source.choice([0, 1, 2, 20, 125]))
    return frames.frame(
        opcode,
        payload,
        fin=source.random() < 0.7,
        rsv=source.choice([0, 0, 0, 1, 2, 4]),
        masking_key=source.choice([None, None, None, b"mask"]),
        length_field=source.choice([None, None, 126, 127]),
    )


def too_big(source: random.Random) -> bytes:
    length = source.choice([301, 2**16, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
    return struct.pack("!BBQ", 0x82, 127, length)


MAKERS: dict[Callable[[random.Random], bytes], int] = {
    lambda source: frames.frame(frames.TEXT, some_text(source)): 8,
    lambda source: frames.binary(some_bytes(source)): 8,
    in_fragments: 8,
    some_control: 5,
    some_close: 1,
    some_fault: 1,
    too_big: 1,
}
