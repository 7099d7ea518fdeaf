"""The table of attacks: one row each, as Markdown, on the screen and in RESULTS.md."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .attacks import MIB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .attacks import Attack
    from .victim import Damage

FILE = Path(__file__).parent / "RESULTS.md"

HEAD = """\
| face | scheme | attack | peak growth, MiB | bound, MiB | ended | seconds |
|---|---|---|---:|---:|---|---:|"""

PREFACE = """\
# Memory under attack

Peak growth of resident memory (VmHWM after less VmRSS before) of a fresh client process, by
`make attacks ATTACKS_ARGS=--record`. The bound is 2 x max_size + max_buffered + 8 MiB, with each
face's defaults: max_size and max_buffered 1 and 4 MiB (`connect`), 64 and 64 MiB (`AioWebSocket`).
Where frames are logged it is 16 MiB.
"""


class Row(NamedTuple):
    """One attack on one face over one scheme."""

    face: str
    scheme: str
    attack: Attack
    damage: Damage

    @property
    def bound(self) -> int:
        """What it may cost."""
        return self.attack.bound(self.face)

    @property
    def is_over(self) -> bool:
        """Whether it cost more."""
        return self.damage.growth > self.bound

    def __str__(self) -> str:
        growth = f"{self.damage.growth / MIB:.1f}"
        if self.is_over:
            growth = f"**{growth}**"
        bound, ending, seconds = self.bound // MIB, self.damage.ending, self.damage.seconds
        what = f"{self.face} | {self.scheme} | {self.attack.name}"
        return f"| {what} | {growth} | {bound} | {ending} | {seconds:.1f} |"


def record(rows: Iterable[Row]) -> None:
    """Write the file anew."""
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    FILE.write_text("\n".join([PREFACE, f"On {where}.\n", HEAD, *map(str, rows), ""]))
