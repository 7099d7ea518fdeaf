"""Two hosts of our own, a wire between them, and the wire's weather.

Each host is a network namespace with one device, a TUN. What its kernel sends is read here, packet
by packet, and given to the other after whatever the weather does to it: what tc's netem would do,
also on a kernel without it. A namespace and a device last as long as the process that has them, so
nothing is left behind even by a run that is killed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .host import Host, NotPermittedError
from .weather import BLACKOUT, BRIGHT, STORM, Weather
from .wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "BLACKOUT",
    "BRIGHT",
    "SERVER_ADDRESS",
    "STORM",
    "Host",
    "NotPermittedError",
    "Weather",
    "Wire",
    "two_hosts",
]

# Of the block for benchmarks between networks (RFC 2544): nobody's real address.
CLIENT_ADDRESS, SERVER_ADDRESS = "198.18.0.1", "198.18.0.2"


@contextlib.contextmanager
def two_hosts() -> Iterator[tuple[Host, Host, Wire]]:
    """The client's host, the server's, and the wire between them; all gone at the end.

    Raises:
        NotPermittedError: Where this system does not let us have them.
    """
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(Host(CLIENT_ADDRESS))
        server = stack.enter_context(Host(SERVER_ADDRESS))
        wire = stack.enter_context(Wire(client.device, server.device))
        yield client, server, wire
