"""What fails before the server's response is looked at: the URI, the network, TLS, the deadline."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from peers.authority import Authority
from peers.raw import EndOfStreamError, RawPeer, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer
from failures import assert_readable, refusal


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "",
        "ws://",
        "ws:///path",
        "ws://127.0.0.1/#fragment",
        "ws://127.0.0.1:port/",
        "ws://127.0.0.1:65536/",
        "ws://[::1/",
        "ws://127.0.0.1/\r\nX-Injected: yes",
        "ws://127.0.0.1/\n",
        "ws://127.0.0.1/\0",
        "ws://127.0.0.1/?a=\tb",
        "ws://a b/",
    ],
)
async def test_invalid_uri_is_a_value_error_before_any_io(uri: str) -> None:
    error = await refusal(uri)
    assert type(error) is aiowebsocket.InvalidURI
    assert isinstance(error, ValueError)
    assert not isinstance(error, OSError)
    assert error.uri == uri
    assert_readable(error, "isn't a valid URI: ", error.msg)


async def test_invalid_uri_does_not_show_credentials() -> None:
    error = await refusal("ftp://user:s3cret@127.0.0.1/")
    assert type(error) is aiowebsocket.InvalidURI
    shown = f"{error} {error!r} {error.uri} {error.args}"
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    "options",
    [
        {"additional_headers": {"X-A": "1\r\nX-B: 2"}},
        {"additional_headers": {"X-A": "1\n2"}},
        {"additional_headers": {"X-A": "1\0"}},
        {"additional_headers": {"X A": "1"}},
        {"additional_headers": {"X-A\r\nX-B": "1"}},
        {"additional_headers": {"": "1"}},
        {"additional_headers": [("X:A", "1")]},
        {"additional_headers": {"Host": "a\r\nX-B: 2"}},
        {"additional_headers": {"Cookie": "a=\x1b[2J"}},
        {"origin": "http://a\r\nX-B: 2"},
        {"user_agent_header": "a\nb"},
        {"subprotocols": ["a\r\nb"]},
        {"subprotocols": ["a b"]},
        {"subprotocols": ["a", "a"]},
        {"subprotocols": [""]},
    ],
    ids=str,
)
async def test_what_would_be_injected_is_a_value_error_before_any_io(
    raw_peer: MakeRawPeer, options: dict[str, Any]
) -> None:
    peer = raw_peer(Session.open)
    error = await refusal(peer.uri, **options)
    assert isinstance(error, ValueError)
    assert not isinstance(error, aiowebsocket.ConnectError)
    assert_readable(error)
    await asyncio.sleep(0.1)
    assert peer.connections == 0


async def test_what_would_be_injected_by_the_name_for_tls_is_a_value_error(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    error = await refusal(peer.uri.replace("ws", "wss", 1), server_hostname="a\r\nX-B: 2")
    assert isinstance(error, ValueError)
    assert not isinstance(error, aiowebsocket.ConnectError)
    assert_readable(error, "server_hostname")
    assert peer.connections == 0


async def test_connect_refused_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = await refusal(f"ws://127.0.0.1:{port}/")
    assert type(error) is aiowebsocket.ConnectRefused
    assert isinstance(error, aiowebsocket.ConnectError)
    assert isinstance(error, ConnectionRefusedError)
    assert error.errno == errno.ECONNREFUSED
    assert_readable(error, f"127.0.0.1:{port}", "refused")


async def test_resolve_error_when_the_name_has_no_address() -> None:
    error = await refusal("ws://no-such-name.invalid:1234/")
    assert type(error) is aiowebsocket.ResolveError
    assert isinstance(error, aiowebsocket.ConnectError)
    assert isinstance(error, socket.gaierror)
    assert error.errno in (socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL)
    assert_readable(error, "no-such-name.invalid")


def stall_in_the_head(session: Session) -> None:
    session.read_request()
    session.send(b"HTTP/1.1 101 Switching Proto")
    session.receive_ending()


def trickle_without_end(session: Session) -> None:
    session.read_request()
    session.send(b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: ")
    try:
        while not session.go.wait(0.3):
            session.send(b"x")
    except OSError:
        session.close()


@pytest.mark.every("scheme")
@pytest.mark.parametrize("stall", [stall_in_the_head, trickle_without_end])
async def test_connect_timeout_covers_the_whole_handshake(
    raw_peer: MakeRawPeer, stall: Callable[[Session], None]
) -> None:
    peer = raw_peer(stall)
    with clock.measuring() as took:
        error = await refusal(peer.uri, open_timeout=1.5)
    assert took.seconds >= 1.5
    assert took.late(1.5) < clock.SLACK
    assert type(error) is aiowebsocket.ConnectTimeout
    assert isinstance(error, aiowebsocket.ConnectError)
    assert isinstance(error, TimeoutError)
    assert isinstance(error, asyncio.TimeoutError)
    assert_readable(error, peer.host, "timed out after")
    peer.go.set()
    await peer.report()
    assert peer.sessions[0].request is not None


async def test_connect_timeout_covers_the_tls_handshake(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.wait_for_go)
    error = await refusal(peer.uri.replace("ws", "wss", 1), open_timeout=1)
    assert type(error) is aiowebsocket.ConnectTimeout
    assert_readable(error, peer.host, "TLS")
    peer.go.set()


async def test_tls_error_when_the_server_does_not_speak_tls(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.stream.recv(2**16)
        session.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        session.hang_up()

    peer = raw_peer(script)
    error = await refusal(peer.uri.replace("ws", "wss", 1))
    assert type(error) is aiowebsocket.TLSError
    assert isinstance(error, aiowebsocket.ConnectError)
    assert isinstance(error, ssl.SSLError)
    assert_readable(error, peer.host, "TLS")


@pytest.mark.parametrize("end", [Session.hang_up, Session.reset])
async def test_tls_error_at_once_when_the_connection_ends_in_the_tls_handshake(
    raw_peer: MakeRawPeer, end: Callable[[Session], None]
) -> None:
    def script(session: Session) -> None:
        session.stream.recv(1)
        end(session)

    peer = raw_peer(script)
    with clock.measuring() as took:
        error = await refusal(peer.uri.replace("ws", "wss", 1))
    assert took.own < clock.SLACK
    assert type(error) is aiowebsocket.TLSError
    assert_readable(error, peer.host, "TLS handshake")


async def certificate_refused(tls: ssl.SSLContext, **options: Any) -> BaseException:
    """The client's error, once the server has seen that its certificate was refused."""
    peer = RawPeer(Session.open, tls=tls)
    error = await refusal(peer.uri, **options)
    with pytest.raises((OSError, EndOfStreamError)):
        await peer.report()
    assert type(error) is aiowebsocket.CertificateError
    assert isinstance(error, aiowebsocket.TLSError)
    assert isinstance(error, ssl.SSLCertVerificationError)
    assert_readable(error, peer.host, "certificate")
    return error


