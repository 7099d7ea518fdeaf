"""Programs of others that listen where they are told to, and end with the tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from peers.process import end

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PATIENCE = 10.0


class ListeningProgram:
    """A running program that listens on these ports of 127.0.0.1."""

    def __init__(self, command: Sequence[str], ports: Iterable[int]) -> None:
        self.process = subprocess.Popen(
            [path_of(command[0]), *command[1:]], stdout=subprocess.DEVNULL
        )
        for port in ports:
            self._await_listener(port)

    def stop(self) -> None:
        """End the process."""
        end(self.process)

    def _await_listener(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            time.sleep(0.02)
        self.process.kill()
        self.process.wait(PATIENCE)
        raise RuntimeError(f"{self.process.args!r} did not start to listen")


def path_of(program: str) -> str:
    """Where a program is; a test without it is left out, and says so."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed: the tests with it are left out")
    return path


def free_port() -> int:
    """A port that nobody listens on now: these programs cannot be asked for theirs."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
