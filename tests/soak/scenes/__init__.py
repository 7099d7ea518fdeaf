"""The scenes, in the order of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soak.scene import Scene

SCENES: tuple[Scene, ...] = ()
