"""The frame of `make soak`: whatever becomes of a scene, there is a row, and the others go on."""

from __future__ import annotations

import pytest

pytest.importorskip("picows", reason="picows is not installed: soak has it beside ours")
pytest.importorskip("resource", reason="this system has no limits on a process")

from typing import TYPE_CHECKING

from soak import gauge, page, performing
from soak.scene import Row, Scene
from soak.scenes import SCENES

if TYPE_CHECKING:
    from pathlib import Path


def test_a_scene_that_raises_is_a_row_that_does_not_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(short: bool) -> list[Row]:
        raise ValueError("no such thing")

    assert performing.reported(Scene("broken", "", run), short=True) == [
        Row("the scene", "ValueError: no such thing", False)
    ]
    assert "Traceback" in capsys.readouterr().err


def test_a_scene_that_does_not_end_in_time_is_ended_and_a_row_that_does_not_hold() -> None:
    performance = performing.perform(SCENES[0], short=True, limit=0.1)
    (row,) = performance.rows
    assert row.holds is False
    assert "had not ended in time" in row.seen
    assert performance.seconds < performing.GRACE


def test_a_scene_that_crashes_is_a_row_that_does_not_hold(tmp_path: Path) -> None:
    (row,) = performing.rows_of(tmp_path / "never-written.json", exit_code=-11)
    assert (row.holds, "exit code -11" in row.seen) == (False, True)


def test_scenes_are_told_apart_by_their_names() -> None:
    names = [scene.name for scene in SCENES]
    assert len(set(names)) == len(names)


def test_the_page_says_what_holds_what_does_not_and_what_promises_nothing() -> None:
    scene = Scene("rain", "it stays dry", lambda _: [])
    rows = [Row("hat", "dry", True), Row("coat", "wet", False), Row("another's hat", "wet")]
    text = page.whole([performing.Performance(scene, rows, 3.2)])
    for line in ("| hat | dry | yes |", "| coat | wet | **no** |", "| another's hat | wet | - |"):
        assert line in text
    assert "it stays dry" in text


def test_a_slope_is_the_growth_for_each_and_noise_around_a_line_is_none() -> None:
    assert gauge.slope([100, 120, 140, 160], step=10) == pytest.approx(2)
    assert gauge.slope([5, 4, 4, 5], step=10) == pytest.approx(0)
