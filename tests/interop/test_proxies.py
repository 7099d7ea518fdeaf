"""Through proxies that we did not write to a server that we did not write, with TLS and without.

squid (HTTP, HTTPS), tinyproxy (HTTP; HTTPS by HAProxy before it), microsocks (SOCKS5 with user and
password), dante (SOCKS4, SOCKS5).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import aiowebsocket
from aiowebsocket import connect
from peers.listening import free_port
from peers.proxy_programs import (
    PASSWORD,
    USER,
    Dante,
    HAProxy,
    Microsocks,
    Squid,
    Tinyproxy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peers.authority import Authority
    from peers.process import ServerProcess

CREDENTIALS = f"{USER}:{quote(PASSWORD, safe='')}@"
LONG = b"long" * 2**19


@pytest.fixture(scope="session")
def squid(authority: Authority) -> Iterator[Squid]:
    program = Squid(authority.server_files)
    yield program
    program.stop()


@pytest.fixture(scope="session")
def tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tinyproxy]:
    program = Tinyproxy(tmp_path_factory.mktemp("tinyproxy"))
    yield program
    program.stop()


@pytest.fixture(scope="session")
def haproxy(
    authority: Authority, tinyproxy: Tinyproxy, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HAProxy]:
    folder = tmp_path_factory.mktemp("haproxy")
    program = HAProxy(folder, authority.server_files, tinyproxy.ports["http"])
    yield program
    program.stop()


@pytest.fixture(scope="session")
def microsocks() -> Iterator[Microsocks]:
    program = Microsocks()
    yield program
    program.stop()


@pytest.fixture(scope="session")
def dante(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dante]:
    program = Dante(tmp_path_factory.mktemp("dante"))
    yield program
    program.stop()


# The program, the name of its port, the scheme of its URL, and whether it wants to know who asks.
WITH_CREDENTIALS = [
    ("squid", "http", "http"),
    ("squid", "https", "https"),
    ("tinyproxy", "http", "http"),
    ("haproxy", "https", "https"),
    ("microsocks", "socks5", "socks5"),
    ("microsocks", "socks5", "socks5h"),
]
FOR_ANYBODY = [
    ("dante", "socks", "socks4"),
    ("dante", "socks", "socks5"),
    ("dante", "socks", "socks5h"),
]


def url_of(request: pytest.FixtureRequest, credentials: str) -> str:
    program, port, scheme = request.param
    number = request.getfixturevalue(program).ports[port]
    return f"{scheme}://{credentials}127.0.0.1:{number}"


@pytest.fixture(params=WITH_CREDENTIALS + FOR_ANYBODY, ids="-".join)
def proxy(request: pytest.FixtureRequest) -> str:
    """Its URL, with who asks where it wants to know that."""
    return url_of(request, CREDENTIALS if request.param in WITH_CREDENTIALS else "")


@pytest.mark.every("scheme")
async def test_messages_go_through_and_the_connection_ends_in_good_order(
    proxy: str, scheme: str, websockets_server: ServerProcess
) -> None:
    # By name: an address of IPv6 first, where the system has it so, and SOCKS4 knows none.
    uri = websockets_server.uri(scheme)
    async with connect(uri, proxy=proxy, max_size=None) as ws:
        for message in ("hello", b"", b"x" * 2**16, LONG):
            await ws.send(message)
            assert await ws.recv() == message
        sending = asyncio.create_task(ws.send_many([b"%d" % number for number in range(5000)]))
        assert [int(await ws.recv()) for _ in range(5000)] == list(range(5000))
        await sending
        assert f":{ws.remote_address[1]}" == proxy[proxy.rindex(":") :]
    assert ws.close_code == 1000


async def test_a_name_is_found(proxy: str, websockets_server: ServerProcess) -> None:
    uri = f"ws://localhost:{websockets_server.ports['ws']}/"
    async with connect(uri, proxy=proxy) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_a_server_that_is_not_there_is_told(proxy: str) -> None:
    with pytest.raises(aiowebsocket.ProxyError) as raised:
        await connect(f"ws://127.0.0.1:{free_port()}/", proxy=proxy)
    assert PASSWORD not in str(raised.value)
    if proxy.startswith("http"):
        assert isinstance(raised.value, aiowebsocket.InvalidProxyStatus)
        assert raised.value.response.status_code in {500, 502, 503}
    else:
        # microsocks and dante know why, but SOCKS4 has no words for it.
        assert "did not lead to" in str(raised.value)


@pytest.mark.parametrize("who", ["", "nobody:wrong@", f"{USER}:wrong@"])
@pytest.mark.parametrize("wants_to_know", WITH_CREDENTIALS, ids="-".join)
async def test_who_is_not_known_is_refused(
    request: pytest.FixtureRequest,
    wants_to_know: tuple[str, str, str],
    who: str,
    websockets_server: ServerProcess,
) -> None:
    program, port, scheme = wants_to_know
    number = request.getfixturevalue(program).ports[port]
    url = f"{scheme}://{who}127.0.0.1:{number}"
    with pytest.raises(aiowebsocket.ProxyError) as raised:
        await connect(websockets_server.uri("ws"), proxy=url)
    assert "wrong" not in str(raised.value)
    if isinstance(raised.value, aiowebsocket.InvalidProxyStatus):
        assert raised.value.response.status_code in {401, 407}


async def test_the_lifeline_stands_in_through_each_of_them(
    proxy: str, websockets_server: ServerProcess
) -> None:
    options: dict[str, Any] = {"driver": "lifeline", "max_size": None}
    async with connect(websockets_server.uri("wss"), proxy=proxy, **options) as ws:
        await ws.send(LONG)
        assert await ws.recv() == LONG
