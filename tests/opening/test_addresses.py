"""Where a connection goes that does not go where the URI says: host, port, family, Unix sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import connect, unix_connect
from peers import scripts
from peers.raw import RawPeer, Session
from peers.tunnels import leads_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import MakeRawPeer
    from peers.authority import Authority

unix = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
linux = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")


@pytest.fixture(autouse=True)
def no_proxies_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody here asks one, whatever the environment says.
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("wss_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "server.invalid,elsewhere.invalid")


@pytest.fixture
def unix_peer(tmp_path: Path, scheme: str, authority: Authority) -> Iterator[Callable[..., Any]]:
    peers: list[RawPeer] = []

    def make(*scripts: Any, path: str = "") -> RawPeer:
        tls = authority.server_context() if scheme == "wss" else None
        peers.append(RawPeer(*scripts, tls=tls, path=path or str(tmp_path / "server.sock")))
        return peers[-1]

    yield make
    for peer in peers:
        peer.stop()


@pytest.mark.every("scheme")
async def test_host_and_port_are_connected_to_and_the_uri_is_asked_for(
    raw_peer: MakeRawPeer, scheme: str
) -> None:
    peer = raw_peer(scripts.echo)
    uri = f"{scheme}://{'localhost' if scheme == 'wss' else 'server.invalid'}/chat"
    async with connect(uri, host="127.0.0.1", port=peer.port) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
        assert ws.remote_address == ("127.0.0.1", peer.port)
    request = peer.sessions[0].request
    assert request is not None
    assert request["Host"] == uri.split("/")[2]


async def test_a_port_alone_is_the_hosts(raw_peer: MakeRawPeer) -> None:
    async with connect("ws://127.0.0.1:1/", port=raw_peer(Session.open).port) as ws:
        assert ws.request.headers["Host"] == "127.0.0.1:1"


async def test_host_and_port_are_what_a_proxy_is_asked_for(raw_peer: MakeRawPeer) -> None:
    proxy = raw_peer(leads_to(raw_peer(Session.open)))
    options: dict[str, Any] = {"host": "elsewhere.invalid", "port": 99}
    async with connect("ws://server.invalid/", proxy=f"http://{proxy.host}", **options) as ws:
        assert ws.request.headers["Host"] == "server.invalid"
    assert (await proxy.report()).request_line == "CONNECT elsewhere.invalid:99 HTTP/1.1"


async def test_a_redirect_to_the_same_origin_stays_there_and_to_another_goes_there(
    raw_peer: MakeRawPeer,
) -> None:
    last = raw_peer(Session.open)

    peer = raw_peer(scripts.redirects_to("/other"), scripts.redirects_to(last.uri))
    async with connect("ws://server.invalid/", host="127.0.0.1", port=peer.port) as ws:
        assert ws.remote_address[1] == last.port
    assert peer.connections == 2


async def test_the_address_to_connect_from(raw_peer: MakeRawPeer) -> None:
    options: dict[str, Any] = {"local_addr": ("127.0.0.2", 0)}
    async with connect(raw_peer(Session.open).uri, **options) as ws:
        assert ws.local_address[0] == "127.0.0.2"


async def test_an_address_that_is_not_this_machines_is_told() -> None:
    with pytest.raises(aiowebsocket.ConnectError, match=r"local_addr 192\.0\.2\.1:0: ") as raised:
        await connect("ws://127.0.0.1:1/", local_addr=("192.0.2.1", 0))
    assert not isinstance(raised.value, aiowebsocket.ConnectRefused)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"family": socket.AF_INET6}, "127.0.0.1:1 has no address of the family"),
        ({"local_addr": ("::1", 0)}, "127.0.0.1:1 has no address of the family"),
    ],
)
async def test_an_address_of_another_family_is_not_tried(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(aiowebsocket.ResolveError, match=words):
        await connect("ws://127.0.0.1:1/", **options)


@pytest.mark.parametrize("options", [{"happy_eyeballs_delay": None}, {"interleave": 0}])
async def test_each_way_to_try_addresses_finds_one(
    raw_peer: MakeRawPeer, options: dict[str, Any]
) -> None:
    async with connect(f"ws://localhost:{raw_peer(Session.open).port}/", **options):
        pass


@unix
@pytest.mark.every("scheme")
async def test_a_unix_socket_is_a_stream_like_any_other(
    unix_peer: Callable[..., RawPeer], tmp_path: Path, scheme: str
) -> None:
    peer = unix_peer(scripts.echo)
    path = str(tmp_path / "server.sock")
    async with unix_connect(path, f"{scheme}://localhost/chat", max_size=None) as ws:
        for message in ("hello", "x" * 2**22):
            await ws.send(message)
            assert await ws.recv() == message
        assert ws.remote_address == path
        assert ws.local_address == ""
        assert ws.request.headers["Host"] == "localhost"
    assert ws.close_code == 1000
    request = peer.sessions[0].request
    assert request is not None
    assert request.request_line == "GET /chat HTTP/1.1"


@unix
@pytest.mark.every("driver")
async def test_every_driver_serves_it(
    unix_peer: Callable[..., RawPeer], tmp_path: Path, driver: str, loop_kind: str
) -> None:
    if driver == "loop" and loop_kind not in ("asyncio", "uvloop"):
        pytest.skip("this loop watches no sockets")
    unix_peer(scripts.echo)
    async with unix_connect(tmp_path / "server.sock", driver=driver) as ws:
        assert ws.request.path == "/"
        await ws.send("hello")
        assert await ws.recv() == "hello"


@unix
@pytest.mark.parametrize(
    ("resource", "asked"), [("", "/"), (":/", "/"), (":/a?b=c:d", "/a?b=c:d"), (":?b", "/?b")]
)
async def test_a_uri_may_name_path_and_resource(
    unix_peer: Callable[..., RawPeer], tmp_path: Path, resource: str, asked: str
) -> None:
    path = str(tmp_path / "a b.sock")
    unix_peer(Session.open, path=path)
    async with connect(f"ws+unix://{path.replace(' ', '%20')}{resource}") as ws:
        assert ws.request.path == asked
        assert ws.request.headers["Host"] == "localhost"


@linux
async def test_an_abstract_name(unix_peer: Callable[..., RawPeer]) -> None:
    name = f"\0aiowebsocket-test-{os.getpid()}-{threading.get_ident()}"
    unix_peer(scripts.echo, path=name)
    async with unix_connect(name) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
        assert ws.remote_address == name.encode()


@unix
async def test_a_socketpair_is_a_connection() -> None:
    ours, theirs = socket.socketpair()
    served = asyncio.get_running_loop().run_in_executor(
        None, lambda: scripts.echo(Session(theirs, threading.Event()))
    )
    async with connect("ws://localhost/", sock=ours) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"
    await served
    theirs.close()


@unix
async def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.sock"
    with pytest.raises(aiowebsocket.ConnectError) as raised:
        await unix_connect(path)
    words = f"could not connect to the Unix socket {path}: No such file or directory"
    assert str(raised.value) == words
    with socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(str(path))
    with pytest.raises(aiowebsocket.ConnectRefused, match="Connection refused"):
        await unix_connect(path)


@unix
async def test_a_redirect_leaves_no_unix_socket(
    unix_peer: Callable[..., RawPeer], tmp_path: Path
) -> None:
    unix_peer(scripts.redirects_to("/other"), scripts.redirects_to("ws://server.invalid/"))
    with pytest.raises(aiowebsocket.RedirectError, match="leads from a Unix socket to ws://server"):
        await unix_connect(tmp_path / "server.sock")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unix": True}, "unix=True needs a path or a sock"),
        ({"path": "/a"}, "path is for unix=True"),
        ({"path": "", "unix": True}, "path is empty"),
        ({"unix": True, "path": "/a", "host": "h"}, "host has no meaning with unix"),
        ({"unix": True, "path": "/a", "port": 1}, "port has no meaning with unix"),
        ({"unix": True, "path": "/a", "local_addr": ("::1", 0)}, "local_addr has no meaning"),
        ({"unix": True, "path": "/a", "proxy": "http://h"}, "proxy has no meaning with unix"),
        ({"port": 0}, "port is 0"),
        ({"port": 2**16}, "port is 65536"),
        ({"family": 99}, "family is 99"),
        ({"interleave": -1}, "interleave is -1"),
        ({"happy_eyeballs_delay": -1}, "happy_eyeballs_delay is -1"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        connect("ws://h/", **options)


@pytest.mark.parametrize("uri", ["ws+unix://", "ws+unix://relative.sock", "wss+unix:///a:b"])
def test_what_is_no_path_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is followed by an absolute path"):
        connect(uri)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": 1}, "host is a str or None"),
        ({"port": "80"}, "port is an int or None"),
        ({"local_addr": "127.0.0.1"}, "local_addr is an IP address and a port"),
        ({"local_addr": ("127.0.0.1",)}, "local_addr is an IP address and a port"),
        ({"path": 1, "unix": True}, "path is the path of a Unix socket"),
        ({"unix": 1}, "unix is True or False"),
    ],
)
def test_what_is_of_another_type_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        connect("ws://h/", **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"host": "h:80"}, "host .h:80.: "),
        ({"host": "h/a"}, "host .h/a.: it is no host"),
        ({"local_addr": ("localhost", 0)}, "local_addr: .localhost. is no IP address"),
        ({"unix": True, "path": "a\0b"}, "could not connect to the Unix socket a"),
        ({"unix": True, "path": "a" * 200}, "could not connect to the Unix socket aaa"),
    ],
)
async def test_what_is_no_address_is_refused_before_anybody_is_asked(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        await connect("ws://h/", **options)
    assert not isinstance(raised.value, OSError)
