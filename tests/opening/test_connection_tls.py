"""TLS from Python: whom it refuses, and how an open connection ends without losing anything.

More on certificates is in test_errors_opening.py and in tests/rust/connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import ssl
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

import aiowebsocket
from aiowebsocket import connect
from blocking import until
from failures import assert_readable, refusal
from peers import frames
from peers.raw import PATIENCE, EndOfStreamError, RawPeer, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
    from peers.authority import Authority

MIB = 2**20
# The most plaintext of one record.
RECORD = 2**14
# So much of a message leaves less room than a record for a read, which keeps some for plaintext.
ALMOST_A_BUFFER = 229_000
MANY = [str(number) * 1000 for number in range(30)]


def has_received(ws: aiowebsocket.ClientConnection, count: int) -> bool:
    return ws.stats.wire_bytes_received == count


def end_without_close_notify(session: Session) -> None:
    session.finish()


def end_with_close_notify(session: Session) -> None:
    """Without waiting for the client's, which is not reading yet."""
    assert isinstance(session.stream, ssl.SSLSocket)
    session.stream.settimeout(0.1)
    with contextlib.suppress(TimeoutError):
        session.stream.unwrap()
    session.stream.settimeout(PATIENCE)
    session.finish()


@pytest.mark.only(scheme="wss")
@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (end_without_close_notify, aiowebsocket.TLSError),
        (end_with_close_notify, EOFError),
    ],
)
async def test_an_end_without_a_close_frame_is_1006_after_all_that_came_before(
    raw_peer: MakeRawPeer, end: Callable[[Session], None], cause: type[Exception]
) -> None:
    def script(session: Session) -> None:
        session.open()
        session.send(*(frames.text(message) for message in MANY))
        end(session)
        session.go.set()
        session.see_off()

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        peer.go.wait(10)
        assert [await ws.recv() for _ in MANY] == MANY
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv()
        assert (raised.value.code, ws.close_code) == (1006, 1006)
    assert isinstance(raised.value.__cause__, cause)


class BioSession:
    """TLS by hand over a plain session: what is sent, alerts included, is in our hands."""

    def __init__(self, session: Session, context: ssl.SSLContext) -> None:
        self.socket = session.stream
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.await_tls(self.tls.do_handshake)

    def await_tls(self, step: Callable[[], bytes | None]) -> bytes | None:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.socket.recv(2**16))
            finally:
                self.flush()

    def flush(self) -> None:
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def open(self, session: Session) -> None:
        """Take the opening handshake."""
        while b"\r\n\r\n" not in session._unread:
            session._unread += self.await_tls(lambda: self.tls.read(2**16)) or b""
        self.tls.write(session.response(session.read_request()))
        self.flush()

    def fatal_alert(self) -> None:
        """Put the alert behind what waits to be sent: a record that cannot be decrypted came in."""
        self.incoming.write(b"\x17\x03\x03\x00\x40" + bytes(64))
        with pytest.raises(ssl.SSLError):
            self.tls.read(1)
        assert self.outgoing.pending


@pytest.mark.only(scheme="wss")
async def test_a_record_for_which_one_read_has_no_room_is_read_to_its_end(
    raw_peer: MakeRawPeer,
) -> None:
    """The rest of it lies in the socket already, so nothing tells of it any more."""
    message = bytes(MIB)
    frame = frames.binary(message)
    cuts = [0, *range(ALMOST_A_BUFFER, len(frame), RECORD), len(frame)]
    arrived = threading.Semaphore(0)

    def script(session: Session) -> None:
        session.open()
        for first, last in itertools.pairwise(cuts):
            session.send(frame[first:last])
            assert arrived.acquire(timeout=10)

    peer = raw_peer(script)
    async with connect(peer.uri) as ws:
        for cut in cuts[1:]:
            have_come = functools.partial(has_received, ws, cut)
            await asyncio.wait_for(until(have_come), 5)
            arrived.release()
        assert await ws.recv() == message


async def test_data_that_came_before_a_fatal_alert_is_handed_out(
    raw_peer: MakeRawPeer, authority: Authority
) -> None:
    def script(session: Session) -> None:
        tls = BioSession(session, authority.server_context())
        tls.open(session)
        for message in MANY:
            tls.tls.write(frames.text(message))
        tls.fatal_alert()
        # All of it in one go, so that the client decrypts data and alert in the same read.
        tls.flush()
        session.go.set()
        session.hang_up()

    peer = raw_peer(script)
    async with connect(peer.uri.replace("ws", "wss", 1)) as ws:
        peer.go.wait(10)
        assert [await ws.recv() for _ in MANY] == MANY
        with pytest.raises(aiowebsocket.ConnectionClosedError) as raised:
            await ws.recv()
        assert raised.value.code == 1006
    assert type(raised.value.__cause__) is aiowebsocket.TLSError
    assert_readable(raised.value.__cause__, "alert")


@pytest.fixture
def old_tls(authority: Authority) -> ssl.SSLContext:
    """A server that speaks nothing newer than TLS 1.1."""
    context = authority.server_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def test_a_server_with_nothing_newer_than_tls_1_1_is_refused_and_asked_once(
    old_tls: ssl.SSLContext,
) -> None:
    peer = RawPeer(Session.open, Session.open, tls=old_tls)
    error = await refusal(peer.uri)
    assert type(error) is aiowebsocket.TLSError
    assert_readable(error, peer.host, "no version of TLS or cipher suite")
    with pytest.raises((OSError, EndOfStreamError)):
        peer.stop()
    assert peer.connections == 1


@pytest.mark.parametrize("identity", ["127.0.0.1", "localhost"])
async def test_an_ip_address_is_looked_for_among_the_certificates_addresses(
    authority: Authority, identity: str
) -> None:
    tls = authority.server_context(authority.issue(f"only-{identity}", identity))
    peer = RawPeer(Session.open, tls=tls)
    if identity == "127.0.0.1":
        async with connect(peer.uri) as ws:
            assert ws.state.name == "OPEN"
        peer.stop()
    else:
        error = await refusal(peer.uri)
        assert type(error) is aiowebsocket.CertificateError
        assert_readable(error, "not valid for the name 127.0.0.1, but for localhost")
        with pytest.raises((OSError, EndOfStreamError)):
            peer.stop()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_the_environment_is_what_it_is_when_connecting(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Python's own, which C's follows; an empty variable says nothing."""
    monkeypatch.setenv("SSL_CERT_FILE", "")
    peer = RawPeer(Session.open, Session.open, tls=authority.server_context())
    monkeypatch.setenv(variable, "/nowhere")
    assert isinstance(await refusal(peer.uri), aiowebsocket.TLSError)
    here = authority.ca_file if variable == "SSL_CERT_FILE" else authority.folder
    monkeypatch.setenv(variable, str(here))
    async with connect(peer.uri) as ws:
        assert ws.state.name == "OPEN"
    # The first never came to a socket.
    assert peer.connections == 1
    with contextlib.suppress(OSError, EndOfStreamError):
        peer.stop()


async def test_a_redirect_into_tls_trusts_what_the_environment_names(authority: Authority) -> None:
    secure = RawPeer(Session.open, tls=authority.server_context())

    def send_on(session: Session) -> None:
        session.read_request()
        session.send(f"HTTP/1.1 302 Found\r\nLocation: {secure.uri}\r\n\r\n".encode())

    plain = RawPeer(send_on)
    async with connect(plain.uri) as ws:
        assert ws.state.name == "OPEN"
    secure.stop()
    plain.stop()
