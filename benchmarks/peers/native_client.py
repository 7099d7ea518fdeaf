"""A floor: the same jobs by a program in Rust, without Python. What is above it is Python's."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from benchmarks.method.server import RELEASE

from . import Outside

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = RELEASE / "native-client"


def run(uri: str, ca_file: Path, job: str, size: int, count: int) -> tuple[float, float]:
    """Seconds and the CPU's seconds, as the program measured itself on the client's core."""
    command = [str(PROGRAM), uri, str(ca_file), job, str(size), str(count)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, cpu = finished.stdout.split()
    return float(seconds), float(cpu)


PEERS = (
    Outside(
        "Rust without Python",
        run,
        jobs=frozenset(("echo", "flood", "sink", "connect")),
        missing="" if PROGRAM.exists() else f"{PROGRAM.name} is not built",
    ),
)
