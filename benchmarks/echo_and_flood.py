"""Echo and flood, ours beside other clients, in one run: `make bench`.

Echo is a closed loop: send a message, receive it back, 256 bytes by default. Flood is receiving as
fast as the server sends. Each round measures every peer once, in an order that rotates from round
to round, and a ratio is taken within its round: what the machine does meanwhile hits all alike.
The server (benchmarks/server) has a core of its own; the connection is opened outside the clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine, peers, report
from benchmarks.report import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER = Path(__file__).parent / "server" / "target" / "release" / "echo-and-flood-server"
JOBS = ("echo", "flood")
FIRST_GUESS = 1_000


def main() -> None:
    """Measures, prints the tables, writes the JSON that was asked for."""
    options = parse_arguments()
    contenders = installed(options.peers)
    versions = {peer.PACKAGE: version(peer.PACKAGE) for peer in contenders}
    facts = machine.description()
    for name, value in {**facts, **versions}.items():
        print(f"{name:14}{value}")
    cores = machine.cores()
    awake = machine.kept_awake(cores) if options.keep_awake else contextlib.nullcontext()
    with awake, running_server(options.server, cores) as address:
        if len(cores) > 1:
            machine.pin(0, cores[-1])
        samples = measure(contenders, options, address)
    for job in options.jobs:
        for loop in options.loops:
            report.print_table(samples, job, loop, options.baseline)
    if options.json:
        recorded = {"rounds": options.rounds, "block": options.block, "size": options.size}
        report.write_json(options.json, facts, versions, recorded, samples)


def parse_arguments() -> argparse.Namespace:
    """What can be asked for on the command line."""
    parser = argparse.ArgumentParser(prog="echo_and_flood", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=9)
    add("--block", type=float, default=0.5, help="seconds that one peer's turn is to take")
    add("--size", type=int, default=256, help="bytes of a message")
    add("--jobs", nargs="+", choices=JOBS, default=list(JOBS))
    add("--loops", nargs="+", choices=list(LOOPS), default=list(LOOPS))
    add("--peers", nargs="+", choices=peers.NAMES, default=list(peers.NAMES))
    add("--baseline", default="picows callbacks", help="the peer that ratios are taken to")
    add("--short", action="store_true", help="three quick rounds: does it run?")
    add("--keep-awake", action="store_true", help="spin at idle priority, for virtual CPUs")
    add("--server", type=Path, default=SERVER)
    add("--json", type=Path, help="a file for every sample")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.block = 3, 0.05
    return options


def installed(names: list[str]) -> list[peers.Peer]:
    """The peers that can be imported; who is missing is said aloud."""
    found = []
    for name in names:
        peer = peers.load(name)
        if peer is None:
            print(f"left out: {name}, its package is not installed")
        else:
            found.append(peer)
    return found


@contextlib.contextmanager
def running_server(program: Path, cores: list[int]) -> Iterator[str]:
    """The address of a server on the first core, ended at the end."""
    if not program.exists():
        sys.exit(f"{program} is not built: run `make bench`")
    server = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
    try:
        if len(cores) > 1:
            machine.pin(server.pid, cores[0])
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def measure(
    contenders: list[peers.Peer], options: argparse.Namespace, address: str
) -> list[Sample]:
    """All rounds of all jobs on all loops."""
    samples = []
    for job in options.jobs:
        for loop in options.loops:
            turns = [Turn(peer, job, loop, address, options) for peer in contenders]
            for turn in turns:
                turn.find_operations(options.block)
            for number in range(options.rounds):
                first = number % len(turns)
                samples += [turn.take(number) for turn in turns[first:] + turns[:first]]
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return samples


class Turn:
    """One peer doing one job on one kind of event loop."""

    def __init__(
        self, peer: peers.Peer, job: str, loop: str, address: str, options: argparse.Namespace
    ) -> None:
        self.peer, self.job, self.loop, self.address = peer, job, loop, address
        self.size: int = options.size
        # Bytes that are no UTF-8: every peer sends and gets them as BINARY.
        self.payload = bytes(255 - number % 256 for number in range(self.size))
        self.operations = FIRST_GUESS

    def find_operations(self, seconds: float) -> None:
        """Warms up, and finds how many operations fill a block."""
        for _ in range(2):
            self.operations = max(10, round(seconds / self.take(-1).seconds))

    def take(self, number: int) -> Sample:
        """One block, on an event loop and a connection of its own."""
        loop = LOOPS[self.loop]()
        gc.collect()
        try:
            elapsed, cpu = loop.run_until_complete(self._block())
        finally:
            loop.close()
        count = self.operations
        return Sample(
            self.peer.NAME, self.job, self.loop, number, count, elapsed / count, cpu / count
        )

    async def _block(self) -> tuple[float, float]:
        query = f"?size={self.size}&count={self.operations}" if self.job == "flood" else ""
        client = await self.peer.open_client(f"ws://{self.address}/{self.job}{query}")
        began, cpu_began = time.perf_counter(), time.process_time()
        if self.job == "echo":
            await client.echo(self.payload, self.operations)
        else:
            await client.flood(self.operations)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        await client.close()
        return elapsed, cpu


def event_loops() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The kinds of event loop that are installed."""
    loops: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415

        loops["uvloop"] = uvloop.new_event_loop
    return loops


LOOPS = event_loops()

if __name__ == "__main__":
    main()
