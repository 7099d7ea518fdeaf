"""The scenes, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import descriptors, killed_server

if TYPE_CHECKING:
    from soak.scene import Scene

SCENES: tuple[Scene, ...] = (
    killed_server.SCENE,
    descriptors.SCENE,
)
