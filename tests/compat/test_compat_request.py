"""COMPAT, the rows on `headers`, `union_header`, default headers, Accept and injection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aiowebsocket.converses import AioWebSocket
from aiowebsocket.exceptions import HandShakeError
from peers.raw import Request, Session

if TYPE_CHECKING:
    from conftest import MakeRawPeer
    from peers.process import ServerProcess

# The sample key of RFC 6455 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


async def request_of(raw_peer: MakeRawPeer, path: str = "", **options: Any) -> Request:
    """The request that the server got from a connection that opened and closed well."""
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri + path, **options):
        pass
    request: Request = await peer.report()
    return request


def lines_of(request: Request) -> list[str]:
    return request.raw.decode().split("\r\n")


async def test_row_headers_list_lines_order_and_case_go_out_as_given(
    raw_peer: MakeRawPeer,
) -> None:
    """The README's own shape: the request line first, a fixed key, and no blank line at the end."""
    given = [
        "GET /ajaxchattest HTTP/1.1",
        "CONNECTION: Upgrade",
        "Host: example.org:9010",
        "Origin: http://example.org",
        f"sec-websocket-KEY: {KEY}",
        "Sec-WebSocket-Version: 13",
        "Upgrade: websocket",
        "X-Token:no-space",
    ]
    request = await request_of(raw_peer, "elsewhere", headers=given)
    names = [line.partition(":")[0] for line in given]
    assert [line.partition(":")[0] for line in lines_of(request)[: len(given)]] == names
    assert request.request_line == given[0]
    assert request.fields == [
        (name, value.strip()) for name, _, value in (line.partition(":") for line in given[1:])
    ]
    assert request.raw.endswith(b"\r\n\r\n")
    assert request.raw.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("ending", [[], [""], ["\r\n"], ["", ""]], ids=str)
async def test_row_headers_list_has_exactly_one_blank_line_at_the_end(
    raw_peer: MakeRawPeer, ending: list[str]
) -> None:
    peer = raw_peer(Session.open)
    async with AioWebSocket(peer.uri, headers=["GET / HTTP/1.1", "X-A: 1", *ending]):
        pass
    request = await peer.report()
    assert request["X-A"] == "1"
    # What would have followed a first blank line would be read as a frame.
    assert [frame.close_code for frame in peer.sessions[0].frames] == [1000]


async def test_row_headers_list_missing_mandatory_lines_are_filled_in(
    raw_peer: MakeRawPeer,
) -> None:
    request = await request_of(raw_peer, "chat?a=1", headers=["X-Token: abc"])
    assert request.request_line == "GET /chat?a=1 HTTP/1.1"
    assert request["X-Token"] == "abc"
    assert_complete(request)


async def test_row_headers_list_with_a_request_line_only(raw_peer: MakeRawPeer) -> None:
    request = await request_of(raw_peer, headers=["GET /only HTTP/1.1"])
    assert request.request_line == "GET /only HTTP/1.1"
    assert_complete(request)


async def test_row_headers_dict_gets_the_full_set(raw_peer: MakeRawPeer) -> None:
    request = await request_of(raw_peer, "chat", headers={"X-Token": "abc", "origin": "http://me"})
    assert request.request_line == "GET /chat HTTP/1.1"
    assert request["X-Token"] == "abc"
    assert request["Origin"] == "http://me"
    assert_complete(request)


def assert_complete(request: Request) -> None:
    """The fields that RFC 6455 4.1 demands, each once."""
    assert request["Host"]
    assert request["Upgrade"].lower() == "websocket"
    assert request["Connection"].lower() == "upgrade"
    assert request["Sec-WebSocket-Version"] == "13"
    assert len(request["Sec-WebSocket-Key"]) == 24


async def test_row_union_header_replaces_without_case_and_keeps_the_callers_spelling(
    raw_peer: MakeRawPeer,
) -> None:
    union = {"ORIGIN": "http://example.org", "user-Agent": "me/1", "HOST": "virtual.example"}
    request = await request_of(raw_peer, union_header=union)
    for name, value in union.items():
        assert request[name] == value
        assert (name, value) in request.fields
    assert_complete(request)


