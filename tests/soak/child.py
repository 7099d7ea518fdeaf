"""A program of ours as a child process that says what it has to say in lines of JSON.

It is killed when it is left, if it has not ended by itself.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

TESTS = Path(__file__).parents[1]


class SilentChildError(Exception):
    """The child ended, or took too long, before it said what was to come."""


class Child:
    """Runs `python -m module`, wherever `on` has it run, and reads what it says."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        ca_file: Path,
        on: Callable[[Sequence[str]], list[str]] = list,
    ) -> None:
        self._module = module
        self._command = on([sys.executable, "-m", module, *arguments])
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "SSL_CERT_FILE": str(ca_file),
        }

    def __enter__(self) -> Child:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self._environment
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        with self._process:
            pass

    def asked(self, patience: float) -> Any:
        """What the child answers to a line from us."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return self.next_line(patience)

    def next_line(self, patience: float) -> Any:
        """The child's next line, which is to come within `patience` seconds."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + patience
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
            # Byte by byte: what follows the line is the next one's.
            byte = os.read(descriptor, 1) if ready else b""
            if not byte:
                why = "ended" if ready else f"said nothing for {patience:.0f} seconds"
                raise SilentChildError(f"{self._module} {why}")
            line += byte
        return json.loads(line)
