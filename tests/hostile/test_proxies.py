"""Proxies that lead nowhere: one typed error that names the proxy, step and fact, in time."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
import clock
from aiowebsocket import connect
from failures import assert_readable
from peers.raw import Session
from peers.tunnels import ESTABLISHED, read_exactly, socks5_leads_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import MakeRawPeer

SERVER = "server.invalid:8080"
SECRET = "s3cret"


async def refused(url: str, **options: Any) -> aiowebsocket.AioWebSocketError:
    with pytest.raises(aiowebsocket.AioWebSocketError) as raised:
        await connect(f"ws://{SERVER}/", proxy=url, **options)
    error = raised.value
    assert SECRET not in f"{error} {error!r} {error.args}"
    return error


def answers(answer: bytes) -> Callable[[Session], str]:
    def script(session: Session) -> str:
        session.read_request()
        session.send(answer)
        return session.receive_ending()

    return script


def says(answer: bytes, after: int = 3) -> Callable[[Session], str]:
    """Answers after so many bytes, of whatever."""

    def script(session: Session) -> str:
        read_exactly(session.stream, after)
        session.send(answer)
        with contextlib.suppress(OSError):
            session.finish()
        return session.wait_for_end()

    return script


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        (
            "407 Proxy Authentication Required",
            "Proxy-Authenticate: Basic realm=x",
            "HTTP 407 Proxy Authentication Required (it asks for credentials: Basic): no entry",
        ),
        ("403 Forbidden", "A: b", "HTTP 403 Forbidden: no entry"),
        ("502 Bad Gateway", "A: b", "HTTP 502 Bad Gateway: no entry"),
        ("301 Moved", "Location: http://other/", "HTTP 301 Moved: no entry"),
        ("101 Switching", "Upgrade: websocket", "HTTP 101 Switching"),
    ],
)
async def test_a_refusal_is_told_with_the_proxys_response(
    raw_peer: MakeRawPeer, status: str, fields: str, words: str
) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 8\r\n{fields}\r\n\r\nno entry"
    peer = raw_peer(answers(answer.encode()))
    error = await refused(f"http://me:{SECRET}@{peer.host}")
    assert type(error) is aiowebsocket.InvalidProxyStatus
    assert isinstance(error, aiowebsocket.ProxyError)
    assert error.response.status_code == int(status[:3])
    prefix = f"the proxy http://{peer.host} refused to connect to {SERVER}: "
    assert_readable(error, prefix + words)
    await peer.report()


async def test_a_proxy_that_repeats_the_password_does_not_get_it_into_our_words(
    raw_peer: MakeRawPeer,
) -> None:
    body = f"wrong password {SECRET}".encode()
    answer = b"HTTP/1.1 407 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    error = await refused(f"http://me:{SECRET}@{raw_peer(answers(answer)).host}")
    assert isinstance(error, aiowebsocket.InvalidProxyStatus)
    assert error.response.body == body


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "closed the connection before it answered CONNECT"),
        (b"HTTP/1.1 200 OK\r\nA: b", "closed the connection in the middle of its answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "did not answer CONNECT: the answer is not HTTP/1.1"),
        (b"\x05\xff", "did not answer CONNECT: the answer is not HTTP/1.1"),
        (b"\x15\x03\x01\0\x02\x02\x46", "did not answer CONNECT: the server answered in TLS"),
        (b"HTTP/1.1 200 OK\r\nName : v\r\n\r\n", "the head of the response is malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "more than 128 fields"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 2**24, "more than 65536 bytes"),
    ],
)
async def test_what_is_no_answer_is_an_invalid_message(
    raw_peer: MakeRawPeer, answer: bytes, words: str
) -> None:
    def script(session: Session) -> None:
        session.read_request()
        with contextlib.suppress(OSError):
            session.send(answer)
            session.finish()
        session.wait_for_end()

    peer = raw_peer(script)
    error = await refused(f"http://{peer.host}")
    assert type(error) is aiowebsocket.InvalidProxyMessage
    assert_readable(error, f"the proxy http://{peer.host} ", words)


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\nA: b\r\n", ESTABLISHED])
async def test_the_deadline_is_the_openings(raw_peer: MakeRawPeer, beginning: bytes) -> None:
    peer = raw_peer(answers(beginning))
    with clock.measuring() as took:
        error = await refused(f"http://{peer.host}", open_timeout=0.5)
    assert type(error) is aiowebsocket.ConnectTimeout
    assert took.late(0.5) < clock.SLACK
    if beginning == ESTABLISHED:
        words = f"during the opening handshake with {SERVER} through the proxy"
    else:
        words = f"while the proxy http://{peer.host} was to lead to {SERVER}"
    assert_readable(error, f"timed out after 0.5 s {words}")
    assert await peer.report() in ("FIN", "RST")


async def test_an_answer_byte_by_byte_does_not_put_the_deadline_off(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.read_request()
        with contextlib.suppress(OSError):
            for byte in ESTABLISHED * 10:
                session.send(bytes([byte]))
                time.sleep(0.1)

    with clock.measuring() as took:
        error = await refused(f"http://{raw_peer(script).host}", open_timeout=1)
    assert type(error) is aiowebsocket.ConnectTimeout
    assert took.late(1) < clock.SLACK


async def test_cancelling_closes_the_socket(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(answers(b""))
    opening = asyncio.ensure_future(connect(f"ws://{SERVER}/", proxy=f"http://{peer.host}"))
    await asyncio.sleep(0.2)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert await peer.report() in ("FIN", "RST")


async def test_nobody_is_there() -> None:
    error = await refused("http://127.0.0.1:1")
    assert type(error) is aiowebsocket.ConnectRefused
    assert_readable(error, "could not connect to the proxy http://127.0.0.1:1: Connection refused")


@pytest.mark.parametrize("scheme", ["http", "socks5h", "socks4"])
async def test_its_name_is_nobodys(scheme: str) -> None:
    error = await refused(f"{scheme}://proxy.invalid:1")
    assert type(error) is aiowebsocket.ResolveError
    assert "proxy.invalid" in str(error)


METHODS_TAKEN = b"\5\0"
SOCKS5_CODES = {
    1: "General SOCKS server failure",
    2: "Connection not allowed by ruleset",
    3: "Network unreachable",
    4: "Host unreachable",
    5: "Connection refused",
    6: "TTL expired",
    7: "Command not supported",
    8: "Address type not supported",
    9: "it answered with a code that means nothing",
    255: "it answered with a code that means nothing",
}


@pytest.mark.parametrize("code", SOCKS5_CODES)
async def test_each_code_of_socks5_is_told_in_words(raw_peer: MakeRawPeer, code: int) -> None:
    def script(session: Session) -> str:
        read_exactly(session.stream, 3)
        session.send(METHODS_TAKEN)
        read_exactly(session.stream, 7 + len("server.invalid"))
        session.send(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        return session.wait_for_end()

    peer = raw_peer(script)
    error = await refused(f"socks5h://{peer.host}")
    assert type(error) is aiowebsocket.ProxyError
    words = f"the proxy socks5h://{peer.host} did not lead to {SERVER}: {SOCKS5_CODES[code]}"
    assert_readable(error, words)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (91, "General SOCKS server failure"),
        (92, "identd"),
        (93, "(?i)user"),
        (0, "Unknown error"),
    ],
)
async def test_each_code_of_socks4_is_told_in_words(
    raw_peer: MakeRawPeer, code: int, words: str
) -> None:
    peer = raw_peer(says(bytes([0, code, 0, 0, 0, 0, 0, 0]), 9 + len("server.invalid\0")))
    error = await refused(f"socks4a://{peer.host}")
    assert type(error) is aiowebsocket.ProxyError
    assert re.search(words, str(error)), str(error)


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("socks5h", b""),
        ("socks5h", b"\5"),
        ("socks5h", b"\4\0"),
        ("socks5h", b"\5\xff"),
        ("socks5h", b"\5\x09"),
        ("socks5h", b"\5\0\5\0"),
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("socks4a", b""),
        ("socks4a", b"\0\x5a\0"),
        ("socks4a", b"\5\x5a\0\0\0\0\0\0"),
    ],
)
async def test_what_is_no_answer_in_socks_is_a_proxy_error(
    raw_peer: MakeRawPeer, url: str, answer: bytes
) -> None:
    peer = raw_peer(says(answer))
    error = await refused(f"{url}://{peer.host}")
    assert type(error) is aiowebsocket.ProxyError
    assert_readable(error, f"the proxy {url}://{peer.host} ")


async def test_wrong_credentials_are_told_without_them(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(socks5_leads_to(raw_peer(Session.open), method=2, verdict=1))
    error = await refused(f"socks5h://me:{SECRET}@{peer.host}")
    assert type(error) is aiowebsocket.ProxyError
    assert "assword" in str(error)


async def test_credentials_that_socks_cannot_carry_are_told(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(lambda session: session.wait_for_end())
    error = await refused(f"socks5h://me:{SECRET * 100}@{peer.host}")
    assert type(error) is aiowebsocket.ProxyError
    assert "255" in str(error)


async def test_silence_of_a_socks_proxy_ends_at_the_deadline(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(lambda session: session.wait_for_end())
    with clock.measuring() as took:
        error = await refused(f"socks5h://{peer.host}", open_timeout=0.5)
    assert type(error) is aiowebsocket.ConnectTimeout
    assert took.late(0.5) < clock.SLACK
    assert_readable(error, f"while the proxy socks5h://{peer.host} was to lead to {SERVER}")
