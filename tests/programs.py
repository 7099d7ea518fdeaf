"""Python programs under test as processes of their own: the documents' and the examples."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20.0


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """What `python -u` runs with these arguments; whatever happens, it is gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-u", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        with process:
            yield process
    finally:
        watchdog.cancel()
        process.kill()
