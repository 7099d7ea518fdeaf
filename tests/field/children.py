"""A test's program in a process of its own, for what would end or stop the tests' process.

A program is ended when its time is over, and whatever it printed is in the failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

TIME_LIMIT = 30.0
TESTS = str(Path(__file__).parents[1])


@dataclass(frozen=True)
class Ended:
    """How a program ended, and what it printed."""

    status: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"status {self.status}\n--- stdout\n{self.output}\n--- stderr\n{self.errors}"


def environment() -> dict[str, str]:
    """Ours, in which a program finds the tests' modules, and a panic is as short as it can be."""
    environment = {**os.environ, "PYTHONPATH": TESTS}
    environment.pop("RUST_BACKTRACE", None)
    return environment


def command(source: str, *arguments: str) -> list[str]:
    """What runs the program; a fatal signal shows where it was."""
    return [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(source), *arguments]


def run(source: str, *arguments: str, time_limit: float = TIME_LIMIT) -> Ended:
    """Run the program to its end; one that hangs fails the test."""
    process = subprocess.Popen(
        command(source, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with process:
        try:
            output, errors = process.communicate(timeout=time_limit)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            pytest.fail(f"it did not end in {time_limit} s\n{Ended(-1, output, errors)}")
    return Ended(process.returncode, output, errors)


def succeed(source: str, *arguments: str, time_limit: float = TIME_LIMIT) -> str:
    """Run a program that is to print on stdout alone, and to end with status 0."""
    ended = run(source, *arguments, time_limit=time_limit)
    assert "panicked" not in ended.errors, ended
    assert (ended.status, ended.errors) == (0, ""), ended
    return ended.output
