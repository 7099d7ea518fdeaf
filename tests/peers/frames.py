"""A second, plain reading of RFC 6455 section 5.2, for the raw peer.

It builds wrong frames as readily as right ones, and it must not know the package under test: a
fault that both shared would be invisible.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True)
class Frame:
    """One frame as it came from the client, its payload unmasked."""

    opcode: int
    payload: bytes
    fin: bool
    rsv: int
    masking_key: bytes | None
    length_field: int

    @property
    def close_code(self) -> int | None:
        """The code of a Close frame; None where its body is empty."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None

    @property
    def close_reason(self) -> str:
        """The reason of a Close frame."""
        return self.payload[2:].decode()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masking_key: bytes | None = None,
    length_field: int | None = None,
) -> bytes:
    """Encode a frame; `length_field` (0, 126 or 127) overrides the minimal form of the length."""
    length = len(payload)
    if length_field is None:
        length_field = 0 if length < 126 else 126 if length < 2**16 else 127
    mask_bit = 0x80 if masking_key else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if length_field == 0:
        head += bytes([mask_bit | length])
    elif length_field == 126:
        head += struct.pack("!BH", mask_bit | 126, length)
    else:
        head += struct.pack("!BQ", mask_bit | 127, length)
    if masking_key:
        return head + masking_key + masked(payload, masking_key)
    return head + payload


def text(message: str, *, fin: bool = True) -> bytes:
    """A text frame."""
    return frame(TEXT, message.encode(), fin=fin)


def binary(message: bytes, *, fin: bool = True) -> bytes:
    """A binary frame."""
    return frame(BINARY, message, fin=fin)


def continuation(payload: bytes, *, fin: bool = True) -> bytes:
    """A continuation frame."""
    return frame(CONTINUATION, payload, fin=fin)


def ping(payload: bytes = b"") -> bytes:
    """A Ping frame."""
    return frame(PING, payload)


def pong(payload: bytes = b"") -> bytes:
    """A Pong frame."""
    return frame(PONG, payload)


def close(code: int | None = 1000, reason: str = "") -> bytes:
    """A Close frame; its body is empty where `code` is None."""
    body = b"" if code is None else struct.pack("!H", code) + reason.encode()
    return frame(CLOSE, body)


def read_frame(read_exactly: Callable[[int], bytes]) -> Frame:
    """Read one frame from a client."""
    first, second = read_exactly(2)
    length_field = second & 0x7F
    length = length_field
    if length_field == 126:
        (length,) = struct.unpack("!H", read_exactly(2))
    elif length_field == 127:
        (length,) = struct.unpack("!Q", read_exactly(8))
    masking_key = read_exactly(4) if second & 0x80 else None
    payload = read_exactly(length)
    if masking_key is not None:
        payload = masked(payload, masking_key)
    return Frame(
        opcode=first & 0x0F,
        payload=payload,
        fin=bool(first & 0x80),
        rsv=first >> 4 & 0x07,
        masking_key=masking_key,
        length_field=length_field if length_field > 125 else 0,
    )


def masked(payload: bytes, masking_key: bytes) -> bytes:
    """Mask or unmask a payload (RFC 6455 5.3), as one long exclusive-or so that MiBs stay quick."""
    length = len(payload)
    key = (masking_key * (length // 4 + 1))[:length]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return mixed.to_bytes(length, "big")