async def test_certificate_error_when_the_authority_is_unknown(
    authority: Authority, tmp_path: Any
) -> None:
    stranger = Authority(tmp_path)
    await certificate_refused(stranger.server_context())
    await certificate_refused(
        authority.server_context(), ssl=aiowebsocket.TLSConfig(ca_file=stranger.ca_file)
    )


async def test_certificate_error_when_the_host_name_is_another(authority: Authority) -> None:
    tls = authority.server_context(authority.issue("other", "other.example"))
    error = await certificate_refused(tls)
    assert_readable(error, "127.0.0.1")


async def test_certificate_error_when_the_certificate_has_expired(authority: Authority) -> None:
    yesterday = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)
    tls = authority.server_context(authority.issue("old", "127.0.0.1", not_after=yesterday))
    error = await certificate_refused(tls)
    assert_readable(error, "expired")


async def test_an_ssl_context_is_refused_with_the_name_of_the_remedy(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    error = await refusal(peer.uri.replace("ws", "wss", 1), ssl=ssl.create_default_context())
    assert isinstance(error, TypeError | ValueError)
    assert_readable(error, "TLSConfig")
    assert peer.connections == 0


async def test_tls_options_for_a_plain_uri_are_refused(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    error = await refusal(peer.uri, ssl=aiowebsocket.TLSConfig())
    assert type(error) is ValueError
    assert peer.connections == 0


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("ping_interval", 0),
        ("ping_interval", -1),
        ("ping_timeout", 0),
        ("app_stall_timeout", 0),
        ("app_stall_timeout", float("nan")),
        ("overflow", "drop"),
        ("overflow", None),
        ("driver", "thread"),
    ],
)
async def test_lifeline_options_that_mean_nothing_are_refused(
    raw_peer: MakeRawPeer, option: str, wrong: object
) -> None:
    peer = raw_peer(Session.open)
    error = await refusal(peer.uri, **{option: wrong})
    assert type(error) is ValueError
    assert_readable(error, option, repr(wrong))
    assert peer.connections == 0
