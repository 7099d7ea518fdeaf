"""permessage-deflate (RFC 7692), ours beside other clients, in one run: `make bench-compression`.

Receiving is a feed that the server compressed beforehand and sends as fast as it can. Sending is to
a server that only counts. Both measure from the call to the last message's end; megabytes are 10^6
bytes before compression, CPU is the client's. benchmarks/rounds.py is the method. What ours is
compared with is the faster rival, websockets or aiohttp, in the same round: by the clock, and by
the CPU's time. On an idle machine they agree; on a busy one believe the CPU: aiohttp compresses in
threads, and each gets a share of a core that others want too.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import corpus, machine, peers, report, rounds
from benchmarks.peers.aiowebsocket_at_level import AtLevel

if TYPE_CHECKING:
    from collections.abc import Callable

RIVALS = ("websockets", "aiohttp")
DIRECTIONS = ("receive", "send")


@dataclass(frozen=True)
class Sample:
    """One peer's block of one round."""

    peer: str
    workload: str
    loop: str
    round: int
    megabytes: float
    wire_megabytes: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Workload:
    """One corpus in one direction."""

    direction: str
    name: str
    messages: list[str]
    replayed: Path

    @property
    def title(self) -> str:
        """What a table calls it."""
        return f"{self.direction} {self.name}"


def main() -> None:
    """Measures, prints the tables, writes the JSON that was asked for."""
    options = parse_arguments()
    contenders = rounds.installed(options.peers, peers.load_deflating)
    contenders += [AtLevel(level) for level in options.levels]
    versions = {peer.PACKAGE: version(peer.PACKAGE) for peer in contenders}
    facts = machine.description()
    for name, value in {**facts, **versions}.items():
        print(f"{name:14}{value}")
    awake = machine.kept_awake() if options.keep_awake else contextlib.nullcontext()
    with tempfile.TemporaryDirectory() as directory:
        workloads = prepared(Path(directory), options)
        server = rounds.running_server(options.server, replays=Path(directory))
        with awake, server as address:
            samples = measure(contenders, workloads, options, address)
    for loop in options.loops:
        print_table([sample for sample in samples if sample.loop == loop], loop)
    if options.json:
        recorded = {"rounds": options.rounds, "block": options.block}
        report.write_json(options.json, facts, versions, recorded, samples)


def parse_arguments() -> argparse.Namespace:
    """What can be asked for on the command line."""
    parser = argparse.ArgumentParser(prog="compression", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=9)
    add("--block", type=float, default=0.5, help="seconds that one peer's turn is to take")
    add("--directions", nargs="+", choices=DIRECTIONS, default=list(DIRECTIONS))
    add("--corpora", nargs="+", choices=list(corpus.CORPORA), default=list(corpus.CORPORA))
    add("--loops", nargs="+", choices=list(rounds.LOOPS), default=list(rounds.LOOPS))
    add("--peers", nargs="+", choices=peers.DEFLATING, default=list(peers.DEFLATING))
    add("--levels", nargs="*", type=int, default=[3, 6], help="of ours, beside its default")
    add("--short", action="store_true", help="three quick rounds: does it run?")
    add("--keep-awake", action="store_true", help="spin at idle priority, for virtual CPUs")
    add("--server", type=Path, default=rounds.SERVER)
    add("--json", type=Path, help="a file for every sample")
    options = parser.parse_args()
    if options.short:
        options.rounds, options.block = 3, 0.05
    return options


def prepared(directory: Path, options: argparse.Namespace) -> list[Workload]:
    """The workloads; what the server will send is written into the directory."""
    workloads = []
    for number, name in enumerate(options.corpora):
        messages = corpus.CORPORA[name]()
        replayed = directory / str(number)
        replayed.write_bytes(corpus.frames(messages))
        workloads += [Workload(way, name, messages, replayed) for way in options.directions]
    return sorted(workloads, key=lambda workload: DIRECTIONS.index(workload.direction))


def measure(
    contenders: list[peers.DeflatingPeer],
    workloads: list[Workload],
    options: argparse.Namespace,
    address: str,
) -> list[Sample]:
    """All rounds of all workloads on all loops."""
    samples = []
    for loop in options.loops:
        for workload in workloads:
            turns = [Turn(peer, workload, loop, address) for peer in contenders]
            samples += rounds.measure(turns, options.rounds, options.block)
    print(file=sys.stderr)
    return samples


