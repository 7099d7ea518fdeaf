"""Opening a connection with `connect`, what the connection then tells of itself, and leaving it."""

from __future__ import annotations

import asyncio
import base64
import socket
import uuid
from typing import TYPE_CHECKING, Any

import pytest

import aiowebsocket
from aiowebsocket import connect
from peers import frames
from peers.raw import PATIENCE, Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer

pytestmark = pytest.mark.every("scheme")


def greet(session: Session) -> None:
    """A peer that opens and says hello."""
    session.open()
    session.send(frames.text("hello"))


async def test_async_with_yields_an_open_connection_and_closes_it_with_1000(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(greet)
    async with connect(peer.uri) as ws:
        assert isinstance(ws, aiowebsocket.ClientConnection)
        assert await ws.recv() == "hello"
    await peer.report()
    (last,) = peer.sessions[0].frames
    assert (last.opcode, last.close_code, last.close_reason) == (frames.CLOSE, 1000, "")


async def test_leaving_with_an_exception_closes_with_1011_and_lets_it_through(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(greet)
    with pytest.raises(ZeroDivisionError):
        async with connect(peer.uri):
            raise ZeroDivisionError
    await peer.report()
    assert peer.sessions[0].frames[-1].close_code == 1011


async def test_await_connect_yields_a_connection_that_stays_open(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    ws = await connect(peer.uri)
    assert await ws.recv() == "hello"
    assert ws.state.name == "OPEN"
    await ws.close()
    assert ws.state.name == "CLOSED"
    await peer.report()


async def test_a_connection_is_a_context_manager_too(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    async with await connect(peer.uri) as ws:
        assert await ws.recv() == "hello"
    assert ws.state.name == "CLOSED"
    await peer.report()


async def test_connect_opens_nothing_before_it_is_awaited(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    connect(peer.uri)
    await asyncio.sleep(0.1)
    assert peer.connections == 0


async def test_a_connection_tells_its_addresses_state_and_identity(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    async with connect(peer.uri) as ws:
        assert ws.remote_address[:2] == ("127.0.0.1", peer.port)
        assert ws.local_address[0] == "127.0.0.1"
        assert ws.local_address[1] not in (0, peer.port)
        assert (ws.state, ws.state.name) == (1, "OPEN")
        assert isinstance(ws.id, uuid.UUID)
        assert ws.latency == 0.0
        assert ws.subprotocol is None
        assert [ws.close_code, ws.close_reason] == [None, None]
        ws.logger.debug("the logger takes a line")
    assert (ws.state, ws.state.name) == (3, "CLOSED")
    assert [ws.close_code, ws.close_reason] == [1000, ""]


async def test_request_and_response_are_kept_with_their_fields(raw_peer: MakeRawPeer) -> None:
    def answer(session: Session) -> None:
        session.open("X-Server: raw", "X-Twice: 1", "X-Twice: 2")

    peer = raw_peer(answer)
    async with connect(peer.uri, additional_headers={"X-Client": "yes"}) as ws:
        assert ws.request is not None
        assert ws.response is not None
        assert ws.request.path == "/"
        assert ws.request.headers["x-client"] == "yes"
        assert ws.request.headers["Host"] == peer.host
        assert ws.response.status_code == 101
        assert ws.response.reason_phrase == "Switching Protocols"
        assert ws.response.headers["X-SERVER"] == "raw"
        assert ws.response.headers.get_all("X-Twice") == ["1", "2"]


async def test_the_request_carries_exactly_what_rfc_6455_asks_for(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri):
        pass
    request = await peer.report()
    assert request.request_line == "GET / HTTP/1.1"
    assert request["Host"] == peer.host
    assert request["Upgrade"].lower() == "websocket"
    assert request["Connection"].lower() == "upgrade"
    assert request["Sec-WebSocket-Version"] == "13"
    assert len(base64.b64decode(request["Sec-WebSocket-Key"], validate=True)) == 16
    assert request.all("Origin") == []
    assert request.all("Sec-WebSocket-Protocol") == []
    offer = "permessage-deflate; client_max_window_bits"
    assert request["Sec-WebSocket-Extensions"] == offer


async def test_each_connection_has_a_key_of_its_own(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open, Session.open, Session.open)
    for _ in range(3):
        async with connect(peer.uri):
            pass
    keys = {request["Sec-WebSocket-Key"] for request in await peer.report()}
    assert len(keys) == 3


async def test_origin_user_agent_and_additional_headers_go_out_as_given(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    pairs = [("X-A", "1"), ("x-a", "2"), ("Cookie", "a=b; c=d")]
    async with connect(
        peer.uri,
        origin="https://example.org",
        user_agent_header="tests/1",
        additional_headers=pairs,
    ):
        pass
    request = await peer.report()
    assert request["Origin"] == "https://example.org"
    assert request["User-Agent"] == "tests/1"
    assert [pair for pair in request.fields if pair[0] in ("X-A", "x-a", "Cookie")] == pairs


@pytest.mark.parametrize("default", [True, False])
async def test_user_agent_is_sent_by_default_and_left_out_for_none(
    raw_peer: MakeRawPeer, default: bool
) -> None:
    peer = raw_peer(Session.open)
    options: dict[str, Any] = {} if default else {"user_agent_header": None}
    async with connect(peer.uri, **options):
        pass
    agents = (await peer.report()).all("User-Agent")
    assert len(agents) == (1 if default else 0)
    assert all("aiowebsocket/" in agent for agent in agents)


async def test_a_path_with_a_query_is_asked_for_as_it_is(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri + "chat/room%201?a=1&b=%20"):
        pass
    assert (await peer.report()).request_line == "GET /chat/room%201?a=1&b=%20 HTTP/1.1"


async def test_a_query_without_a_path_gets_the_path_slash(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri.removesuffix("/") + "?token=1"):
        pass
    assert (await peer.report()).request_line == "GET /?token=1 HTTP/1.1"


async def test_what_is_not_ascii_in_a_path_is_percent_encoded_and_escapes_stay(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri + "caf\u00e9?\u00df=a b&c=%0d%0aX:y"):
        pass
    line = (await peer.report()).request_line
    assert line == "GET /caf%C3%A9?%C3%9F=a%20b&c=%0d%0aX:y HTTP/1.1"


async def test_user_and_password_become_basic_credentials_and_nothing_else(
    raw_peer: MakeRawPeer,
) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri.replace("://", "://user:p%40ss@")):
        pass
    request = await peer.report()
    assert request["Authorization"] == "Basic " + base64.b64encode(b"user:p@ss").decode()
    assert request["Host"] == peer.host


async def test_http_and_https_are_synonyms_of_ws_and_wss(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    async with connect(peer.uri.replace("ws", "http", 1)) as ws:
        assert await ws.recv() == "hello"


async def test_the_subprotocol_that_the_server_chose_is_told(raw_peer: MakeRawPeer) -> None:
    def choose(session: Session) -> str:
        return session.open("Sec-WebSocket-Protocol: superchat")["Sec-WebSocket-Protocol"]

    peer = raw_peer(choose)
    async with connect(peer.uri, subprotocols=["chat", "superchat"]) as ws:
        assert ws.subprotocol == "superchat"
    assert await peer.report() == "chat, superchat"


async def test_an_ipv6_address_is_connected_to_and_named_in_host(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open, ipv6=True)
    async with connect(peer.uri) as ws:
        assert ws.remote_address[:2] == ("::1", peer.port)
    assert (await peer.report())["Host"] == f"[::1]:{peer.port}"


async def test_a_name_is_looked_up_and_named_in_host(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(Session.open)
    async with connect(peer.uri.replace("127.0.0.1", "LocalHost")):
        pass
    assert (await peer.report())["Host"].lower() == f"localhost:{peer.port}"


async def test_a_socket_of_the_caller_is_used_as_it_is(raw_peer: MakeRawPeer) -> None:
    peer = raw_peer(greet)
    sock = socket.create_connection(("127.0.0.1", peer.port))
    sock.setblocking(False)
    local_address = sock.getsockname()
    uri = peer.uri.replace(f"127.0.0.1:{peer.port}", "localhost")
    async with connect(uri, sock=sock) as ws:
        assert ws.local_address[:2] == local_address
        assert await ws.recv() == "hello"
    await peer.report()
    request = peer.sessions[0].request
    assert request is not None
    assert request["Host"] == "localhost"
    assert peer.connections == 1


async def test_frames_behind_the_response_in_the_same_segment_are_not_lost(
    raw_peer: MakeRawPeer,
) -> None:
    early = frames.text("first") + frames.binary(b"second") + frames.text("third")[:3]

    def answer(session: Session) -> None:
        session.open(early=early)
        session.wait_for_go()
        session.send(frames.text("third")[3:])

    peer = raw_peer(answer)
    async with connect(peer.uri) as ws:
        assert await ws.recv() == "first"
        assert await ws.recv() == b"second"
        peer.go.set()
        assert await ws.recv() == "third"


async def test_everything_up_to_the_close_may_stand_behind_the_response(
    raw_peer: MakeRawPeer,
) -> None:
    def answer(session: Session) -> None:
        session.open(early=frames.text("all") + frames.close(1000, "done"))
        assert session.receive().close_code == 1000
        session.hang_up()

    peer = raw_peer(answer)
    async with connect(peer.uri) as ws:
        assert await ws.recv() == "all"
        with pytest.raises(aiowebsocket.ConnectionClosedOK):
            await ws.recv()
        assert (ws.close_code, ws.close_reason) == (1000, "done")


async def test_a_response_trickled_byte_by_byte_is_understood(raw_peer: MakeRawPeer) -> None:
    def trickle(session: Session) -> None:
        for byte in session.response(session.read_request()):
            session.send(bytes([byte]))
        session.send(frames.text("hello"))

    async with connect(raw_peer(trickle).uri) as ws:
        assert await ws.recv() == "hello"


async def test_cancelling_connect_closes_the_socket(raw_peer: MakeRawPeer) -> None:
    def stall(session: Session) -> str:
        session.read_request()
        session.go.set()
        return session.receive_ending()

    peer = raw_peer(stall)
    opening = asyncio.ensure_future(_await(connect(peer.uri)))
    await asyncio.get_running_loop().run_in_executor(None, peer.go.wait, PATIENCE)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert await peer.report() in ("FIN", "RST")


async def _await(opening: connect) -> aiowebsocket.ClientConnection:
    return await opening


async def test_two_connections_to_one_address_are_opened_side_by_side(
    raw_peer: MakeRawPeer,
) -> None:
    """Against RFC 6455 4.1 (2), on purpose: ARCHITECTURE.md says why."""

    def stall(session: Session) -> None:
        session.read_request()
        session.go.set()
        session.receive_ending()

    slow, quick = raw_peer(stall), raw_peer(greet)
    opening = asyncio.ensure_future(_await(connect(slow.uri, open_timeout=None)))
    await asyncio.get_running_loop().run_in_executor(None, slow.go.wait, PATIENCE)
    async with connect(quick.uri) as ws:
        assert await ws.recv() == "hello"
    assert not opening.done()
    opening.cancel()
    await slow.report()


async def test_connect_can_be_iterated_to_reconnect(raw_peer: MakeRawPeer) -> None:
    def serve(session: Session) -> None:
        session.open()
        session.send(frames.text("hello"))
        session.send_close(1000)

    peer = raw_peer(serve, serve, serve)
    seen = []
    async for ws in connect(peer.uri):
        seen += [message async for message in ws]
        if len(seen) == 3:
            break
    assert seen == ["hello"] * 3
    assert peer.connections == 3
