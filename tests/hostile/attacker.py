"""The hostile server: a port for each script, on plain TCP and on TLS.

It is a process of its own, so that time and memory that are measured are the client's alone. Its
contract is the one of peers/process.py, with `port_name` for the names of ports.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import threading
from typing import TYPE_CHECKING

from peers.raw import EndOfStreamError, Script, Session

from . import bombs, floods, stalls

if TYPE_CHECKING:
    from collections.abc import Iterable

SCRIPTS: tuple[Script, ...] = (*stalls.OPENING, *stalls.CLOSING, *floods.SCRIPTS, *bombs.SCRIPTS)


def port_name(script: Script, scheme: str) -> str:
    """The name under which a script's port is announced."""
    return f"{script.__name__} over {scheme}"


class Port:
    """A listening socket; every connection is served by the same script, on a thread of its own."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        self._script = script
        self._tls = None if script in stalls.BELOW_TLS else tls
        self._never = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listener.getsockname()[1]
        self.name = port_name(script, "wss" if tls else "ws")
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            stream, _ = self._listener.accept()
            threading.Thread(target=self._attack, args=[stream], daemon=True).start()

    def _attack(self, stream: socket.socket) -> None:
        # A client that goes away in the middle of it is what all of this is for.
        with contextlib.suppress(OSError, EndOfStreamError), stream:
            if self._tls is not None:
                stream = self._tls.wrap_socket(stream, server_side=True)
            with stream:
                self._script(Session(stream, self._never))


def serve(certificate: str, scripts: Iterable[Script]) -> dict[str, int]:
    """Open the ports, each under its name."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    ports = [Port(script, context) for script in scripts for context in (None, tls)]
    return {port.name: port.number for port in ports}


if __name__ == "__main__":
    print(json.dumps(serve(sys.argv[1], SCRIPTS)), flush=True)
    sys.stdin.read()
