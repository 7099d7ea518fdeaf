"""The way through a proxy: which one is asked, what it is told, and what the server never sees.

What proxies answer that lead nowhere is in hostile/test_proxies.py, and those that we did not write
are in interop/test_proxies.py.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import TLSConfig, connect
from faces import handed_out, opened
from peers import frames, scripts
from peers.raw import RawPeer, Session
from peers.tunnels import ESTABLISHED, leads_to, socks4_leads_to, socks5_leads_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import MakeRawPeer
    from peers.authority import Authority

# Nobody has that address: whoever gets there went through the proxy.
ELSEWHERE = "server.invalid:8080"
SECRET = "s3cret"


@pytest.fixture(autouse=True)
def no_proxies_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("ws", "wss", "socks", "http", "https", "all", "no"):
        for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["http", "https"])
def make_proxy(
    request: pytest.FixtureRequest, authority: Authority
) -> Iterator[Callable[..., tuple[RawPeer, str]]]:
    """A proxy that is reached in plain text, or by TLS: the peer, and its URL."""
    made: list[RawPeer] = []

    def make(*scripts: Any) -> tuple[RawPeer, str]:
        tls = authority.server_context() if request.param == "https" else None
        made.append(RawPeer(*scripts, tls=tls))
        return made[-1], f"{request.param}://127.0.0.1:{made[-1].port}"

    yield make
    for peer in made:
        peer.stop()


def elsewhere(scheme: str) -> dict[str, Any]:
    """The address of a server that only the proxy knows, and the name that its certificate has."""
    hostname = {"server_hostname": "localhost"} if scheme == "wss" else {}
    return {"uri": f"{scheme}://{ELSEWHERE}/", **hostname}


@pytest.mark.every("scheme")
async def test_messages_of_any_length_go_through_it_and_back(
    raw_peer: MakeRawPeer, make_proxy: Callable[..., tuple[RawPeer, str]], scheme: str
) -> None:
    proxy, url = make_proxy(leads_to(raw_peer(scripts.echo)))
    messages = [bytes([number]) * length for number in range(5) for length in (0, 1, 126, 2**16)]
    messages += [b"long" * 2**18]
    async with connect(**elsewhere(scheme), proxy=url, max_size=None) as ws:
        for message in messages:
            await ws.send(message)
            assert await ws.recv() == message
        sending = asyncio.create_task(ws.send_many(messages))
        received = [await ws.recv() for _ in messages]
        await sending
    assert received == messages
    assert ws.close_code == 1000
    request = await proxy.report()
    assert request.request_line == f"CONNECT {ELSEWHERE} HTTP/1.1"
    assert request["Host"] == ELSEWHERE


@pytest.mark.every("face", "driver", "scheme")
async def test_every_face_and_driver_has_the_way(
    raw_peer: MakeRawPeer,
    make_proxy: Callable[..., tuple[RawPeer, str]],
    face: str,
    driver: str,
    scheme: str,
    loop_kind: str,
) -> None:
    if driver == "loop" and loop_kind not in ("asyncio", "uvloop"):
        pytest.skip("this loop watches no sockets")
    if scheme == "wss" and face == "AioWebSocket":
        pytest.skip("it takes no server_hostname")
    _, url = make_proxy(leads_to(raw_peer(scripts.echo)))
    options = elsewhere(scheme)
    async with opened(face, options.pop("uri"), proxy=url, driver=driver, **options) as ws:
        await ws.send("hello")
        assert await ws.recv() == handed_out(face, "hello")


async def test_what_the_proxy_is_told_the_server_is_not_and_the_other_way_round(
    raw_peer: MakeRawPeer,
) -> None:
    server = raw_peer(Session.open)
    proxy = raw_peer(leads_to(server))
    url = f"http://me:{SECRET}@{proxy.host}"
    headers = {"Cookie": "id=1", "Authorization": "Bearer of-the-server"}
    options: dict[str, Any] = {"proxy_headers": {"X-Tenant": "blue"}, "user_agent_header": "me/1"}
    async with connect(f"ws://{ELSEWHERE}/", proxy=url, additional_headers=headers, **options):
        pass
    to_proxy, to_server = await proxy.report(), await server.report()
    credentials = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert to_proxy.fields == [
        ("Host", ELSEWHERE),
        ("Proxy-Authorization", f"Basic {credentials}"),
        ("User-Agent", "me/1"),
        ("X-Tenant", "blue"),
    ]
    assert to_server["Host"] == ELSEWHERE
    assert to_server["Cookie"] == "id=1"
    assert not to_server.all("X-Tenant")
    assert not to_server.all("Proxy-Authorization")


async def test_a_proxys_own_user_agent_takes_the_place_of_ours(raw_peer: MakeRawPeer) -> None:
    proxy = raw_peer(leads_to(raw_peer(Session.open)))
    url, headers = f"http://{proxy.host}", [("user-agent", "corporate/2")]
    async with connect(f"ws://{ELSEWHERE}/", proxy=url, proxy_headers=headers):
        pass
    assert (await proxy.report()).all("User-Agent") == ["corporate/2"]


async def test_without_a_user_agent_the_proxy_gets_none(raw_peer: MakeRawPeer) -> None:
    proxy = raw_peer(leads_to(raw_peer(Session.open)))
    url = f"http://{proxy.host}"
    async with connect(f"ws://{ELSEWHERE}/", proxy=url, user_agent_header=None):
        pass
    assert (await proxy.report()).all("User-Agent") == []


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("ws://server.invalid/", "server.invalid:80"),
        ("ws://[fd00::1]/", "[fd00::1]:80"),
        ("ws://10.0.0.1:81/", "10.0.0.1:81"),
        ("ws://me:pw@server.invalid/?a=1", "server.invalid:80"),
        ("ws://b\u00fccher.invalid/", "xn--bcher-kva.invalid:80"),
    ],
)
async def test_a_proxy_is_asked_for_host_and_port(
    raw_peer: MakeRawPeer, uri: str, target: str
) -> None:
    proxy = raw_peer(leads_to(raw_peer(Session.open)))
    async with connect(uri, proxy=f"http://{proxy.host}"):
        pass
    request = await proxy.report()
    assert request.request_line == f"CONNECT {target} HTTP/1.1"
    assert request["Host"] == target


async def test_bytes_behind_the_proxys_answer_are_the_servers(raw_peer: MakeRawPeer) -> None:
    """A server may speak first, and its bytes come in the segment of the proxy's answer."""

    def script(session: Session) -> None:
        session.read_request()
        # Before the request has come: a proxy that knows what will be asked.
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        session.send(b"HTTP/1.1 100 Continue\r\n\r\n" + ESTABLISHED + early)
        session.open()
        session.send(frames.text("first"))

    async with connect(f"ws://{ELSEWHERE}/", proxy=f"http://{raw_peer(script).host}") as ws:
        assert await ws.recv() == "first"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "200"])
