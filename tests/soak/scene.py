"""What a scene is, and what it reports. It does not know what any scene does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Row(NamedTuple):
    """One line of the table: what was tried, what was seen, and whether that is what is promised.

    `holds` is None where nothing is promised (another client beside ours) or where this machine
    cannot try it; `seen` then says why.
    """

    what: str
    seen: str
    holds: bool | None = None


class Scene(NamedTuple):
    """A thing that happens to connections. `run` gets whether it is to be short."""

    name: str
    figure: str
    run: Callable[[bool], list[Row]]
