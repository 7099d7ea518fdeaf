"""What was measured, sample by sample, and how it lies in JSON.

A figure is a list, one value a round, in the order of the rounds: values of one round stand at the
same place in every series of a workload, and whoever doubts a median takes another.
It neither measures nor prints.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Of one block: seconds and cpu (the client's) per operation, server (its share of a core).
Figures = dict[str, float]


@dataclass(frozen=True)
class Workload:
    """What a reader must know of a workload, its figures aside."""

    name: str
    family: str
    operation: str
    figure: str
    unit: str
    baseline: str
    awake: bool


@dataclass(frozen=True)
class Series:
    """All rounds of one contender on one kind of loop."""

    workload: str
    contender: str
    loop: str
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, figures: Figures) -> None:
        """One more round."""
        for name, value in figures.items():
            self.figures.setdefault(name, []).append(float(f"{value:.6g}"))


@dataclass(frozen=True)
class Pairs:
    """Ratios of a contender to a rival in blocks side by side: one value a pair."""

    workload: str
    contender: str
    loop: str
    rival: str
    rival_loop: str
    figures: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """Everything of one run."""

    machine: dict[str, str]
    versions: dict[str, str]
    options: dict[str, str]
    left_out: list[str] = field(default_factory=list)
    # Who is who: "ours", "door" (ours, by a way of its own), "peer" or "floor".
    roles: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    workloads: list[Workload] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    pairs: list[Pairs] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """A line a series, so that a changed figure is a changed line."""
        parts = []
        for name, value in asdict(self).items():
            if isinstance(value, list):
                lines = ",\n".join(f"  {json.dumps(entry)}" for entry in value)
                parts.append(f" {json.dumps(name)}: [\n{lines}\n ]")
            else:
                parts.append(f" {json.dumps(name)}: {json.dumps(value, indent=2)}")
        path.write_text("{\n" + ",\n".join(parts) + "\n}\n")

    @classmethod
    def read(cls, path: Path) -> Results:
        """What `write` wrote."""
        found = json.loads(path.read_text())
        found["workloads"] = [Workload(**entry) for entry in found["workloads"]]
        found["series"] = [Series(**entry) for entry in found["series"]]
        found["pairs"] = [Pairs(**entry) for entry in found["pairs"]]
        return cls(**found)
