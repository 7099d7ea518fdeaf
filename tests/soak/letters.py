"""Messages that say which they are and carry their own digest: what is torn, lost or doubled shows.

Knows nothing of connections.
"""

from __future__ import annotations

import hashlib
import random
import struct
from typing import NamedTuple

HEAD = struct.Struct("!QQ")
DIGEST = hashlib.sha256().digest_size


class Name(NamedTuple):
    """Which letter it is: of which pack, and its number there."""

    pack: int
    number: int


def letter(pack: int, number: int, size: int) -> bytes:
    """A letter, its body of so many bytes, always the same ones."""
    signed = HEAD.pack(pack, number) + random.Random(f"{pack} {number}").randbytes(size)
    return hashlib.sha256(signed).digest() + signed


def name(message: object) -> Name | None:
    """Which letter this is; None if it is not one, or not as it was."""
    if not isinstance(message, bytes) or len(message) < DIGEST + HEAD.size:
        return None
    digest, signed = message[:DIGEST], message[DIGEST:]
    if hashlib.sha256(signed).digest() != digest:
        return None
    return Name(*HEAD.unpack_from(signed))
