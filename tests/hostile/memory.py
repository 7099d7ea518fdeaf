"""How much memory this process has had at most: Linux keeps the peak and can start it anew."""

from __future__ import annotations

import re
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_FORGET_THE_PEAK = "5"


def is_measurable() -> bool:
    """Whether this system can tell."""
    return _CLEAR.exists()


class Growth:
    """Counts from where it is made."""

    def __init__(self) -> None:
        self._before = _bytes_of("VmRSS")
        _CLEAR.write_text(_FORGET_THE_PEAK)

    def peak(self) -> int:
        """By how many bytes resident memory has grown, at most."""
        return _bytes_of("VmHWM") - self._before


def _bytes_of(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found is not None, f"{_STATUS} has no {field}"
    return int(found[1]) * 1024
