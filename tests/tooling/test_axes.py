"""What a test asks of the axes is what it gets: a file of samples, as pytest collects it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]

SAMPLES = """
import pytest

pytestmark = pytest.mark.every("scheme")

@pytest.mark.every("face")
def test_two_axes(face, scheme): ...

@pytest.mark.only(scheme="wss")
def test_one_value(scheme): ...

@pytest.mark.parametrize("number", [1, 2])
async def test_coroutine(scheme, number): ...

@pytest.mark.every("driver")
@pytest.mark.only(scheme="ws")
async def test_drivers(driver, scheme): ...

@pytest.mark.loop_drives
@pytest.mark.only(scheme="ws")
async def test_watching(scheme): ...
"""

CASES = """
test_two_axes[ws-connect] test_two_axes[ws-AioWebSocket]
test_two_axes[wss-connect] test_two_axes[wss-AioWebSocket]
test_one_value[wss]
test_coroutine[asyncio-ws-1] test_coroutine[asyncio-ws-2]
test_coroutine[asyncio-wss-1] test_coroutine[asyncio-wss-2]
test_coroutine[blind-ws-1] test_coroutine[blind-ws-2]
test_coroutine[blind-wss-1] test_coroutine[blind-wss-2]
test_coroutine[uvloop-ws-1] test_coroutine[uvloop-ws-2]
test_coroutine[uvloop-wss-1] test_coroutine[uvloop-wss-2]
test_drivers[asyncio-ws-auto] test_drivers[asyncio-ws-loop] test_drivers[asyncio-ws-lifeline]
test_drivers[blind-ws-auto] test_drivers[blind-ws-lifeline]
test_drivers[uvloop-ws-auto] test_drivers[uvloop-ws-loop] test_drivers[uvloop-ws-lifeline]
test_watching[asyncio-ws] test_watching[uvloop-ws]
"""


def collected(folder: Path, samples: str) -> subprocess.CompletedProcess[str]:
    """What pytest makes of a file, with the tests' own conftest."""
    path = folder / "test_samples.py"
    path.write_text(samples)
    options = ["-p", "conftest", "-c", str(TESTS.parent / "pyproject.toml"), "--collect-only", "-q"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={folder}", str(path)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_each_asks_for_its_own(tmp_path: Path) -> None:
    lines = collected(tmp_path, SAMPLES).stdout.splitlines()
    assert [line.partition("::")[2] for line in lines if "::" in line] == CASES.split()


def test_an_axis_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    asking = 'import pytest\n@pytest.mark.every("colour")\ndef test_it(): ...\n'
    ended = collected(tmp_path, asking)
    assert ended.returncode != 0
    assert "no axis of tests/axes.py: colour" in ended.stdout + ended.stderr
