"""nginx, with and without TLS, in front of another server."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 10.0

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{ws};
        listen 127.0.0.1:{wss} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


class NginxProxy:
    """A running nginx; `uri` gives its address for a scheme and a path."""

    def __init__(self, folder: Path, certificate: Path, upstream: int) -> None:
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if nginx is None:
            pytest.skip("nginx is not installed: the tests behind it are left out")
        self.ports = {"ws": free_port(), "wss": free_port()}
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder, certificate=certificate, upstream=upstream, **self.ports
            )
        )
        self.process = subprocess.Popen(
            [nginx, "-e", "stderr", "-p", str(folder), "-c", str(configuration)]
        )
        for port in self.ports.values():
            self._await_listener(port)

    def uri(self, scheme: str, path: str = "/") -> str:
        """The address of a path."""
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}{path}"

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def _await_listener(self, port: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            time.sleep(0.02)
        self.process.kill()
        self.process.wait(PATIENCE)
        raise RuntimeError("nginx did not start to listen")


def free_port() -> int:
    """A port that nobody listens on now; nginx cannot be asked which one it was given."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
