"""Which certificates and servers that OpenSSL takes are taken, and the sentence for each other.

The same list, for people, is docs/tls.md.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import ssl
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

import aiowebsocket
import event_loops
from aiowebsocket import TLSConfig, connect
from failures import assert_readable, refusal
from peers.certificates import DAY, NOW, Identity, issue, issue_authority
from peers.raw import EndOfStreamError, RawPeer, Session

if TYPE_CHECKING:
    from collections.abc import Callable

DNS = x509.DNSName
TLS12 = ssl.TLSVersion.TLSv1_2
CRITICAL = True


class Case(NamedTuple):
    """What a server shows, whom the client trusts, and what the server insists on."""

    server: Identity
    trusted: Identity
    ciphers: str = ""
    version: ssl.TLSVersion | None = None
    host: str = "localhost"


def on(curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve)


@functools.cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@functools.cache
def root() -> Identity:
    return issue_authority()


def by_root(**options: object) -> Case:
    return Case(issue(by=root(), **options), root())  # type: ignore[arg-type]


def under(root: Identity, **options: object) -> Case:
    return Case(issue(by=root, **options), root)  # type: ignore[arg-type]


def policies(*qualifiers: str | x509.UserNotice) -> x509.CertificatePolicies:
    any_policy = x509.ObjectIdentifier("2.5.29.32.0")
    return x509.CertificatePolicies([x509.PolicyInformation(any_policy, list(qualifiers) or None)])


def below_an_intermediate(**options: object) -> Case:
    intermediate = issue_authority(by=root(), **options)  # type: ignore[arg-type]
    return Case(issue(by=intermediate).with_chain(intermediate), root())


def named_itself(**options: object) -> Case:
    server = issue(**options)  # type: ignore[arg-type]
    return Case(server, server)


NOTICE = x509.UserNotice(None, "for tests")
MUST_STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
TAKEN: dict[str, Callable[[], Case]] = {
    "a key on P-384": lambda: by_root(key=on(ec.SECP384R1())),
    "a key on P-521": lambda: by_root(key=on(ec.SECP521R1())),
    "an Ed25519 key": lambda: by_root(key=ed25519.Ed25519PrivateKey.generate()),
    "an RSA key": lambda: by_root(key=rsa_key()),
    "an authority on P-521": lambda: under(issue_authority(key=on(ec.SECP521R1()))),
    "an authority on P-521, SHA-384": lambda: under(
        issue_authority(key=on(ec.SECP521R1())), hash_=hashes.SHA384()
    ),
    "an authority on P-521, SHA-512": lambda: under(
        issue_authority(key=on(ec.SECP521R1())), hash_=hashes.SHA512()
    ),
    "P-256 with SHA-512": lambda: by_root(hash_=hashes.SHA512()),
    "P-384 with SHA-512": lambda: under(
        issue_authority(key=on(ec.SECP384R1())), hash_=hashes.SHA512()
    ),
    "critical policies": lambda: by_root(extra=[(policies(), CRITICAL)]),
    "critical policies, TLS 1.2": lambda: by_root(extra=[(policies(), CRITICAL)])._replace(
        version=TLS12
    ),
    "critical policies with what is for people": lambda: by_root(
        extra=[(policies("https://example.org/cps", NOTICE), CRITICAL)]
    ),
    "critical policies above": lambda: below_an_intermediate(extra=[(policies(), CRITICAL)]),
    "critical policies of one that is trusted itself": lambda: named_itself(
        extra=[(policies(), CRITICAL)]
    ),
    "a promise to staple OCSP": lambda: by_root(extra=[(MUST_STAPLE, False)]),
    "an authority that has expired, named": lambda: under(issue_authority(ends=NOW - DAY)),
}


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name: str) -> None:
    event_loops.run("asyncio", take(TAKEN[name]()))


async def test_taken_on_every_loop() -> None:
    await take(by_root(key=on(ec.SECP521R1()), extra=[(policies(), CRITICAL)]))


async def take(case: Case) -> None:
    peer = RawPeer(serve, tls=case.server.server_context(case.ciphers, case.version))
    try:
        async with connect(uri(peer, case), ssl=trusting(case)) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
    finally:
        peer.stop()


def serve(session: Session) -> None:
    session.open()
    frame = session.receive()
    session.send(b"\x81" + bytes([len(frame.payload)]) + frame.payload)
    session.see_off()


def trusting(case: Case) -> TLSConfig:
    return TLSConfig(ca_data=case.trusted.pem)


def uri(peer: RawPeer, case: Case) -> str:
    return f"wss://{case.host}:{peer.port}/"


def unrecognized(number: str, value: str) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(number), bytes.fromhex(value))


def with_policies_and(*more: tuple[x509.ExtensionType, bool]) -> Case:
    return by_root(extra=[(policies(), CRITICAL), *more])


def forged(case: Case) -> Case:
    """The last byte of the signature is another."""
    der = case.server.der
    return case._replace(server=case.server._replace(der=der[:-1] + bytes([der[-1] ^ 1])))


def edited(case: Case, old: str, new: str) -> Case:
    return case._replace(server=case.server.edited(old, new))


def below_two_intermediates() -> Case:
    upper = issue_authority(by=root(), depth=0)
    lower = issue_authority(by=upper)
    return Case(issue(by=lower).with_chain(lower, upper), root())


def below_a_server() -> Case:
    server = issue(by=root())
    return Case(issue(by=server).with_chain(server), root())


def only_for(name: str) -> x509.NameConstraints:
    return x509.NameConstraints([DNS(name)], None)


POLICY_CONSTRAINTS = x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)
FOR_CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
SHA256_WITH_RSA, SHA1_WITH_RSA = "2a864886f70d01010b", "2a864886f70d010105"
MD5_WITH_RSA = "2a864886f70d010104"
VERSION_3, VERSION_1 = "a003020102", "a003020100"

WRONG_SIGNATURE = (
    "rests on a signature that no trusted authority made,"
    " or one by an RSA key of less than 2048 bits"
)
UNKNOWN_EXTENSION = "has an extension that is marked critical and is not supported"
# The rest of "the certificate of localhost:443 ...".
REFUSED: dict[str, tuple[Callable[[], Case], str]] = {
    "another critical extension": (
        lambda: by_root(extra=[(unrecognized("1.3.6.1.4.1.99999.1", "0500"), CRITICAL)]),
        UNKNOWN_EXTENSION,
    ),
    "critical policies and a critical stranger": (
        lambda: with_policies_and((unrecognized("1.3.6.1.4.1.99999.1", "0500"), CRITICAL)),
        UNKNOWN_EXTENSION,
    ),
    "critical policies that one certificate demands": (
        lambda: with_policies_and((POLICY_CONSTRAINTS, False)),
        UNKNOWN_EXTENSION,
    ),
    "critical policies with an unknown qualifier": (
        lambda: by_root(
            extra=[(unrecognized("2.5.29.32", "3010300e06022a033008300606022a040500"), CRITICAL)]
        ),
        UNKNOWN_EXTENSION,
    ),
    "critical policies that are none": (
        lambda: by_root(extra=[(unrecognized("2.5.29.32", "3000"), CRITICAL)]),
        UNKNOWN_EXTENSION,
    ),
    "critical policies, by another authority": (
        lambda: by_root(extra=[(policies(), CRITICAL)])._replace(trusted=issue_authority()),
        "is signed by an unknown authority; pass TLSConfig(ca_file=...) to trust a private one",
    ),
    "critical policies, for another name": (
        lambda: by_root(names=[DNS("other.example")], extra=[(policies(), CRITICAL)]),
        "is not valid for the name localhost, but for other.example",
    ),
    "critical policies, expired": (
        lambda: by_root(ends=NOW - DAY, extra=[(policies(), CRITICAL)]),
        f"expired on {(NOW - DAY).date()}",
    ),
    "critical policies, forged": (
        lambda: forged(by_root(extra=[(policies(), CRITICAL)])),
        WRONG_SIGNATURE,
    ),
    "an authority on P-521, forged": (
        lambda: forged(under(issue_authority(key=on(ec.SECP521R1())))),
        WRONG_SIGNATURE,
    ),
    "P-256 with SHA-512, forged": (
        lambda: forged(by_root(hash_=hashes.SHA512())),
        WRONG_SIGNATURE,
    ),
    "an RSA key of 1024 bits": (lambda: by_root(key=rsa_key(1024)), WRONG_SIGNATURE),
    "an authority with an RSA key of 1024 bits": (
        lambda: under(issue_authority(key=rsa_key(1024))),
        WRONG_SIGNATURE,
    ),
    "signed with SHA-1": (
        lambda: edited(under(issue_authority(key=rsa_key())), SHA256_WITH_RSA, SHA1_WITH_RSA),
        "rests on a signature with RSA and SHA-1, which is not accepted",
    ),
    "signed with MD5": (
        lambda: edited(under(issue_authority(key=rsa_key())), SHA256_WITH_RSA, MD5_WITH_RSA),
        "rests on a signature with RSA and MD5, which is not accepted",
    ),
    "an authority on secp256k1": (
        lambda: under(issue_authority(key=on(ec.SECP256K1()))),
        "rests on a signature by a key of the kind secp256k1, which is not accepted",
    ),
    "an authority with an Ed448 key": (
        lambda: under(issue_authority(key=ed448.Ed448PrivateKey.generate())),
        "rests on a signature with Ed448, which is not accepted",
    ),
    "version 1": (
        lambda: edited(by_root(), VERSION_3, VERSION_1),
        "is not of X.509 version 3",
    ),
    "an address as a DNS name": (
        lambda: by_root(names=[DNS("127.0.0.1")])._replace(host="127.0.0.1"),
        "lists 127.0.0.1 as a DNS name, but an address counts only as an IP address",
    ),
    "an address, and another asked for": (
        lambda: by_root(names=[x509.IPAddress(ipaddress.ip_address("10.0.0.1"))]),
        "is not valid for the name localhost, but for 10.0.0.1",
    ),
    "no subject alternative name": (
        lambda: by_root(names=None),
        "is not valid for the name localhost: it has no subject alternative name",
    ),
    "for clients": (lambda: by_root(extra=[(FOR_CLIENTS, False)]), "is not meant for servers"),
    "a name its authority may not vouch for": (
        lambda: below_an_intermediate(extra=[(only_for("example.org"), CRITICAL)]),
        "is for a name that an authority above it may not vouch for",
    ),
    "more authorities than are allowed": (
        below_two_intermediates,
        "has more authorities above it than are allowed",
    ),
    "by one that is no authority": (
        below_a_server,
        "is signed by a certificate that is no authority's",
    ),
    "an intermediate that has expired": (
        lambda: below_an_intermediate(ends=NOW - DAY),
        f"expired on {(NOW - DAY).date()}",
    ),
    "not yet valid": (
        lambda: by_root(begins=NOW + DAY),
        f"is not valid before {(NOW + DAY).date()}",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    error, address = refused(make())
    assert type(error) is aiowebsocket.CertificateError
    assert_readable(error)
    assert str(error) == f"the certificate of {address} {sentence}"


def refused(case: Case) -> tuple[BaseException, str]:
    peer = RawPeer(Session.open, tls=case.server.server_context(case.ciphers, case.version))
    error = event_loops.run("asyncio", refusal(uri(peer, case), ssl=trusting(case)))
    with contextlib.suppress(OSError, EndOfStreamError):
        peer.stop()
    return error, f"{case.host}:{peer.port}"


NO_CIPHER_SUITE = (
    "the server takes no cipher suite of those offered:"
    " TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305"
)


@pytest.mark.parametrize(
    "ciphers",
    [
        "ECDHE-RSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA",
        "DHE-RSA-AES128-GCM-SHA256",
        "AES128-GCM-SHA256",
    ],
)
def test_a_server_with_old_cipher_suites_only_is_refused(ciphers: str) -> None:
    error, address = refused(by_root(key=rsa_key())._replace(ciphers=ciphers, version=TLS12))
    assert type(error) is aiowebsocket.TLSError
    assert str(error) == f"TLS with {address} failed: {NO_CIPHER_SUITE}"


def test_a_key_on_p_521_needs_tls_1_3() -> None:
    """Before, a server asks whether keys are agreed on that curve too (RFC 8422 5.1)."""
    error, address = refused(by_root(key=on(ec.SECP521R1()))._replace(version=TLS12))
    assert str(error) == f"TLS with {address} failed: {NO_CIPHER_SUITE}"


@pytest.mark.parametrize("host", ["a-.example", "-a.example", "a.b-"])
async def test_a_host_that_no_certificate_can_be_for_is_refused_before_a_socket(host: str) -> None:
    peer = RawPeer()
    error = await refusal(f"wss://{host}:{peer.port}/")
    peer.stop()
    assert isinstance(error, aiowebsocket.InvalidURI)
    assert_readable(error, host, "a part of its host begins or ends with a hyphen")
    by_name = await refusal(peer.uri.replace("ws", "wss"), ssl=TLSConfig(server_hostname=host))
    assert isinstance(by_name, ValueError)
    assert_readable(by_name, host, "begins or ends with a hyphen")
    assert peer.connections == 0
