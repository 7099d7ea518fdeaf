"""Idle: what an open connection that does nothing costs in memory, in a process of its own.

The process (`python -m benchmarks.workloads.idle`) opens one connection, so that what is loaded
once is loaded, then many, and says what each added to its resident memory. The kernel's buffers and
the server are not in it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import peers
from benchmarks.method import event_loops, machine
from benchmarks.method.results import Figures, Workload
from benchmarks.method.rounds import Turn

from . import Measured, loops_of
from .opening import open_many

if TYPE_CHECKING:
    from benchmarks.peers import Client, Contender, Peer

    from . import Bench

CONNECTIONS_OF_A_TRIAL = 5
# A connection's objects are made on many pages: among so many what lies around them evens out.
ROUNDS = {1_000: 3, 5_000: 1}
STATM = Path("/proc/self/statm")


class Idle(Measured):
    """So many connections, plain or over TLS."""

    def __init__(self, connections: int, *, tls: bool = False) -> None:
        self.connections, self.tls, self.rounds = connections, tls, ROUNDS[connections]
        self.facts = Workload(
            name=f"idle {connections:,}{', TLS' if tls else ''}",
            family="idle",
            operation=f"one of {connections:,} open connections, in resident memory",
            figure="bytes",
            unit="KiB",
            baseline="websockets",
            awake=False,
        )

    def takes(self, contender: Contender) -> bool:
        """Who opens connections in a process of Python's, where the system tells of memory."""
        return "idle" in contender.jobs and STATM.exists()

    def turns(self, contender: Contender, bench: Bench) -> list[Turn]:
        """A process each; a trial is content with one kind of loop."""
        loops = loops_of(contender, bench)[: 1 if bench.short else None]
        return [Holding(contender, loop, bench, self) for loop in loops]


class Holding(Turn):
    """One process with its connections."""

    def __init__(self, contender: Contender, loop: str, bench: Bench, idle: Idle) -> None:
        super().__init__(contender.name, loop)
        server = bench.server
        count = CONNECTIONS_OF_A_TRIAL if bench.short else idle.connections
        self.command = [
            *(sys.executable, "-m", __name__, contender.file, contender.name, loop, str(count)),
            server.uri("/echo", tls=idle.tls),
            *((str(server.ca_file),) if idle.tls else ()),
        ]

    def warm_up(self, seconds: float) -> None:
        """Each process is new."""

    def take(self) -> Figures:
        """One process."""
        finished = subprocess.run(
            self.command, stdout=subprocess.PIPE, text=True, check=True, timeout=300
        )
        return {"bytes": float(finished.stdout)}


def hold(file: str, name: str, loop: str, count: str, uri: str, ca_file: str = "") -> None:
    """In the process: opens them, says what each costs, and is gone without closing."""
    machine.raise_file_limit()
    found, _ = peers.load([file])
    peer = next(one for one in found if isinstance(one, peers.Peer) and one.name == name)
    trust = peers.Trust(Path(ca_file)) if ca_file else None
    kept: list[Client] = []
    grown = event_loops.new(loop, peer).run_until_complete(
        _grown(peer, uri, trust, int(count), kept)
    )
    print(grown / int(count), flush=True)
    os._exit(0)


async def _grown(
    peer: Peer, uri: str, trust: peers.Trust | None, count: int, kept: list[Client]
) -> int:
    kept += await open_many(peer, uri, trust, 1)
    before = _resident()
    kept += await open_many(peer, uri, trust, count)
    # What tasks and callbacks still hold is let go on the next turns of the loop.
    await asyncio.sleep(0.1)
    return _resident() - before


def _resident() -> int:
    gc.collect()
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


WORKLOADS = tuple(Idle(count, tls=tls) for count in ROUNDS for tls in (False, True))

if __name__ == "__main__":
    hold(*sys.argv[1:])
