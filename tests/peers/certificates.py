"""Certificates of any key, hash and extension, and with faults that no authority makes."""

from __future__ import annotations

import datetime
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM


class Identity(NamedTuple):
    """A certificate, its key, and the authorities' certificates that go along with it."""

    der: bytes
    key: Any
    subject: x509.Name
    chain: tuple[bytes, ...] = ()

    @property
    def pem(self) -> bytes:
        """The certificate and its chain."""
        return b"".join(ssl.DER_cert_to_PEM_cert(der).encode() for der in (self.der, *self.chain))

    def with_chain(self, *authorities: Identity) -> Identity:
        """The same, shown together with these."""
        return self._replace(chain=tuple(authority.der for authority in authorities))

    def edited(self, old: str, new: str) -> Identity:
        """The certificate with these bytes in place of others, in hexadecimal; unsigned now."""
        before, after = bytes.fromhex(old), bytes.fromhex(new)
        assert before in self.der
        assert len(before) == len(after)
        return self._replace(der=self.der.replace(before, after))

    def server_context(self, ciphers: str = "", version: ssl.TLSVersion | None = None) -> Any:
        """What a server in Python needs to show it, weak ones too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(f"{ciphers or 'DEFAULT'}:@SECLEVEL=0")
        if version is not None:
            context.maximum_version = version
        key = self.key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "identity.pem")
            path.write_bytes(key + self.pem)
            context.load_cert_chain(path)
        return context


def issue(
    names: Iterable[x509.GeneralName] | None = (x509.DNSName("localhost"),),
    *,
    by: Identity | None = None,
    key: Any = None,
    hash_: Any = None,
    authority: x509.BasicConstraints | None = None,
    extra: Iterable[tuple[x509.ExtensionType, bool]] = (),
    begins: datetime.datetime = NOW - 2 * DAY,
    ends: datetime.datetime = NOW + 30 * DAY,
) -> Identity:
    """A certificate for the names, by an authority or else by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    common_name = f"{'authority' if authority else 'server'} {x509.random_serial_number():x}"[:60]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if authority:
        builder = builder.add_extension(authority, critical=True)
    elif names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    signing = by.key if by else key
    has_its_own_hash = isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    certificate = builder.sign(signing, None if has_its_own_hash else hash_ or hashes.SHA256())
    return Identity(certificate.public_bytes(serialization.Encoding.DER), key, subject)


def issue_authority(*, depth: int | None = None, **options: Any) -> Identity:
    """One that may sign others, by itself unless `by` is given."""
    return issue(authority=x509.BasicConstraints(ca=True, path_length=depth), **options)
