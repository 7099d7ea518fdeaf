"""A program and the server that it talks to, on the two ends of the wire."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import event_loops
from soak.child import Child

from . import BRIGHT, two_hosts
from .far import far_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from . import Weather, Wire
    from .far import FarServer


@contextlib.contextmanager
def apart(
    module: str, arguments: Callable[[FarServer], Sequence[str]], weather: Weather = BRIGHT
) -> Iterator[tuple[dict[str, Child], Wire]]:
    """The program runs once on each kind of loop, which it is told before its arguments.

    Raises:
        NotPermittedError: Where this system does not let us have hosts.
    """
    with contextlib.ExitStack() as stack:
        client, server, wire = stack.enter_context(two_hosts())
        wire.weather = weather
        far = stack.enter_context(far_server(server))
        running = {
            kind: stack.enter_context(
                Child(module, kind, *arguments(far), ca_file=far.ca_file, on=client.command)
            )
            for kind in event_loops.KINDS
        }
        yield running, wire
