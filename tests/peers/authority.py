"""A throw-away certificate authority for one test session; it lives in a temporary folder."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class Authority:
    """Issues the servers' certificates and tells where its own can be read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))
        self.ca_data = self._ca.cert_pem.bytes()
        self.server_files = self.issue("server", "localhost", "127.0.0.1", "::1")

    def issue(self, name: str, *identities: str, not_after: datetime | None = None) -> Path:
        """A certificate with its key and chain, all in one PEM file."""
        path = self.folder / f"{name}.pem"
        certificate = self._ca.issue_cert(*identities, not_after=not_after)
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def server_context(self, certificate: Path | None = None) -> ssl.SSLContext:
        """What a server in Python needs to speak TLS."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate or self.server_files)
        return context

    def demand_client_certificate(self, context: ssl.SSLContext) -> None:
        """Let a server refuse clients that show no certificate of ours."""
        context.load_verify_locations(self.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
