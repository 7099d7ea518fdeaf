"""Echo and flood, ours beside other clients, in one run: `make bench`.

Echo is a closed loop: send a message, receive it back, 256 bytes by default. Flood is receiving as
fast as the server sends.
benchmarks/rounds.py is the method, benchmarks/server the other end.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import machine, peers, report, rounds
from benchmarks.report import Sample

JOBS = ("echo", "flood")
FIRST_GUESS = 1_000


def main() -> None:
    """Measures, prints the tables, writes the JSON that was asked for."""
    options = parse_arguments()
    contenders = rounds.installed(options.peers, peers.load)
    versions = {peer.PACKAGE: version(peer.PACKAGE) for peer in contenders}
    facts = machine.description()
    for name, value in {**facts, **versions}.items():
        print(f"{name:14}{value}")
    awake = machine.kept_awake() if options.keep_awake else contextlib.nullcontext()
    with awake, rounds.running_server(options.server) as address:
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
    add("--loops", nargs="+", choices=list(rounds.LOOPS), default=list(rounds.LOOPS))
    add("--peers", nargs="+", choices=peers.NAMES, default=list(peers.NAMES))
    add("--baseline", default="picows callbacks", help="the peer that ratios are taken to")
    add("--short", action="store_true", help="three quick rounds: does it run?")
    add("--keep-awake", action="store_true", help="spin at idle priority, for virtual CPUs")
    add("--server", type=Path, default=rounds.SERVER)
    add("--json", type=Path, help="a file for every sample")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.block = 3, 0.05
    return options


def measure(
    contenders: list[peers.Peer], options: argparse.Namespace, address: str
) -> list[Sample]:
    """All rounds of all jobs on all loops."""
    samples = []
    for job in options.jobs:
        for loop in options.loops:
            turns = [Turn(peer, job, loop, address, options) for peer in contenders]
            samples += rounds.measure(turns, options.rounds, options.block)
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
        elapsed, cpu = rounds.run(self.loop, self._block)
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


if __name__ == "__main__":
    main()
