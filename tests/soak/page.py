"""The rows as Markdown, on the screen and in RESULTS.md. It does not know how a scene is run."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from benchmarks.method import machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .performing import Performance
    from .scene import Scene

PREFACE = """\
# What connections live through

By `make soak`; README.md tells what each scene does. "-" promises nothing: another client beside
ours, or what this machine could not try.
"""
PACKAGES = ("aiowebsocket", "uvloop", "websockets", "picows", "aiohttp")
VERDICTS = {True: "yes", False: "**no**", None: "-"}


def head(scene: Scene) -> str:
    """What a scene is called and what is promised."""
    return f"\n## {scene.name}\n\n{scene.figure}\n"


def body(performance: Performance) -> str:
    """What was seen."""
    rows = [f"| {row.what} | {row.seen} | {VERDICTS[row.holds]} |" for row in performance.rows]
    table = "\n".join(["| what | seen | as promised |", "|---|---|---|", *rows])
    return f"{table}\n\n{performance.seconds:.0f} s"


def whole(performances: Iterable[Performance]) -> str:
    """The page."""
    facts = [*machine.description().items(), *versions()]
    where = "\n".join(f"- {name}: {value}" for name, value in facts)
    scenes = "\n".join(f"{head(each.scene)}\n{body(each)}" for each in performances)
    return f"{PREFACE}\n{where}\n{scenes}\n"


def broken(performances: Iterable[Performance]) -> list[str]:
    """What is not as promised, a line each: of a long log the last lines are read."""
    return [
        f"{each.scene.name}: {row.what}: {row.seen}"
        for each in performances
        for row in each.rows
        if row.holds is False
    ]


def versions() -> Iterator[tuple[str, str]]:
    """Of what takes part and is installed."""
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            yield name, version(name)
