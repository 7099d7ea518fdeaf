"""What was measured, as a table for people and as JSON for programs. It measures nothing."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One peer's block of one round: wall-clock and CPU seconds of the client, per operation."""

    peer: str
    job: str
    loop: str
    round: int
    operations: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Spread:
    """A median with the least and the greatest beside it."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        digits = 2 if self.greatest < 100 else 0
        return f"{self.median:.{digits}f} ({self.least:.{digits}f} to {self.greatest:.{digits}f})"


def microseconds(sample: Sample) -> float:
    """How long one operation takes."""
    return sample.seconds * 1e6


def thousands_a_second(sample: Sample) -> float:
    """How many operations a second holds."""
    return 1e-3 / sample.seconds


def cpu_microseconds(sample: Sample) -> float:
    """How long one operation keeps the client's CPU."""
    return sample.cpu_seconds * 1e6


FIGURES: dict[str, tuple[str, Callable[[Sample], float]]] = {
    "echo": ("us an echo", microseconds),
    "flood": ("1,000 messages/s", thousands_a_second),
}


def print_table(samples: list[Sample], job: str, loop: str, baseline: str) -> None:
    """One job on one event loop: medians, their spread, and each round's ratio to the baseline."""
    unit, figure = FIGURES[job]
    here = [sample for sample in samples if (sample.job, sample.loop) == (job, loop)]
    by_round = {sample.round: figure(sample) for sample in here if sample.peer == baseline}
    print(f"\n{job} on {loop}: median (least to greatest)")
    print(f"{'':24}{unit:>28}{'CPU us of the client':>28}{'/ ' + baseline:>26}")
    for peer in dict.fromkeys(sample.peer for sample in here):
        mine = [sample for sample in here if sample.peer == peer]
        ratios = [figure(one) / by_round[one.round] for one in mine if one.round in by_round]
        row = [
            str(Spread.of([figure(sample) for sample in mine])),
            str(Spread.of([cpu_microseconds(sample) for sample in mine])),
            str(Spread.of(ratios)) if ratios else "-",
        ]
        print(f"{peer:24}{row[0]:>28}{row[1]:>28}{row[2]:>26}")


def write_json(
    path: Path,
    machine: dict[str, str],
    versions: dict[str, str],
    options: dict[str, object],
    samples: Sequence[Any],
) -> None:
    """Everything, sample by sample: whoever doubts a median can take another."""
    document = {
        "machine": machine,
        "versions": versions,
        "options": options,
        "samples": [asdict(sample) for sample in samples],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")
