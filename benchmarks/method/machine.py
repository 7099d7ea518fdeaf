"""The machine that is measured on: its cores, who runs on which, and what it says of itself.

It knows nothing of WebSockets.
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SPINNER = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


def cores() -> list[int]:
    """The cores this process may use, or an empty list where nobody says."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return []


def pin(process: int, core: int) -> None:
    """Keeps a process (0 is this one) on one core, where the system can."""
    if sys.platform == "linux":
        os.sched_setaffinity(process, {core})


@contextlib.contextmanager
def kept_awake() -> Iterator[None]:
    """Spins on all cores at idle priority: a virtual CPU that sleeps takes long to wake."""
    spinners = []
    if sys.platform == "linux":
        for core in cores():
            spinner = subprocess.Popen([sys.executable, "-c", SPINNER])
            pin(spinner.pid, core)
            spinners.append(spinner)
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.terminate()
            spinner.wait()


def raise_file_limit() -> None:
    """Thousands of connections are thousands of descriptors: as many as the system allows."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def description() -> dict[str, str]:
    """What a reader needs to know before believing a figure."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(len(cores()) or os.cpu_count()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
