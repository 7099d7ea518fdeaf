"""Proxies that we did not write, each configured for user and password where it can be."""

from __future__ import annotations

import getpass
import os
import tempfile
from pathlib import Path

from peers.listening import ListeningProgram, free_port, path_of

USER, PASSWORD = "somebody", "passw0rd"
# openssl passwd -apr1
HASHED = "$apr1$websocks$Jg1QQMqdy4fZRrRPt4oAm/"

SQUID = """
http_port 127.0.0.1:{http}
https_port 127.0.0.1:{https} tls-cert={certificate}
auth_param basic program /usr/lib/squid/basic_ncsa_auth {users}
auth_param basic realm squid
acl known proxy_auth REQUIRED
acl loopback dst 127.0.0.0/8
http_access allow known
http_access deny all
cache deny all
access_log none
cache_log {folder}/cache.log
cache_store_log none
pid_filename {folder}/squid.pid
coredump_dir {folder}
shutdown_lifetime 0 seconds
pinger_enable off
netdb_filename none
cache_effective_user {account}
"""

TINYPROXY = """
Listen 127.0.0.1
Port {http}
Timeout 60
BasicAuth {user} {password}
LogLevel Critical
PidFile "{folder}/tinyproxy.pid"
"""

HAPROXY = """
defaults
    mode tcp
    timeout connect 10s
    timeout client 1m
    timeout server 1m
listen tls
    bind 127.0.0.1:{https} ssl crt {certificate}
    server behind 127.0.0.1:{http}
"""

DANTE = """
logoutput: stderr
errorlog: /dev/null
internal: 127.0.0.1 port = {socks}
external: lo
clientmethod: none
socksmethod: none
user.unprivileged: {account}
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
"""


class Squid(ListeningProgram):
    """HTTP, in plain text and by TLS, with Basic credentials."""

    def __init__(self, certificate: Path) -> None:
        path_of("squid")
        self.ports = {"http": free_port(), "https": free_port()}
        # It will not be root, so what it reads is where its own user can.
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        folder.chmod(0o777)
        users, configuration = folder / "users", folder / "squid.conf"
        users.write_text(f"{USER}:{HASHED}\n")
        copy = folder / "certificate.pem"
        copy.write_bytes(certificate.read_bytes())
        configuration.write_text(
            SQUID.format(
                folder=folder,
                certificate=copy,
                users=users,
                account="proxy" if getpass.getuser() == "root" else getpass.getuser(),
                **self.ports,
            )
        )
        # Several run at a time, and share no memory.
        name = f"aiowebsocket{os.getpid()}"
        command = ["squid", "-N", "-n", name, "-f", str(configuration)]
        super().__init__(command, self.ports.values())

    def stop(self) -> None:
        """End the process."""
        super().stop()
        self._folder.cleanup()


class Tinyproxy(ListeningProgram):
    """HTTP with Basic credentials, in plain text; HAProxy before it speaks TLS."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"http": free_port()}
        configuration = folder / "tinyproxy.conf"
        configuration.write_text(
            TINYPROXY.format(folder=folder, user=USER, password=PASSWORD, **self.ports)
        )
        super().__init__(["tinyproxy", "-d", "-c", str(configuration)], self.ports.values())


class HAProxy(ListeningProgram):
    """TLS before a proxy that has none."""

    def __init__(self, folder: Path, certificate: Path, behind: int) -> None:
        self.ports = {"https": free_port()}
        configuration = folder / "haproxy.cfg"
        configuration.write_text(HAPROXY.format(certificate=certificate, http=behind, **self.ports))
        super().__init__(["haproxy", "-f", str(configuration)], self.ports.values())


class Microsocks(ListeningProgram):
    """SOCKS5 with user and password."""

    def __init__(self) -> None:
        self.ports = {"socks5": free_port()}
        listening = ["-i", "127.0.0.1", "-p", str(self.ports["socks5"])]
        super().__init__(
            ["microsocks", *listening, "-u", USER, "-P", PASSWORD], self.ports.values()
        )


class Dante(ListeningProgram):
    """SOCKS4 and 5, for anybody."""

    def __init__(self, folder: Path) -> None:
        self.ports = {"socks": free_port()}
        configuration = folder / "danted.conf"
        configuration.write_text(DANTE.format(account=getpass.getuser(), **self.ports))
        pidfile = str(folder / "danted.pid")
        super().__init__(["danted", "-f", str(configuration), "-p", pidfile], self.ports.values())
