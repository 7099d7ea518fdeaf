"""The scenes, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import (
    cancellation,
    crowd,
    descriptors,
    exits,
    growth,
    killed_server,
    slow_consumer,
    stalls,
    vanished,
    weather,
)

if TYPE_CHECKING:
    from soak.scene import Scene

SCENES: tuple[Scene, ...] = (
    stalls.SCENE,
    slow_consumer.SCENE,
    killed_server.SCENE,
    vanished.SCENE,
    weather.BLACKOUT_SCENE,
    weather.STORM_SCENE,
    cancellation.SCENE,
    growth.SCENE,
    exits.SCENE,
    crowd.SCENE,
    descriptors.SCENE,
)
