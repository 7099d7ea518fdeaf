"""Starting a server that runs in a process of its own, and ending that process by its id.

The contract: a server prints one line of JSON, `{"ws": port, "wss": port}`, when it listens on
127.0.0.1, and ends when its standard input does, so that none outlives the tests.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 20.0


class ServerProcess:
    """A running server; `uri` gives its address for a scheme and a path."""

    def __init__(
        self, command: Sequence[str], *, environment: dict[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        self.ports: dict[str, int] = json.loads(self._first_line())

    def uri(self, scheme: str, path: str = "/") -> str:
        """The address of a path."""
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}{path}"

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        end(self.process)
        self.process.stdout.close()

    def _first_line(self) -> bytes:
        assert self.process.stdout is not None
        line = b""
        deadline = time.monotonic() + PATIENCE
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            data = os.read(self.process.stdout.fileno(), 1024) if ready else b""
            if not data:
                self.stop()
                raise RuntimeError(f"{self.process.args!r} did not say where it listens")
            line += data
        return line


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, by force if need be."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(PATIENCE)


def python_server(module: str, certificate: Path) -> ServerProcess:
    """A server written in Python, a module below tests/."""
    tests = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", module, str(certificate)]
    return ServerProcess(command, environment={"PYTHONPATH": tests})
