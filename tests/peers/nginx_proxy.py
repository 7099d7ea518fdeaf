"""nginx, with and without TLS, in front of another server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peers.listening import ListeningProgram, free_port

if TYPE_CHECKING:
    from pathlib import Path

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


class NginxProxy(ListeningProgram):
    """A running nginx; `uri` gives its address for a scheme and a path."""

    def __init__(self, folder: Path, certificate: Path, upstream: int) -> None:
        self.ports = {"ws": free_port(), "wss": free_port()}
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder, certificate=certificate, upstream=upstream, **self.ports
            )
        )
        command = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(configuration)]
        super().__init__(command, self.ports.values())

    def uri(self, scheme: str, path: str = "/") -> str:
        """The address of a path."""
        return f"{scheme}://127.0.0.1:{self.ports[scheme]}{path}"