async def test_row_union_header_appends_what_is_new(raw_peer: MakeRawPeer) -> None:
    request = await request_of(raw_peer, union_header={"Cookie": "a=b", "X-Number": 13})
    assert request["Cookie"] == "a=b"
    assert request["X-Number"] == "13"


async def test_row_union_header_replaces_within_headers_too(raw_peer: MakeRawPeer) -> None:
    request = await request_of(
        raw_peer, headers=["X-A: 1", "Origin: http://one"], union_header={"origin": "http://two"}
    )
    assert request["Origin"] == "http://two"
    assert request["X-A"] == "1"


async def test_row_union_header_works_with_a_fixed_key(raw_peer: MakeRawPeer) -> None:
    """Accept is computed from the caller's key."""
    request = await request_of(raw_peer, union_header={"sec-websocket-key": KEY})
    assert request["Sec-WebSocket-Key"] == KEY


async def test_row_union_header_works_with_browser_headers_pasted_whole(
    websockets_server: ServerProcess,
) -> None:
    """The server takes the offer that came with them, so deflate is spoken."""
    pasted = {
        "Host": "pasted.example",
        "Connection": "Upgrade",
        "Pragma": "no-cache",
        "Upgrade": "websocket",
        "Origin": "https://pasted.example",
        "Sec-WebSocket-Version": "13",
        "Accept-Encoding": "gzip, deflate, br",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    }
    async with AioWebSocket(websockets_server.uri("ws"), union_header=pasted) as aws:
        assert aws.response is not None
        agreed = aws.response.headers["Sec-WebSocket-Extensions"]
        assert agreed.startswith("permessage-deflate")
        for size in (1, 1000, 100_000):
            await aws.manipulator.send("x" * size)
            assert await aws.manipulator.receive() == b"x" * size


@pytest.mark.every("scheme")
async def test_row_default_headers_origin_host_and_user_agent(
    raw_peer: MakeRawPeer, scheme: str
) -> None:
    request = await request_of(raw_peer)
    assert request["Origin"] == {"ws": "http", "wss": "https"}[scheme] + "://127.0.0.1"
    assert request["Host"].startswith("127.0.0.1:")
    assert request["User-Agent"].startswith("aiowebsocket/")
    assert_complete(request)


async def test_row_accept_that_does_not_match_is_a_handshake_error(raw_peer: MakeRawPeer) -> None:
    def script(session: Session) -> None:
        session.open("Sec-WebSocket-Accept: " + KEY, without="Sec-WebSocket-Accept")
        session.receive_ending()

    with pytest.raises(HandShakeError):
        await AioWebSocket(raw_peer(script).uri).create_connection()


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\0"], ids=repr)
@pytest.mark.parametrize("place", ["list", "request line", "dict", "union", "uri", "subprotocol"])
async def test_row_cr_lf_nul_is_a_value_error_before_any_io(
    raw_peer: MakeRawPeer, place: str, character: str
) -> None:
    peer = raw_peer(Session.open)
    value = f"a{character}b"
    options: dict[str, dict[str, Any]] = {
        "list": {"headers": ["GET / HTTP/1.1", f"X-A: {value}"]},
        "request line": {"headers": [f"GET /{value} HTTP/1.1", "X-A: b"]},
        "dict": {"headers": {"X-A": value}},
        "union": {"union_header": {"X-A": value}},
        "uri": {},
        "subprotocol": {"subprotocols": [value]},
    }
    uri = peer.uri + (value if place == "uri" else "")
    with pytest.raises(ValueError) as raised:  # noqa: PT011 (its type is the contract)
        await AioWebSocket(uri, **options[place]).create_connection()
    assert not isinstance(raised.value, OSError)
    await asyncio.sleep(0.05)
    assert peer.connections == 0
