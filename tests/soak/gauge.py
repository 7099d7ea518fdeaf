"""What this process has of memory, objects and descriptors, and by how much it grows.

It knows nothing of what makes it grow.
"""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import descriptors

if TYPE_CHECKING:
    from collections.abc import Sequence

# statm's count is only near on newer kernels: every CPU keeps a part of it to itself.
_MAPPED = Path("/proc/self/smaps_rollup")


class Reading(NamedTuple):
    """One look at it, with nothing in it that waits for the garbage collector."""

    resident: int
    objects: int
    descriptors: int


def is_readable() -> bool:
    """Whether this system can tell."""
    return os.access(_MAPPED, os.R_OK)


def read() -> Reading:
    """How it is now."""
    gc.collect()
    found = re.search(r"^Rss:\s+(\d+) kB$", _MAPPED.read_text(), re.MULTILINE)
    assert found is not None, f"{_MAPPED} has no Rss"
    return Reading(int(found[1]) * 1024, len(gc.get_objects()), descriptors.count())


def slope(values: Sequence[float], step: float) -> float:
    """By how much a value grows for each of what there are `step` of from one value to the next.

    The straight line by least squares.
    """
    middle = (len(values) - 1) / 2
    mean = sum(values) / len(values)
    offsets = [index - middle for index in range(len(values))]
    rise = sum(offset * (value - mean) for offset, value in zip(offsets, values, strict=True))
    return rise / sum(offset**2 for offset in offsets) / step
