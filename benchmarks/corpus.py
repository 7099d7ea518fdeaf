"""What is sent compressed: ticks of a market and documents of an application, the same every run.

It makes the server's frames too, so the server need not know how to compress. It knows no socket.
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TAIL = b"\x00\x00\xff\xff"
FIN_RSV1_TEXT = 0xC1
# What most servers do: zlib's own default, and the full window.
SERVER_LEVEL, SERVER_BITS = 6, 15
PROSE = (Path(__file__).parent.parent / "LICENSE").read_text().split()


def ticks() -> list[str]:
    """2 MB of trades as an exchange sends them, 200 bytes each."""
    chance = random.Random(1)
    return [_tick(chance, number) for number in range(10_000)]


def documents(size: int, count: int) -> list[str]:
    """Pages of records as an API sends them, each a little longer than `size` bytes."""
    chance = random.Random(2)
    return [_document(chance, size) for _ in range(count)]


CORPORA: dict[str, Callable[[], list[str]]] = {
    "ticks of 200 B": ticks,
    "documents of 64 KiB": lambda: documents(2**16, 32),
    "documents of 1 MiB": lambda: documents(2**20, 4),
}


def frames(messages: list[str]) -> bytes:
    """The messages as a server's frames (RFC 6455 5.2), compressed with context takeover.

    The first refers to nothing before it, so the whole can be sent again and again.
    """
    deflate = zlib.compressobj(SERVER_LEVEL, wbits=-SERVER_BITS)
    wire = bytearray()
    for message in messages:
        payload = deflate.compress(message.encode()) + deflate.flush(zlib.Z_SYNC_FLUSH)
        wire += _frame(payload.removesuffix(TAIL))
    return bytes(wire)


def _frame(payload: bytes) -> bytes:
    if len(payload) < 126:
        return struct.pack("!BB", FIN_RSV1_TEXT, len(payload)) + payload
    if len(payload) < 2**16:
        return struct.pack("!BBH", FIN_RSV1_TEXT, 126, len(payload)) + payload
    return struct.pack("!BBQ", FIN_RSV1_TEXT, 127, len(payload)) + payload


def _tick(chance: random.Random, number: int) -> str:
    time = 1_750_000_000_000 + number * 7 + chance.randrange(7)
    price = 67_000 + chance.randrange(90_000) / 100
    trade = {
        "e": "aggTrade",
        "E": time,
        "s": chance.choice(("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "XRPUSDT")),
        "a": 900_000_000 + number,
        "p": f"{price:.8f}",
        "q": f"{chance.randrange(4_000) / 1_000:.8f}",
        "f": 1_800_000_000 + number * 2,
        "l": 1_800_000_000 + number * 2 + chance.randrange(4),
        "T": time - chance.randrange(5),
        "m": chance.random() < 0.5,
        "M": True,
        "b": f"{price - 0.37:.2f}",
        "o": f"{price + 0.41:.2f}",
    }
    return json.dumps(trade, separators=(",", ":"))


def _document(chance: random.Random, size: int) -> str:
    records: list[str] = []
    length = 0
    while length < size:
        record = {
            "id": chance.randrange(1_000_000),
            "uuid": f"{chance.getrandbits(64):016x}",
            "name": chance.choice(PROSE),
            "title": " ".join(chance.choices(PROSE, k=4)),
            "amount": chance.randrange(100_000) / 100,
            "active": chance.random() < 0.5,
            "tags": chance.choices(PROSE, k=2),
        }
        records.append(json.dumps(record, separators=(",", ":")))
        length += len(records[-1]) + 1
    return f'{{"page":1,"items":[{",".join(records)}]}}'
