"""The axes: along what a test may be repeated, and how it asks for that.

    @pytest.mark.every("face", "scheme")    once for each face, over each scheme
    @pytest.mark.only(scheme="wss")         with one value of an axis
    @pytest.mark.loop_drives                on the loops that watch sockets themselves

`pytestmark` asks for all tests of a file. The value is a fixture by the axis's name; `raw_peer`
uses that of `scheme`, which is "ws" for a test that does not ask. A coroutine is run on each kind
of loop without asking; any other test takes `loop_kind` as an argument.

A new value of an axis is one line in this file, or in the table of implementations that it names.
"""

from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING, Any

import pytest

import event_loops
import faces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AXES: dict[str, tuple[str, ...]] = {
    # Who runs the coroutine: event_loops.py.
    "loop_kind": (*event_loops.KINDS, *event_loops.MISSING),
    # Over what: plain TCP, or TLS by the throw-away CA of conftest.py.
    "scheme": ("ws", "wss"),
    # By which of the package's clients: faces.py.
    "face": tuple(faces.FACES),
    # Who serves the socket, as the option of that name has it.
    "driver": ("auto", "loop", "lifeline"),
}

MARKERS = (
    "every(*axes): repeat the test for each value of these axes (tests/axes.py)",
    "only(**values): run the test with this value of an axis",
    "loop_drives: only for loops that watch the socket themselves",
)


def repeat(metafunc: pytest.Metafunc) -> None:
    """Repeat a test along the axes that it asks for."""
    asked = axes_of(metafunc)
    if not asked:
        return
    if "loop_kind" in asked and "loop_kind" not in metafunc.fixturenames:
        metafunc.fixturenames.append("loop_kind")
    cases = [case for case in product(asked) if is_possible(case)]
    rows = [
        pytest.param(*case.values(), id="-".join(case.values()), marks=marks_of(case))
        for case in cases
    ]
    metafunc.parametrize(list(asked), rows)


def axes_of(metafunc: pytest.Metafunc) -> dict[str, tuple[str, ...]]:
    """The axes that a test asks for, each with the values it is to have there."""
    markers = [*metafunc.definition.iter_markers("every")]
    names = {name for marker in markers for name in marker.args}
    chosen: dict[str, str] = {}
    for marker in metafunc.definition.iter_markers("only"):
        chosen = {**marker.kwargs, **chosen}  # The nearest comes first.
    if inspect.iscoroutinefunction(metafunc.function) or "loop_kind" in metafunc.fixturenames:
        names.add("loop_kind")
    if unknown := names.union(chosen).difference(AXES):
        raise pytest.UsageError(f"no axis of tests/axes.py: {', '.join(sorted(unknown))}")
    asked = {name: AXES[name] for name in AXES if name in names or name in chosen}
    asked.update({name: (value,) for name, value in chosen.items()})
    if metafunc.definition.get_closest_marker("loop_drives"):
        asked["loop_kind"] = tuple(event_loops.WATCHING)
    return asked


def product(asked: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, str]]:
    """Each combination of the values."""
    for values in itertools.product(*asked.values()):
        yield dict(zip(asked, values, strict=True))


def is_possible(case: Mapping[str, str]) -> bool:
    """A loop that watches no sockets cannot serve one."""
    return case.get("driver") != "loop" or case.get("loop_kind") in (None, *event_loops.WATCHING)


def marks_of(case: Mapping[str, str]) -> list[Any]:
    """What is not installed is skipped, and says so."""
    missing = [value for value in case.values() if value in event_loops.MISSING]
    return [pytest.mark.skip(reason=f"{value} is not installed") for value in missing]
