"""A scene in a process of its own, with a limit on its time.

    python -m soak.performing NAME --rows FILE --limit SECONDS [--short]

So a crash, a hang, or what a scene does to its process's limits ends with it, and whatever servers
and clients it started are gone as well. It does not know what any scene does.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from .scene import Row, Scene
from .scenes import SCENES

TESTS = Path(__file__).parents[1]
# The process shows its stacks and ends by itself; this much later it is ended.
GRACE = 5.0


class Performance(NamedTuple):
    """What came of a scene."""

    scene: Scene
    rows: list[Row]
    seconds: float


def perform(scene: Scene, short: bool, limit: float) -> Performance:
    """Run a scene in a process group of its own, and leave nothing of that."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "soak.performing", scene.name, "--rows", str(file)]
        process = subprocess.Popen(
            [*command, "--limit", str(limit), *(["--short"] if short else [])],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            start_new_session=True,
        )
        try:
            process.wait(limit + GRACE)
        except subprocess.TimeoutExpired:
            file.unlink(missing_ok=True)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        rows = rows_of(file, process.returncode)
    return Performance(scene, rows, time.monotonic() - began)


def rows_of(file: Path, exit_code: int) -> list[Row]:
    """What the scene reported, or that it did not come to that."""
    if file.exists():
        return [Row(*row) for row in json.loads(file.read_text())]
    return [Row("the scene", f"had not ended in time, or crashed: exit code {exit_code}", False)]


def main() -> None:
    """Be that process."""
    parser = argparse.ArgumentParser(prog="soak.performing")
    parser.add_argument("name", choices=[scene.name for scene in SCENES])
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    faulthandler.enable()
    faulthandler.dump_traceback_later(options.limit, exit=True)
    (scene,) = (scene for scene in SCENES if scene.name == options.name)
    options.rows.write_text(json.dumps(reported(scene, options.short)))


def reported(scene: Scene, short: bool) -> list[Row]:
    """The scene's rows; one that raises has failed, and says so in a row."""
    try:
        return scene.run(short)
    except Exception as error:  # noqa: BLE001 (whatever it is, the other scenes go on)
        traceback.print_exc()
        return [Row("the scene", f"{type(error).__name__}: {error}", False)]


if __name__ == "__main__":
    main()