async def test_any_2xx_is_a_way_whatever_it_says_of_a_body(
    raw_peer: MakeRawPeer, status: str
) -> None:
    answer = f"HTTP/1.1 {status}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    proxy = raw_peer(leads_to(raw_peer(scripts.echo), answer.encode()))
    async with connect(f"ws://{ELSEWHERE}/", proxy=f"http://{proxy.host}") as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_an_http_1_0_proxy_will_do(raw_peer: MakeRawPeer) -> None:
    proxy = raw_peer(leads_to(raw_peer(Session.open), b"HTTP/1.0 200 OK\r\n\r\n"))
    async with connect(f"ws://{ELSEWHERE}/", proxy=f"http://{proxy.host}"):
        pass


@pytest.mark.parametrize("scheme_of_proxy", ["socks5", "socks5h"])
async def test_socks5_finds_names_by_itself_or_has_the_proxy_find_them(
    raw_peer: MakeRawPeer, scheme_of_proxy: str
) -> None:
    proxy = raw_peer(socks5_leads_to(raw_peer(scripts.echo)))
    name = "server.invalid" if scheme_of_proxy == "socks5h" else "127.0.0.1.nip.invalid"
    uri = f"ws://{name}:8080/" if scheme_of_proxy == "socks5h" else "ws://localhost:8080/"
    async with connect(uri, proxy=f"{scheme_of_proxy}://{proxy.host}") as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
    methods, credentials, request = await proxy.report()
    assert (methods, credentials, request[:3]) == (b"\0", b"", b"\5\1\0")
    port = (8080).to_bytes(2, "big")
    if scheme_of_proxy == "socks5h":
        assert request[3:] == b"\3\x0eserver.invalid" + port
    else:
        addresses = {info[4][0] for info in socket.getaddrinfo("localhost", 8080)}
        family = socket.AF_INET if request[3] == 1 else socket.AF_INET6
        assert socket.inet_ntop(family, request[4:-2]) in addresses
        assert request[-2:] == port


