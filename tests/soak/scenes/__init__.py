"""The scenes, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import crowd, descriptors, growth, killed_server, slow_consumer, stalls

if TYPE_CHECKING:
    from soak.scene import Scene

SCENES: tuple[Scene, ...] = (
    stalls.SCENE,
    slow_consumer.SCENE,
    killed_server.SCENE,
    growth.SCENE,
    crowd.SCENE,
    descriptors.SCENE,
)
