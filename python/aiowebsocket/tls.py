"""What the caller can say about TLS. Knows the options, not how TLS is done.

Checked as soon as it is written down, so that a mistake is found before a socket is opened;
files are read when connecting.
"""

import os
import ssl

from .values import Value

__all__ = ["TLSConfig"]

_VERSIONS = ("TLSv1.2", "TLSv1.3")


class TLSConfig(Value):
    """How to talk TLS with the server; `TLSConfig()` is what `wss://` does by itself.

    The server has to show a certificate for its host name that leads to a trusted authority
    (RFC 6455 10.6). Trusted are the authorities of the platform's store, or, where the platform
    has none, those that Mozilla trusts, which come with this package. The environment variables
    `SSL_CERT_FILE` and `SSL_CERT_DIR` take the place of the platform's store. `ca_file` and
    `ca_data` take the place of all of these.

    A TLSConfig is immutable and hashable. Connections with equal ones resume each other's TLS
    sessions, so reconnecting to a server is cheaper.

    Attributes:
        ca_file: File with the certificates of the trusted authorities, in PEM.
        ca_data: The same as text or bytes in PEM; added to `ca_file` where both are given.
        cert_file: File with the client's certificate and the chain behind it, in PEM.
        key_file: File with the client's private key, in PEM; None: the key is in `cert_file`.
        verify: False accepts any certificate for any name: anyone on the way can read and change
            everything. For tests against a server of one's own, and there `ca_file` is better.
        server_hostname: The name to ask for (SNI) and to verify instead of the URI's host.
        min_version: "TLSv1.2", "TLSv1.3" or a member of ssl.TLSVersion; None means "TLSv1.2".

    Raises:
        TypeError: If an argument is of the wrong type.
        ValueError: If a value is empty or unknown, or `key_file` is given without `cert_file`.
    """

    ca_file: str | None
    ca_data: bytes | None
    cert_file: str | None
    key_file: str | None
    verify: bool
    server_hostname: str | None
    min_version: str | None

    __slots__ = __match_args__ = (
        "ca_file",
        "ca_data",
        "cert_file",
        "key_file",
        "verify",
        "server_hostname",
        "min_version",
    )

    def __init__(
        self,
        *,
        ca_file: str | os.PathLike[str] | None = None,
        ca_data: str | bytes | None = None,
        cert_file: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        verify: bool = True,
        server_hostname: str | None = None,
        min_version: str | ssl.TLSVersion | None = None,
    ) -> None:
        if not isinstance(verify, bool):
            raise TypeError(f"verify is True or False, not {_type(verify)}; a file goes to ca_file")
        if key_file is not None and cert_file is None:
            raise ValueError("key_file is given without cert_file: a key alone proves nothing")
        super().__init__(
            _path("ca_file", ca_file),
            _pem(ca_data),
            _path("cert_file", cert_file),
            _path("key_file", key_file),
            verify,
            _hostname(server_hostname),
            _version(min_version),
        )

    def _shown(self) -> dict[str, str]:
        default = TLSConfig()
        shown = super()._shown()
        if self.ca_data is not None:
            shown["ca_data"] = f"<{len(self.ca_data)} bytes>"
        return {
            name: text
            for name, text in shown.items()
            if getattr(self, name) != getattr(default, name)
        }


def _path(name: str, path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    # Of most the type is known at once; to ask an abstract class takes longer than all the rest.
    text = path if isinstance(path, str) or not isinstance(path, os.PathLike) else os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"{name} is a path as str or os.PathLike, not {_type(path)}")
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def _pem(data: str | bytes | None) -> bytes | None:
    if data is None:
        return None
    if not isinstance(data, str | bytes):
        raise TypeError(f"ca_data is PEM as str or bytes, not {_type(data)}")
    if not data:
        raise ValueError("ca_data is empty")
    return data.encode() if isinstance(data, str) else data


def _hostname(name: str | None) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"server_hostname is a str, not {_type(name)}")
    if not name or not name.isprintable():
        raise ValueError(f"server_hostname {name!r} is not a host name")
    return name


def _version(version: str | ssl.TLSVersion | None) -> str | None:
    if version is None:
        return None
    # "TLSv1_2" is how ssl spells its members, so that equal demands make equal configurations.
    name = version.name.replace("_", ".") if isinstance(version, ssl.TLSVersion) else version
    if not isinstance(name, str):
        raise TypeError(f"min_version is a str or an ssl.TLSVersion, not {_type(version)}")
    if name not in _VERSIONS:
        raise ValueError(f"min_version {version!r} is neither {' nor '.join(map(repr, _VERSIONS))}")
    return name


def _type(value: object) -> str:
    return type(value).__name__
