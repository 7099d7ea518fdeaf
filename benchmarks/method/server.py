"""The Rust server as a process: its addresses, its core, and how busy it is.

What it serves is its own affair (benchmarks/server).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.method import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

RELEASE = Path(__file__).parent.parent / "server" / "target" / "release"
PROGRAM = RELEASE / "bench-server"
# A process's CPU clock in nanoseconds, as clock_getcpuclockid(3) numbers it on Linux.
SCHEDULED = 2


@dataclass(frozen=True)
class Server:
    """A running server."""

    plain: str
    tls: str
    ca_file: Path
    replays: Path
    process: int

    def uri(self, resource: str, *, tls: bool = False) -> str:
        """A resource of it, such as `/echo`."""
        return (self.tls if tls else self.plain) + resource

    def cpu_seconds(self) -> float:
        """How long it has kept a CPU, all its threads together; 0 where nobody says."""
        if sys.platform != "linux":
            return 0.0
        return time.clock_gettime((~self.process << 3) | SCHEDULED)


@contextlib.contextmanager
def running(directory: Path, program: Path = PROGRAM, *, pinned: bool = True) -> Iterator[Server]:
    """A server, ended at the end; pinned, it is on the first core and this process on the last."""
    if not program.exists():
        sys.exit(f"{program} is not built: run `make bench`")
    ca_file = directory / "ca.pem"
    replays = directory / "replays"
    replays.mkdir()
    machine.raise_file_limit()
    command: list[str | Path] = [program, "--ca", ca_file, "--replays", replays]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    cores = machine.cores()
    try:
        if pinned and len(cores) > 1:
            machine.pin(process.pid, cores[0])
            machine.pin(0, cores[-1])
        assert process.stdout is not None
        plain, tls = process.stdout.readline().split()
        yield Server(plain, tls, ca_file, replays, process.pid)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
