"""A second, plain reading of RFC 7692, for the raw peer: Python's zlib, and blocks made by hand.

Like frames.py it builds wrong data as readily as right, and must not know the package under test.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from peers.frames import BINARY, CONTINUATION, TEXT, frame

if TYPE_CHECKING:
    from collections.abc import Iterable

RSV1 = 4
TAIL = b"\0\0\xff\xff"  # what a sender takes away, and a receiver puts back (7.2.1, 7.2.2)
MEGABYTE = 2**20
EMPTY = b"\0"  # the message of no bytes: "a single 0x00" (7.2.3.6)


def compressor(bits: int = 15) -> zlib._Compress:
    """A raw deflate stream; it may serve message after message."""
    return zlib.compressobj(9, zlib.DEFLATED, -bits)


def deflate(data: bytes, stream: zlib._Compress | None = None) -> bytes:
    """The payload of a compressed message (7.2.1)."""
    stream = stream or compressor()
    flushed = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
    assert flushed.endswith(TAIL)
    return flushed.removesuffix(TAIL)


def inflate(payload: bytes, bits: int = 15) -> bytes:
    """A message from its payload (7.2.2), by a window of so many bits."""
    return zlib.decompressobj(-bits).decompress(payload + TAIL)


def deflate_of_zeros(size: int, *, before: bytes = b"") -> bytes:
    """As many zeros as asked for, a thousandth of that on the wire: one block again and again."""
    stream = compressor()
    start = stream.compress(before + bytes(size % MEGABYTE)) + stream.flush(zlib.Z_FULL_FLUSH)
    megabyte = stream.compress(bytes(MEGABYTE)) + stream.flush(zlib.Z_FULL_FLUSH)
    return (start + megabyte * (size // MEGABYTE)).removesuffix(TAIL)


def stored(data: bytes, *, final: bool = False) -> bytes:
    """A block without compression (RFC 1951 3.2.4), which begins and ends at a byte."""
    return bytes([final]) + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data


def several_blocks(pieces: Iterable[bytes]) -> bytes:
    """One message in a block for each piece (7.2.3.5)."""
    stream = compressor()
    flushed = b"".join(stream.compress(piece) + stream.flush(zlib.Z_SYNC_FLUSH) for piece in pieces)
    return flushed.removesuffix(TAIL)


def final_block(data: bytes) -> bytes:
    """Blocks of which the last has BFINAL set; a message of it ends with `EMPTY` (7.2.3.4)."""
    stream = compressor()
    return stream.compress(data) + stream.flush(zlib.Z_FINISH)


def message(payload: bytes, *, opcode: int = BINARY, size: int | None = None) -> bytes:
    """A compressed message in one frame, or in fragments of a size: RSV1 is on the first alone."""
    if size is None:
        return frame(opcode, payload, rsv=RSV1)
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    first, *rest = [*pieces, b""]  # the last one is empty
    return frame(opcode, first, fin=False, rsv=RSV1) + b"".join(
        frame(CONTINUATION, piece, fin=number == len(rest) - 1) for number, piece in enumerate(rest)
    )


def binary(data: bytes, *, size: int | None = None) -> bytes:
    """A compressed binary message."""
    return message(deflate(data), size=size)


def text(data: bytes, *, size: int | None = None) -> bytes:
    """A compressed text message, or what says that it is one."""
    return message(deflate(data), opcode=TEXT, size=size)
