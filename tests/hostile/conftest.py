"""The hostile server, one for the whole test session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peers.process import ServerProcess, python_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peers.authority import Authority


@pytest.fixture(scope="session")
def attacker(authority: Authority) -> Iterator[ServerProcess]:
    server = python_server("hostile.attacker", authority.server_files)
    yield server
    server.stop()
