"""What the echo servers do, apart from echoing: read off the path of the request.

- `/`: echo each message as it came
- `/fragments?size=N`: echo each message in fragments of N bytes
- `/fragments?size=N&ping=1`: the same, with a Ping between the fragments
- `/count?n=N`: send "0", "1", ... "N-1", then close with 1000
- `/close?code=C&reason=R`: close at once
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Order:
    """One request's path, taken apart."""

    task: str
    size: int
    ping: bool
    count: int
    code: int
    reason: str


def read_path(path: str) -> Order:
    """Take a path apart."""
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Order(
        task=parts.path.strip("/") or "echo",
        size=int(query.get("size", 1)),
        ping=query.get("ping") == "1",
        count=int(query.get("n", 0)),
        code=int(query.get("code", 1000)),
        reason=query.get("reason", ""),
    )


def cut(payload: bytes, size: int) -> Iterator[bytes]:
    """Cut a payload into pieces of `size` bytes, one empty piece where there is nothing."""
    for start in range(0, max(len(payload), 1), size):
        yield payload[start : start + size]