async def test_socks5_has_credentials_of_its_own(raw_peer: MakeRawPeer) -> None:
    server = raw_peer(Session.open)
    proxy = raw_peer(socks5_leads_to(server, method=2))
    async with connect(f"ws://{ELSEWHERE}/", proxy=f"socks5h://me:p%40ss@{proxy.host}"):
        pass
    methods, credentials, _ = await proxy.report()
    assert 2 in methods
    assert credentials == b"\1\2me\4p@ss"
    assert not (await server.report()).all("Authorization")


@pytest.mark.parametrize("user", ["", "me@"])
async def test_socks4a_has_the_proxy_find_the_name(raw_peer: MakeRawPeer, user: str) -> None:
    proxy = raw_peer(socks4_leads_to(raw_peer(scripts.echo)))
    async with connect(f"ws://{ELSEWHERE}/", proxy=f"socks4a://{user}{proxy.host}") as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
    request, sent_user, name = await proxy.report()
    assert request[:4] == b"\4\1" + (8080).to_bytes(2, "big")
    assert (sent_user, name) == (user.rstrip("@").encode(), b"server.invalid")


async def test_socks4_takes_an_address(raw_peer: MakeRawPeer) -> None:
    proxy = raw_peer(socks4_leads_to(raw_peer(Session.open)))
    async with connect("ws://localhost:8080/", proxy=f"socks4://{proxy.host}"):
        pass
    request, user, name = await proxy.report()
    assert (request[4:], user, name) == (b"\x7f\0\0\1", b"", b"")


async def test_socks4_knows_no_ipv6(raw_peer: MakeRawPeer) -> None:
    proxy = raw_peer(Session.receive_ending)
    with pytest.raises(aiowebsocket.ResolveError, match="has no IPv4 address, and SOCKS4"):
        await connect("ws://[fd00::1]/", proxy=f"socks4://{proxy.host}")


