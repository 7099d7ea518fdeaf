"""Every workload, in the order of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import compressed, crowd, echo, flood, idle, opening, sink, weight

if TYPE_CHECKING:
    from . import Measured

WORKLOADS: tuple[Measured, ...] = (
    *echo.WORKLOADS,
    *flood.WORKLOADS,
    *sink.WORKLOADS,
    *crowd.WORKLOADS,
    *opening.WORKLOADS,
    *idle.WORKLOADS,
    *weight.WORKLOADS,
    *compressed.WORKLOADS,
)
# Measured only when asked for by name.
DETAILED = ("compressed-detail",)
FAMILIES = tuple(
    dict.fromkeys(one.facts.family for one in WORKLOADS if one.facts.family not in DETAILED)
)
