"""The server on the far host, running: where it listens, and whose certificate it has."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from peers.authority import Authority
from soak.child import Child

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .host import Host

PATIENCE = 20.0


class FarServer(NamedTuple):
    """Where soak.network.server listens."""

    address: str
    ports: dict[str, int]
    ca_file: Path

    def uri(self, scheme: str, path: str = "/") -> str:
        """The address of a path."""
        return f"{scheme}://{self.address}:{self.ports[scheme]}{path}"


@contextlib.contextmanager
def far_server(host: Host) -> Iterator[FarServer]:
    """Run it on a host; it is gone at the end, and its certificate too."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority(Path(folder))
        certificate = authority.issue("far", host.address)
        arguments = (host.address, str(certificate))
        running = Child(
            "soak.network.server", *arguments, ca_file=authority.ca_file, on=host.command
        )
        with running:
            yield FarServer(host.address, running.next_line(PATIENCE), authority.ca_file)