@pytest.mark.parametrize("name", ["http_proxy", "HTTPS_PROXY", "ws_proxy", "all_proxy"])
async def test_the_environment_names_one(
    raw_peer: MakeRawPeer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    proxy = raw_peer(leads_to(raw_peer(Session.open)))
    monkeypatch.setenv(name, f"http://{proxy.host}/")
    async with connect(f"ws://{ELSEWHERE}/"):
        pass
    assert (await proxy.report()).request_line.startswith("CONNECT ")


async def test_the_environment_is_read_when_a_connection_is_opened(
    raw_peer: MakeRawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = connect(f"ws://{ELSEWHERE}/")
    proxy = raw_peer(leads_to(raw_peer(Session.open)))
    monkeypatch.setenv("http_proxy", proxy.host)
    async with opening:
        pass
    assert (await proxy.report()).request_line.startswith("CONNECT ")


async def test_a_cgi_scripts_http_proxy_is_its_clients_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(aiowebsocket.ResolveError):
        await connect("ws://server.invalid/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nobody_is_asked_for_the_way_to_this_machine(
    raw_peer: MakeRawPeer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with connect(f"ws://{host}:{raw_peer(Session.open).port}/"):
        pass


async def test_but_one_that_is_named_in_the_call_is(raw_peer: MakeRawPeer) -> None:
    server = raw_peer(Session.open)
    proxy = raw_peer(leads_to(server))
    async with connect(server.uri, proxy=f"http://{proxy.host}"):
        pass
    assert (await proxy.report())["Host"] == server.host


@pytest.mark.parametrize("no_proxy", ["server.invalid", "*", ".invalid:80", "a,invalid"])
async def test_no_proxy_names_whom_to_ask_directly(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with pytest.raises(aiowebsocket.ResolveError):
        await connect("ws://server.invalid/")


@pytest.mark.every("face")
async def test_none_asks_nobody(monkeypatch: pytest.MonkeyPatch, face: str) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(aiowebsocket.ResolveError):
        async with opened(face, "ws://server.invalid/", proxy=None):
            pass


async def test_the_originals_face_asks_nobody_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(aiowebsocket.ResolveError):
        await aiowebsocket.AioWebSocket("ws://server.invalid/").create_connection()


async def test_a_socket_of_the_callers_needs_no_proxy(
    raw_peer: MakeRawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    sock = socket.create_connection(("127.0.0.1", raw_peer(Session.open).port))
    async with connect(f"ws://{ELSEWHERE}/", sock=sock):
        pass


async def test_a_redirect_chooses_its_proxy_anew(
    raw_peer: MakeRawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = raw_peer(Session.open)

    proxy = raw_peer(leads_to(raw_peer(scripts.redirects_to(last.uri))))
    monkeypatch.setenv("http_proxy", f"http://me:{SECRET}@{proxy.host}")
    async with connect(f"ws://{ELSEWHERE}/") as ws:
        assert ws.remote_address[1] == last.port
    assert (await last.report()).all("Proxy-Authorization") == []


async def test_a_redirect_goes_through_the_one_that_was_named(raw_peer: MakeRawPeer) -> None:
    first = leads_to(raw_peer(scripts.redirects_to("ws://other.invalid/")))
    proxy = raw_peer(first, leads_to(raw_peer(Session.open)))
    async with connect(f"ws://{ELSEWHERE}/", proxy=f"http://{proxy.host}"):
        pass
    requests = await proxy.report()
    assert [request["Host"] for request in requests] == [ELSEWHERE, "other.invalid:80"]


@pytest.mark.only(scheme="wss")
async def test_the_certificates_are_checked_of_proxy_and_server(
    raw_peer: MakeRawPeer, authority: Authority
) -> None:
    with_tls = RawPeer(leads_to(raw_peer(scripts.echo)), tls=authority.server_context(), ipv6=False)
    try:
        url = f"https://localhost:{with_tls.port}"
        strict = TLSConfig(ca_data=authority.ca_data)
        options: dict[str, Any] = {"ssl": strict, "proxy_ssl": strict}
        async with connect(**elsewhere("wss"), proxy=url, **options) as ws:
            await ws.send("hello")
            assert await ws.recv() == "hello"
    finally:
        with_tls.stop()


async def test_a_proxys_certificate_for_another_name_is_refused(authority: Authority) -> None:
    peer = RawPeer(lambda _: None, tls=authority.server_context())
    url, name = f"https://127.0.0.1:{peer.port}", "other.example"
    with pytest.raises(aiowebsocket.CertificateError, match=r"the proxy https://127\.0\.0\.1"):
        await connect(f"ws://{ELSEWHERE}/", proxy=url, proxy_server_hostname=name)
    with pytest.raises(Exception, match=r"(?i)alert|eof|reset"):
        peer.result()


@pytest.mark.every("face")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"proxy": "http://h", "proxy_ssl": True}, "and proxy is http://h:80"),
        ({"proxy": "socks5://h", "proxy_server_hostname": "h"}, "and proxy is socks5://h:1080"),
        ({"proxy": "socks5://h", "proxy_headers": {"a": "b"}}, "and proxy is socks5://h:1080"),
        ({"proxy": None, "proxy_headers": {"a": "b"}}, "and proxy is None"),
        ({"proxy": None, "proxy_ssl": True}, "and proxy is None"),
        ({"proxy": "https://h", "proxy_ssl": False}, "proxy_ssl is False"),
        ({"proxy": "http://h", "proxy_headers": {"a": "b\r\nc"}}, r"carriage return \(CR\)"),
        ({"proxy": "http://h", "proxy_headers": {"a b": "c"}}, "is not a token"),
        ({"proxy": "https://h", "proxy_server_hostname": "-"}, "proxy_server_hostname '-'|\"-\""),
    ],
)
async def test_what_does_not_go_together_is_refused_before_anybody_is_asked(
    face: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        async with opened(face, f"ws://{ELSEWHERE}/", **options):
            pass
    assert not isinstance(raised.value, OSError)


@pytest.mark.parametrize("value", [1, b"http://h", object(), ("http://h",)])
async def test_a_proxy_is_text(value: Any) -> None:
    with pytest.raises(TypeError, match="proxy is True, None or the URL of a proxy, not"):
        connect("ws://h/", proxy=value)


async def test_a_proxy_and_a_socket_exclude_each_other() -> None:
    one, other = socket.socketpair()
    with one, other, pytest.raises(ValueError, match="proxy has no meaning with sock, which leads"):
        connect("ws://h/", proxy="http://h", sock=one)


@pytest.mark.parametrize("in_environment", [False, True], ids=["option", "environment"])
async def test_what_is_no_proxy_is_refused_and_its_password_not_shown(
    monkeypatch: pytest.MonkeyPatch, in_environment: bool
) -> None:
    url = f"ftp://me:{SECRET}@h/"
    if in_environment:
        monkeypatch.setenv("http_proxy", url)
    with pytest.raises(
        aiowebsocket.InvalidProxy, match="isn't a valid proxy: its scheme"
    ) as raised:
        await connect("ws://server.invalid/", proxy=True if in_environment else url)
    error = raised.value
    assert isinstance(error, ValueError)
    assert not isinstance(error, OSError)
    assert SECRET not in f"{error} {error!r} {error.args} {error.proxy}"