class Turn:
    """One peer doing one workload on one kind of event loop."""

    def __init__(
        self, peer: peers.DeflatingPeer, workload: Workload, loop: str, address: str
    ) -> None:
        self.peer, self.workload, self.loop, self.address = peer, workload, loop, address
        self.times = 1

    def find_operations(self, seconds: float) -> None:
        """Warms up, and finds how often a block repeats the corpus."""
        for _ in range(2):
            self.times = max(1, round(seconds / self.take(-1).seconds * self.times))

    def take(self, number: int) -> Sample:
        """One block, on an event loop and a connection of its own."""
        receives = self.workload.direction == "receive"
        wire, elapsed, cpu = rounds.run(self.loop, self._receive if receives else self._send)
        plain = sum(map(len, self.workload.messages)) * self.times
        if wire > 0.9 * plain:
            sys.exit(f"{self.peer.NAME} did not compress: {wire} bytes of {plain}")
        return Sample(
            self.peer.NAME,
            self.workload.title,
            self.loop,
            number,
            plain / 1e6,
            wire / 1e6,
            elapsed,
            cpu,
        )

    async def _receive(self) -> tuple[int, float, float]:
        replayed = self.workload.replayed
        uri = f"ws://{self.address}/replay/{replayed.name}?times={self.times}"
        client = await self.peer.open_deflating(uri)
        began, cpu_began = time.perf_counter(), time.process_time()
        last = await client.feed(len(self.workload.messages) * self.times)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        await client.close()
        if last != self.workload.messages[-1]:
            sys.exit(f"{self.peer.NAME} received something else than was sent")
        return replayed.stat().st_size * self.times, elapsed, cpu

    async def _send(self) -> tuple[int, float, float]:
        count = len(self.workload.messages) * self.times
        client = await self.peer.open_deflating(f"ws://{self.address}/sink?count={count}")
        messages = itertools.chain.from_iterable([self.workload.messages] * self.times)
        began, cpu_began = time.perf_counter(), time.process_time()
        wire = await client.pour(messages)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        await client.close()
        return wire, elapsed, cpu


def print_table(samples: list[Sample], loop: str) -> None:
    """Markdown: medians, their spread, and each round's ratio to the faster rival."""
    print(f"\n{loop}: median (least to greatest)\n")
    print("| | client | MB/s | CPU, ms/MB | ratio | times the faster rival | times, by CPU |")
    print("|---|---|---|---|---|---|---|")
    for workload in dict.fromkeys(sample.workload for sample in samples):
        here = [sample for sample in samples if sample.workload == workload]
        for peer in dict.fromkeys(sample.peer for sample in here):
            mine = [sample for sample in here if sample.peer == peer]
            print(f"| {workload} | {peer} | {' | '.join(columns(mine, here))} |")


def columns(mine: list[Sample], here: list[Sample]) -> list[str]:
    """The figures of one peer's row."""
    return [
        str(report.Spread.of([speed(sample) for sample in mine])),
        str(report.Spread.of([1e3 / cpu_speed(sample) for sample in mine])),
        f"{mine[0].megabytes / mine[0].wire_megabytes:.2f}",
        ratios(mine, here, speed),
        ratios(mine, here, cpu_speed),
    ]


def ratios(mine: list[Sample], here: list[Sample], figure: Callable[[Sample], float]) -> str:
    """To the best rival of the same round."""
    best: dict[int, float] = {}
    for sample in here:
        if sample.peer in RIVALS:
            best[sample.round] = max(figure(sample), best.get(sample.round, 0.0))
    found = [figure(sample) / best[sample.round] for sample in mine if sample.round in best]
    return str(report.Spread.of(found)) if found else "-"


def speed(sample: Sample) -> float:
    """Megabytes a second, as the application counts them."""
    return sample.megabytes / sample.seconds


def cpu_speed(sample: Sample) -> float:
    """Megabytes for each second of the client's CPU, which a shared machine blurs less."""
    return sample.megabytes / sample.cpu_seconds


if __name__ == "__main__":
    main()
