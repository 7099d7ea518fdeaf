"""The scenes, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import cancellation, exits, vanished, weather

if TYPE_CHECKING:
    from soak.scene import Scene

SCENES: tuple[Scene, ...] = (
    vanished.SCENE,
    weather.BLACKOUT_SCENE,
    weather.STORM_SCENE,
    cancellation.SCENE,
    exits.SCENE,
)
